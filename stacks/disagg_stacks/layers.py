"""The layers of an environment, wired in the order they are deployed."""

from dataclasses import dataclass

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg_stacks.capacity import CapacityStack
from disagg_stacks.cluster import ClusterStack
from disagg_stacks.delivery import DeliveryStack
from disagg_stacks.hyperpod import HyperPodStack
from disagg_stacks.network import NetworkStack


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacks:
    """The stacks of one environment, in the order they are deployed."""

    network: NetworkStack
    cluster: ClusterStack
    capacity: CapacityStack | HyperPodStack
    delivery: DeliveryStack | None = None
    """None: the file says nothing of `delivery`."""


def build(scope: cdk.App | cdk.Stage, environment: Environment) -> Stacks:
    """Return the stacks of an environment, added to an app or stage.

    Args:
        scope: An app made with the context of `cdk.json`, or a stage of somebody else's pipeline.
        environment: A checked environment; an unchecked one fails with what the planner or CDK
        says.
    """
    network = NetworkStack(scope, environment=environment)
    cluster = ClusterStack(scope, environment=environment, network=network.network)
    made_of = HyperPodStack if environment.cluster.platform == "hyperpod" else CapacityStack
    capacity = made_of(
        scope, environment=environment, network=network.network, cluster=cluster.cluster
    )
    delivery = (
        DeliveryStack(
            scope,
            environment=environment,
            network=network.network,
            cluster=cluster.cluster,
            load_balancer_role=cluster.load_balancer.role,
        )
        if environment.delivery
        else None
    )
    return Stacks(network=network, cluster=cluster, capacity=capacity, delivery=delivery)
