"""A VPC for one cluster: zones by id, one subnet where EFA works, calls to AWS kept inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from disagg.config.environment import Network as NetworkConfig
from disagg.planner.endpoint_policies import endpoint_policy
from disagg.planner.endpoints import GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS
from disagg.planner.subnets import Subnet, subnet_layout
from disagg_constructs.encryption import encrypted_log_group, rotating_key

_HTTPS = 443
_ANYWHERE = "0.0.0.0/0"
INTERNAL_LOAD_BALANCER_TAG = "kubernetes.io/role/internal-elb"
"""Marks the subnets internal load balancers go to. Source: AWS Load Balancer Controller, subnet
discovery."""
FLOW_LOG_FIELDS = (
    "version account-id vpc-id subnet-id az-id instance-id interface-id srcaddr dstaddr"
    " pkt-srcaddr pkt-dstaddr srcport dstport protocol tcp-flags packets bytes start end"
    " action log-status flow-direction traffic-path encryption-status"
)
"""Fields of a flow log record. Source: VPC user guide "flow log records"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkProps:
    """What the VPC covers."""

    cidr: str = "10.42.0.0/16"
    """IPv4 range, /16 to /22. Half of it becomes the fabric subnet."""
    availability_zone_ids: tuple[str, ...]
    """Two to six zone ids such as `usw2-az1`, each with a system subnet. Add new ones last."""
    fabric_zone_id: str
    """Zone of the GPU nodes."""
    internet: bool = True
    """False: no NAT gateway, no internet gateway, no public subnet, and each endpoint lets through
    only what is this account's."""
    encryption: Literal["none", "monitor", "enforce"] = "none"
    """VPC Encryption Controls; the gateways to the internet, where there are any, are excluded."""
    hyperpod: bool = False
    """Whether HyperPod's nodes pull images of its agents through the endpoints."""
    interface_endpoints: tuple[str, ...] = INTERFACE_ENDPOINTS
    """AWS services reached through the VPC. Default: what nodes, add-ons and controllers call."""
    fabric_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the fabric subnet, by which others find it. Default: none."""
    log_key: kms.IKey | None = None
    """Encrypts the flow log; its policy must admit CloudWatch Logs. Default: a new key that
    rotates."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR
    """How long flow log records are kept."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    """What becomes of the key and the flow log with the stack. Default: they go when the first
    deployment fails, and stay afterwards."""


class Network(Construct):
    """A VPC whose zones are named by id, so that the file means the same place in every account.

    Built of L1 resources, because `ec2.Vpc` names zones by account-specific letters and asks AWS
    for them. The way out is one NAT gateway in the fabric zone: images from other registries and
    model weights need it. Traffic to AWS services and S3 does not pass it. Without internet
    there is no way out and none in, and endpoints let through only this account's principals and
    resources, and images of AWS's own registries. The VPC's default
    security group stays as AWS made it: CloudFormation cannot empty it without a Lambda. Nothing
    here uses it.

    *Creates*: VPC, a fabric subnet, a system subnet for each zone, a public subnet with NAT gateway
    and internet gateway, two route tables, interface endpoints and their security group, an S3
    gateway endpoint, a flow log with log group, role and KMS key.
    *Cost*: one NAT gateway and its traffic; each interface endpoint by the hour in each zone; flow
    log records by the GB; one KMS key.
    *Replaces on change of*: `cidr` and `fabric_zone_id` (everything in the VPC), the order of
    `availability_zone_ids` (system subnets).
    """

    vpc: ec2.IVpc
    """The VPC with its system subnets as private subnets. The fabric and the public subnet are
    left out, so that no construct places anything there by default."""
    fabric_subnet: ec2.ISubnet
    """Private subnet of the GPU nodes."""
    system_subnets: Sequence[ec2.ISubnet]
    """Private subnets of everything else, one for each zone."""
    flow_log_group: logs.ILogGroup
    """Where flow log records go."""

    def __init__(self, scope: Construct, construct_id: str, *, props: NetworkProps) -> None:
        super().__init__(scope, construct_id)
        layout = subnet_layout(
            NetworkConfig(
                cidr=props.cidr,
                availability_zone_ids=props.availability_zone_ids,
                fabric_zone_id=props.fabric_zone_id,
                internet="nat" if props.internet else "none",
            )
        )
        self._vpc = ec2.CfnVPC(
            self,
            "Resource",
            cidr_block=props.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
        )
        cdk.Tags.of(self._vpc).add("Name", self.node.path)
        public = None if layout.public is None else self._subnet(layout.public)
        private_routes = self._routes(public)
        fabric = self._subnet(layout.fabric, private_routes)
        for key, value in props.fabric_tags.items():
            cdk.Tags.of(fabric).add(key, value)
        system = [self._subnet(one, private_routes) for one in layout.system]
        for subnet in system:
            cdk.Tags.of(subnet).add(INTERNAL_LOAD_BALANCER_TAG, "1")
        self.vpc = self._as_vpc(system, private_routes)
        self.system_subnets = self.vpc.private_subnets
        self.fabric_subnet = ec2.Subnet.from_subnet_attributes(
            self,
            "FabricSubnet",
            subnet_id=fabric.ref,
            availability_zone=fabric.attr_availability_zone,
            route_table_id=private_routes.ref,
            ipv4_cidr_block=layout.fabric.cidr,
        )
        self._endpoints(props, [one.ref for one in system], private_routes)
        self._encryption(props)
        self.flow_log_group = self._flow_log(props)

    def _subnet(self, plan: Subnet, routes: ec2.CfnRouteTable | None = None) -> ec2.CfnSubnet:
        subnet = ec2.CfnSubnet(
            self,
            plan.name,
            vpc_id=self._vpc.ref,
            cidr_block=plan.cidr,
            availability_zone_id=plan.zone_id,
            map_public_ip_on_launch=False,
        )
        cdk.Tags.of(subnet).add("Name", subnet.node.path)
        if routes is not None:
            self._associate(plan.name, subnet, routes)
        return subnet

    def _associate(self, name: str, subnet: ec2.CfnSubnet, routes: ec2.CfnRouteTable) -> None:
        ec2.CfnSubnetRouteTableAssociation(
            self, f"{name}Routes", subnet_id=subnet.ref, route_table_id=routes.ref
        )

    def _route_table(self, name: str) -> ec2.CfnRouteTable:
        table = ec2.CfnRouteTable(self, name, vpc_id=self._vpc.ref)
        cdk.Tags.of(table).add("Name", table.node.path)
        return table

    def _routes(self, public: ec2.CfnSubnet | None) -> ec2.CfnRouteTable:
        """Return the route table of the private subnets, with a way out where there is one."""
        nat = None if public is None else self._nat_gateway(public)
        private_routes = self._route_table("PrivateRouteTable")
        if nat is not None:
            ec2.CfnRoute(
                self,
                "ToNat",
                route_table_id=private_routes.ref,
                destination_cidr_block=_ANYWHERE,
                nat_gateway_id=nat.ref,
            )
        return private_routes

    def _nat_gateway(self, public: ec2.CfnSubnet) -> ec2.CfnNatGateway:
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self._vpc.ref, internet_gateway_id=gateway.ref
        )
        public_routes = self._route_table("PublicRouteTable")
        self._associate("Public", public, public_routes)
        to_internet = ec2.CfnRoute(
            self,
            "ToInternet",
            route_table_id=public_routes.ref,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.ref,
        )
        to_internet.add_resource_dependency(attachment)
        address = ec2.CfnEIP(self, "NatAddress", domain="vpc")
        address.add_resource_dependency(attachment)
        nat = ec2.CfnNatGateway(
            self, "NatGateway", subnet_id=public.ref, allocation_id=address.attr_allocation_id
        )
        nat.add_resource_dependency(to_internet)
        return nat

    def _as_vpc(self, system: list[ec2.CfnSubnet], routes: ec2.CfnRouteTable) -> ec2.IVpc:
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self._vpc.ref,
            vpc_cidr_block=self._vpc.attr_cidr_block,
            # Why: L2 constructs want zone names, which only AWS knows for this account:
            # CloudFormation fills them in.
            availability_zones=[one.attr_availability_zone for one in system],
            private_subnet_ids=[one.ref for one in system],
            private_subnet_route_table_ids=[routes.ref] * len(system),
        )

    def _endpoints(
        self, props: NetworkProps, subnet_ids: list[str], routes: ec2.CfnRouteTable
    ) -> None:
        group = ec2.SecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc=self.vpc,
            description="HTTPS from the VPC to the endpoints of AWS services",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(
            ec2.Peer.ipv4(props.cidr), ec2.Port.tcp(_HTTPS), "HTTPS from the VPC"
        )
        region = cdk.Stack.of(self).region
        for service in props.interface_endpoints:
            ec2.CfnVPCEndpoint(
                self,
                f"{_pascal_case(service)}Endpoint",
                vpc_id=self._vpc.ref,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=subnet_ids,
                security_group_ids=[group.security_group_id],
                private_dns_enabled=True,
                policy_document=self._policy(service, props),
            )
        for service in GATEWAY_ENDPOINTS:
            ec2.CfnVPCEndpoint(
                self,
                f"{_pascal_case(service)}GatewayEndpoint",
                vpc_id=self._vpc.ref,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[routes.ref],
                policy_document=self._policy(service, props),
            )

    def _policy(self, service: str, props: NetworkProps) -> Mapping[str, object] | None:
        """Return what may pass an endpoint; None, everything, where there is a way around it."""
        if props.internet:
            return None
        stack = cdk.Stack.of(self)
        return endpoint_policy(
            service,
            partition=stack.partition,
            region=stack.region,
            account=stack.account,
            hyperpod=props.hyperpod,
        )

    def _encryption(self, props: NetworkProps) -> None:
        if props.encryption == "none":
            return
        out = "enable" if props.internet else None
        control = ec2.CfnVPCEncryptionControl(
            self,
            "EncryptionControl",
            vpc_id=self._vpc.ref,
            mode=props.encryption,
            internet_gateway_exclusion_input=out,
            nat_gateway_exclusion_input=out,
        )
        cdk.Tags.of(control).add("Name", control.node.path)

    def _flow_log(self, props: NetworkProps) -> logs.ILogGroup:
        key = props.log_key or rotating_key(
            self,
            "Key",
            description=f"Flow log of {self.node.path}",
            removal_policy=props.removal_policy,
        )
        group = encrypted_log_group(
            self,
            "FlowLogGroup",
            key=key,
            retention=props.log_retention,
            removal_policy=props.removal_policy,
        )
        ec2.FlowLog(
            self,
            "FlowLog",
            resource_type=ec2.FlowLogResourceType.from_vpc(self.vpc),
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            log_format=[ec2.LogFormat.field(name) for name in FLOW_LOG_FIELDS.split()],
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.TEN_MINUTES,
        )
        return group


def _pascal_case(service: str) -> str:
    """Return the name of an AWS service as a construct id.

    Example:
        >>> _pascal_case("ecr.api")
        'EcrApi'
    """
    return "".join(part.capitalize() for part in service.replace("-", ".").split("."))
