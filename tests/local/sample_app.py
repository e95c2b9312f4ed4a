"""A small CDK app with everything the embedded AWS endpoint must keep: python sample_app.py OUT."""

import sys

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

ENVIRONMENT = cdk.Environment(account="210987654321", region="us-west-2")
ZONES = ("usw2-az1", "usw2-az2")
CARDS = 8


class Network(cdk.Stack):
    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name, env=ENVIRONMENT)
        self.key = kms.Key(self, "Key", enable_key_rotation=True)
        self.vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block="10.42.0.0/16",
            enable_dns_hostnames=True,
            tags=[_tag("Name", "sample")],
        )
        gateway = ec2.CfnInternetGateway(self, "Gateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "Attached", vpc_id=self.vpc.ref, internet_gateway_id=gateway.ref
        )
        public = self._subnet("Public", ZONES[0], "10.42.0.0/24", public=True)
        route = ec2.CfnRoute(
            self,
            "PublicRoute",
            route_table_id=public[1].ref,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.ref,
        )
        route.add_resource_dependency(attached)
        address = ec2.CfnEIP(self, "Address", domain="vpc")
        nat = ec2.CfnNatGateway(
            self, "Nat", subnet_id=public[0].ref, allocation_id=address.attr_allocation_id
        )
        self.private = [
            self._subnet(f"Private{index}", zone, f"10.42.{16 * index}.0/20", public=False)
            for index, zone in enumerate(ZONES, start=1)
        ]
        for index, (_, table) in enumerate(self.private, start=1):
            ec2.CfnRoute(
                self,
                f"PrivateRoute{index}",
                route_table_id=table.ref,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=nat.ref,
            )
        self._fabric_group()
        self._endpoints()
        self._flow_log()
        self.bucket = s3.Bucket(self, "Models", encryption_key=self.key, enforce_ssl=True)

    def _subnet(
        self, name: str, zone: str, cidr: str, *, public: bool
    ) -> tuple[ec2.CfnSubnet, ec2.CfnRouteTable]:
        subnet = ec2.CfnSubnet(
            self,
            name,
            vpc_id=self.vpc.ref,
            availability_zone_id=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=public,
            tags=[_tag("Name", name)],
        )
        table = ec2.CfnRouteTable(self, f"{name}Table", vpc_id=self.vpc.ref)
        ec2.CfnSubnetRouteTableAssociation(
            self, f"{name}Association", route_table_id=table.ref, subnet_id=subnet.ref
        )
        return subnet, table

    def _fabric_group(self) -> None:
        self.fabric = ec2.CfnSecurityGroup(
            self,
            "Fabric",
            group_description="fabric",
            vpc_id=self.vpc.ref,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(ip_protocol="-1", cidr_ip="0.0.0.0/0")
            ],
        )
        ec2.CfnSecurityGroupIngress(
            self,
            "FabricIn",
            group_id=self.fabric.attr_group_id,
            ip_protocol="-1",
            source_security_group_id=self.fabric.attr_group_id,
            description="fabric in",
        )
        ec2.CfnSecurityGroupEgress(
            self,
            "FabricOut",
            group_id=self.fabric.attr_group_id,
            ip_protocol="-1",
            destination_security_group_id=self.fabric.attr_group_id,
            description="fabric out",
        )

    def _endpoints(self) -> None:
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self.vpc.ref,
            service_name="com.amazonaws.us-west-2.s3",
            route_table_ids=[table.ref for _, table in self.private],
        )
        ec2.CfnVPCEndpoint(
            self,
            "Ecr",
            vpc_id=self.vpc.ref,
            service_name="com.amazonaws.us-west-2.ecr.api",
            vpc_endpoint_type="Interface",
            subnet_ids=[subnet.ref for subnet, _ in self.private],
            security_group_ids=[self.fabric.attr_group_id],
            private_dns_enabled=True,
            tags=[_tag("Name", "ecr")],
        )

    def _flow_log(self) -> None:
        group = logs.LogGroup(self, "FlowLogs", encryption_key=self.key)
        role = iam.Role(
            self, "FlowRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com")
        )
        ec2.CfnFlowLog(
            self,
            "Flow",
            resource_id=self.vpc.ref,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
            max_aggregation_interval=60,
        )


class Cluster(cdk.Stack):
    def __init__(self, scope: Construct, name: str, network: Network) -> None:
        super().__init__(scope, name, env=ENVIRONMENT)
        self.network = network
        subnets = [subnet.ref for subnet, _ in network.private]
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=network.vpc.ref,
            availability_zones=["us-west-2a", "us-west-2b"],
            private_subnet_ids=subnets,
        )
        self.cluster = eks.Cluster(
            self,
            "Cluster",
            cluster_name="sample",
            version=eks.KubernetesVersion.V1_34,
            vpc=vpc,
            vpc_subnets=[ec2.SubnetSelection(subnets=vpc.private_subnets)],
            endpoint_access=eks.EndpointAccess.PRIVATE,
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            secrets_encryption_key=network.key,
            bootstrap_cluster_creator_admin_permissions=False,
            cluster_logging=list(eks.ClusterLoggingTypes),
        )
        admin = iam.Role(self, "Admin", role_name="platform", assumed_by=iam.AccountRootPrincipal())
        self.cluster.grant_access(
            "AdminAccess",
            admin.role_arn,
            [
                eks.AccessPolicy.from_access_policy_name(
                    "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
                )
            ],
        )
        self._identities()
        self._nodes(subnets[:1])
        ssm.StringParameter(
            self, "Where", parameter_name="/sample/cluster", string_value=self.cluster.cluster_name
        )

    def _identities(self) -> None:
        pod_role = iam.Role(
            self,
            "PodRole",
            role_name="pods",
            assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com"),
        )
        self.network.bucket.grant_read(pod_role)
        eks.CfnPodIdentityAssociation(
            self,
            "Pods",
            cluster_name=self.cluster.cluster_name,
            namespace="serving",
            service_account="model",
            role_arn=pod_role.role_arn,
        )
        eks.CfnAddon(
            self,
            "Cni",
            cluster_name=self.cluster.cluster_name,
            addon_name="vpc-cni",
            addon_version="v1.20.4-eksbuild.1",
            configuration_values='{"env": {"WARM_IP_TARGET": "1"}}',
        )

    def _interfaces(self) -> list[ec2.CfnLaunchTemplate.NetworkInterfaceProperty]:
        groups = [self.network.fabric.attr_group_id, self.cluster.cluster_security_group_id]
        fabric = [
            ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                network_card_index=card,
                device_index=1 if card == 0 else 0,
                interface_type="efa-only",
                groups=groups,
                delete_on_termination=True,
            )
            for card in range(CARDS)
        ]
        first = ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
            network_card_index=0,
            device_index=0,
            interface_type="interface",
            groups=groups,
            delete_on_termination=True,
            associate_public_ip_address=False,
        )
        return [first, *fabric]

    def _nodes(self, subnets: list[str]) -> None:
        template = ec2.CfnLaunchTemplate
        near = ec2.PlacementGroup(self, "Near", strategy=ec2.PlacementGroupStrategy.CLUSTER)
        launch = template(
            self,
            "Launch",
            launch_template_data=template.LaunchTemplateDataProperty(
                instance_type="p6-b200.48xlarge",
                network_interfaces=self._interfaces(),
                placement=template.PlacementProperty(group_name=near.placement_group_name),
                metadata_options=template.MetadataOptionsProperty(
                    http_tokens="required", http_put_response_hop_limit=1
                ),
                block_device_mappings=[
                    template.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=template.EbsProperty(
                            volume_size=500, volume_type="gp3", encrypted=True, iops=6000
                        ),
                    )
                ],
                user_data=cdk.Fn.base64(f"# nodes of {self.cluster.cluster_name}\n"),
            ),
        )
        role = iam.Role(
            self,
            "NodeRole",
            role_name="nodes",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        )
        group = eks.CfnNodegroup
        group(
            self,
            "Gpu",
            nodegroup_name="gpu",
            cluster_name=self.cluster.cluster_name,
            node_role=role.role_arn,
            subnets=subnets,
            ami_type="AL2023_x86_64_NVIDIA",
            capacity_type="ON_DEMAND",
            launch_template=group.LaunchTemplateSpecificationProperty(
                id=launch.ref, version=launch.attr_latest_version_number
            ),
            scaling_config=group.ScalingConfigProperty(min_size=0, desired_size=1, max_size=2),
            update_config=group.UpdateConfigProperty(max_unavailable=1),
            node_repair_config=group.NodeRepairConfigProperty(enabled=True),
            labels={"Pool": "gpu"},
            taints=[
                group.TaintProperty(key="nvidia.com/gpu", value="present", effect="NO_SCHEDULE")
            ],
        )


def _tag(key: str, value: str) -> cdk.CfnTag:
    return cdk.CfnTag(key=key, value=value)


def main(outdir: str, unknown_type: str = "") -> None:
    app = cdk.App(
        outdir=outdir,
        analytics_reporting=False,
        context={"@aws-cdk/core:defaultCrossStackReferences": "strong"},
    )
    network = Network(app, "Sample-Network")
    if unknown_type:
        cdk.CfnResource(network, "Unknown", type=unknown_type)
    else:
        Cluster(app, "Sample-Cluster", network)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
