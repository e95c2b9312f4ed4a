"""The layer that outlives every other."""

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg.config.existing import ExistingNetwork as ExistingConfig
from disagg.planner.endpoints import interface_endpoints
from disagg.planner.karpenter import by_karpenter, fabric_tags
from disagg_constructs import ExistingNetwork, ExistingNetworkProps, Network, NetworkProps
from disagg_stacks.base import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """VPC, subnets, endpoints and flow log of an environment; of a VPC of others, only its ids."""

    network: Network | ExistingNetwork
    """Where the other layers are."""

    def __init__(self, scope: cdk.App | cdk.Stage, *, environment: Environment) -> None:
        plan = environment.network
        super().__init__(
            scope,
            environment=environment,
            layer="Network",
            description="Names of a VPC for disaggregated LLM inference"
            if plan.existing
            else "VPC for disaggregated LLM inference",
        )
        self.network = (
            self._existing(plan.cidr, plan.existing)
            if plan.existing
            else Network(
                self,
                "Network",
                props=NetworkProps(
                    cidr=plan.cidr,
                    availability_zone_ids=plan.availability_zone_ids,
                    fabric_zone_id=plan.fabric_zone_id,
                    internet=not environment.closed,
                    encryption=plan.encryption,
                    log_key=self.own_key(environment),
                    hyperpod=environment.cluster.platform == "hyperpod",
                    interface_endpoints=interface_endpoints(environment),
                    fabric_tags=fabric_tags(environment) if by_karpenter(environment) else {},
                ),
            )
        )
        self.publish("vpc-id", self.network.vpc.vpc_id)
        self.publish("fabric-subnet-id", self.network.fabric_subnet.subnet_id)
        self.publish(
            "system-subnet-ids", ",".join(one.subnet_id for one in self.network.system_subnets)
        )

    def _existing(self, cidr: str, plan: ExistingConfig) -> ExistingNetwork:
        return ExistingNetwork(
            self,
            "Network",
            props=ExistingNetworkProps(
                vpc_id=plan.vpc_id,
                cidr=cidr,
                fabric_subnet_id=plan.fabric_subnet.id,
                system_subnets=[(one.id, one.zone_id) for one in plan.system_subnets],
            ),
        )
