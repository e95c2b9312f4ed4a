"""The layers of an environment, wired in the order they are deployed."""

from dataclasses import dataclass

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg.config.images import Ecr
from disagg.planner.weights import store_of
from disagg_stacks.capacity import CapacityStack
from disagg_stacks.cluster import ClusterStack
from disagg_stacks.delivery import DeliveryStack
from disagg_stacks.hyperpod import HyperPodStack
from disagg_stacks.images import ImagesStack
from disagg_stacks.network import NetworkStack
from disagg_stacks.overrides import override
from disagg_stacks.security import SecurityStack
from disagg_stacks.storage import StorageStack


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacks:
    """The stacks of one environment, in the order they are deployed."""

    network: NetworkStack
    cluster: ClusterStack
    storage: StorageStack | None
    """None where every pod asks the hub for its weights."""
    capacity: CapacityStack | HyperPodStack
    delivery: DeliveryStack | None = None
    """None: the file says nothing of `delivery`."""
    security: SecurityStack | None = None
    """None: nobody is told of money spent."""
    images: ImagesStack | None = None
    """None: nodes pull from elsewhere."""


def build(scope: cdk.App | cdk.Stage, environment: Environment) -> Stacks:
    """Return the stacks of an environment, added to an app or stage.

    Args:
        scope: An app made with the context of `cdk.json`, or a stage of somebody else's pipeline.
        environment: A checked environment; an unchecked one fails with what the planner or CDK
        says.

    Raises:
        InvalidInputError: An override of the file names no resource.
    """
    network = NetworkStack(scope, environment=environment)
    cluster = ClusterStack(scope, environment=environment, network=network.network)
    if environment.network.existing is not None:
        # Why: the cluster takes nothing from a stack that only names what others own.
        cluster.add_stack_dependency(network)
    capacity: CapacityStack | HyperPodStack
    if environment.cluster.platform == "hyperpod":
        capacity = HyperPodStack(
            scope, environment=environment, network=network.network, cluster=cluster.made
        )
    else:
        capacity = CapacityStack(
            scope, environment=environment, network=network.network, cluster=cluster.cluster
        )
    store = store_of(environment)
    storage = (
        StorageStack(
            scope,
            environment=environment,
            network=network.network,
            cluster=cluster.cluster,
            store=store,
        )
        if store
        else None
    )
    delivery = (
        DeliveryStack(
            scope,
            environment=environment,
            network=network.network,
            cluster=cluster.made,
            load_balancer_role=cluster.load_balancer.role,
        )
        if environment.delivery
        else None
    )
    if environment.cluster.existing is not None:
        capacity.add_stack_dependency(cluster)
    told = environment.budget is not None and environment.budget.tells_anybody
    security = SecurityStack(scope, environment=environment) if told else None
    source = environment.images
    images = (
        ImagesStack(scope, environment=environment, source=source)
        if isinstance(source, Ecr)
        else None
    )
    every = (network, cluster, storage, capacity, delivery, security, images)
    override([one for one in every if one is not None], environment.overrides.resources)
    return Stacks(
        network=network,
        cluster=cluster,
        storage=storage,
        capacity=capacity,
        delivery=delivery,
        security=security,
        images=images,
    )
