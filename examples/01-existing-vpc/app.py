"""GPU nodes with EFA in a VPC and a cluster that were there before."""

import os

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import EfaFabric, EfaFabricProps, GpuNodeGroup, GpuNodeGroupProps

ACCOUNT, REGION = "123456789012", "us-west-2"
ZONES = ["us-west-2a", "us-west-2b"]
"""Zone names of this account; the GPU nodes go to the second one."""


class TheirStack(cdk.Stack):
    """A stack of another team: its own VPC, a cluster named by name, and our two constructs."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(
            scope, "TheirPlatform", env=cdk.Environment(account=ACCOUNT, region=REGION)
        )
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
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

    @property
    def availability_zones(self) -> list[str]:
        """The zones, said here so that CDK does not ask AWS for them."""
        return ZONES


app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
TheirStack(app)
app.synth()
