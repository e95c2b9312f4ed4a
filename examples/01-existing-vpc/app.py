"""GPU nodes with EFA in a VPC and a cluster that were there before."""

import os

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import EfaFabric, EfaFabricProps, GpuNodeGroup, GpuNodeGroupProps

ACCOUNT, REGION = "123456789012", "us-west-2"


class TheirStack(cdk.Stack):
    """A stack of another team: VPC and cluster made elsewhere, and our two constructs."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(
            scope, "TheirPlatform", env=cdk.Environment(account=ACCOUNT, region=REGION)
        )
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["us-west-2a", "us-west-2b"],
            private_subnet_ids=["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
            private_subnet_route_table_ids=["rtb-0aaaaaaaaaaaaaaaa", "rtb-0bbbbbbbbbbbbbbbb"],
        )
        cluster_group = ec2.SecurityGroup.from_security_group_id(
            self, "ClusterSecurityGroup", "sg-0123456789abcdef0"
        )
        fabric = EfaFabric(self, "Fabric", props=EfaFabricProps(vpc=vpc, nodes=2))
        GpuNodeGroup(
            self,
            "PrefillNodes",
            props=GpuNodeGroupProps(
                cluster_name="their-cluster",
                cluster_security_group=cluster_group,
                efa_security_group=fabric.security_group,
                placement_group_name=fabric.placement_group_name,
                subnet=vpc.private_subnets[1],
                role="prefill",
                instance_type="p6-b200.48xlarge",
                max_nodes=2,
            ),
        )


app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
TheirStack(app)
app.synth()
