"""The layer that outlives every other."""

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg_constructs import Network, NetworkProps
from disagg_stacks.base import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """VPC, subnets, endpoints and flow log of an environment."""

    def __init__(self, scope: cdk.App | cdk.Stage, *, environment: Environment) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Network",
            description="VPC for disaggregated LLM inference",
        )
        plan = environment.network
        self.network = Network(
            self,
            "Network",
            props=NetworkProps(
                cidr=plan.cidr,
                availability_zone_ids=plan.availability_zone_ids,
                fabric_zone_id=plan.fabric_zone_id,
            ),
        )
        self.publish("vpc-id", self.network.vpc.vpc_id)
        self.publish("fabric-subnet-id", self.network.fabric_subnet.subnet_id)
        self.publish(
            "system-subnet-ids", ",".join(one.subnet_id for one in self.network.system_subnets)
        )
