"""Rules about SageMaker HyperPod: what it takes, and what only EKS node groups take."""

from collections.abc import Iterator

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.environment.capacity_rules import placeable
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity, TrainingPlan
from disagg.config.environment import Aws, Cluster
from disagg.config.serving import Serving
from disagg.planner.fit import placement, shortages
from disagg.planner.layout import groups

_SOURCES = {
    "eks": ("on_demand", "reservation", "capacity_block"),
    "hyperpod": ("on_demand", "training_plan"),
}


@rule("DISAGG-HYP-001")
def hyperpod_is_told_on_hyperpod_only(cluster: Cluster) -> Iterator[Finding]:
    """What `cluster.hyperpod` says has a HyperPod cluster to hear it.

    On EKS node groups it would be a setting silently lost: their nodes are repaired by EKS, and
    nothing runs deep health checks.
    """
    if cluster.hyperpod is not None and cluster.platform != "hyperpod":
        yield Finding(
            at=("cluster", "hyperpod"),
            got=f"given, with platform {cluster.platform}",
            need="platform hyperpod",
            fix="set cluster.platform to hyperpod, or remove cluster.hyperpod",
        )


@rule("DISAGG-HYP-006")
def each_deep_health_check_is_named_once(cluster: Cluster) -> Iterator[Finding]:
    """A deep health check is named once: SageMaker takes a set of them."""
    named = cluster.hyperpod.deep_health_checks if cluster.hyperpod else ()
    for index, one in enumerate(named):
        if one in named[:index]:
            yield Finding(
                at=("cluster", "hyperpod", "deep_health_checks", index),
                got=f"{one} a second time",
                need="each check once",
                fix="remove it",
            )


@rule("DISAGG-HYP-002")
def capacity_can_be_used_on_the_platform(cluster: Cluster, capacity: Capacity) -> Iterator[Finding]:
    """Each platform takes the capacity that is sold for it.

    A training plan is sold by SageMaker for HyperPod; reservations and Capacity Blocks are EC2's,
    and HyperPod's nodes, which run in an account of AWS, cannot start in them.
    """
    can = _SOURCES[cluster.platform]
    for name, group in groups(capacity).items():
        if group.source.kind not in can:
            other = next(one for one, kinds in _SOURCES.items() if group.source.kind in kinds)
            yield Finding(
                at=("capacity", name, "source", "kind"),
                got=f"{group.source.kind} on {cluster.platform}",
                need=f"{', '.join(can[:-1])} or {can[-1]}",
                fix=f"buy the capacity otherwise, or set cluster.platform to {other}",
            )


@rule("DISAGG-HYP-003")
def hyperpod_places_its_nodes_itself(cluster: Cluster, capacity: Capacity) -> Iterator[Finding]:
    """No placement group is asked of HyperPod.

    An instance group has no such setting; HyperPod puts nodes near one another where it can, and
    labels them with their place in the network.
    """
    if cluster.platform == "hyperpod" and capacity.placement_group == "cluster":
        yield Finding(
            at=("capacity", "placement_group"),
            got="cluster on hyperpod",
            need="auto or none",
            fix="remove it: HyperPod places its nodes itself",
        )


@rule("DISAGG-HYP-004")
def training_plans_are_of_this_account(aws: Aws, capacity: Capacity) -> Iterator[Finding]:
    """A training plan is used in the account and region it was bought in."""
    for name, group in groups(capacity).items():
        if isinstance(group.source, TrainingPlan):
            region, account = group.source.arn.split(":")[3:5]
            if (region, account) != (aws.region, aws.account):
                yield Finding(
                    at=("capacity", name, "source", "arn"),
                    got=f"a plan of account {account} in {region}",
                    need=f"account {aws.account} in {aws.region}, as under aws",
                    fix="name a plan of this account and region, or change aws",
                )


@rule("DISAGG-HYP-005")
def tiered_storage_leaves_room_for_pods(
    cluster: Cluster, serving: Serving, capacity: Capacity
) -> Iterator[Finding]:
    """What tiered storage takes of a node's RAM is not asked for by pods.

    HyperPod's daemon takes its share when the node starts; pods that want the same bytes are killed
    when the node runs out.
    """
    hyperpod = cluster.on_hyperpod
    if hyperpod is None or hyperpod.tiered_storage_percent is None:
        return
    if not placeable(serving, capacity) or shortages(serving, capacity):
        return
    percent = hyperpod.tiered_storage_percent
    fullest = max(placement(serving, capacity)[0], key=lambda node: node.used.memory_mib)
    taken = INSTANCE_TYPES[fullest.instance_type].memory_mib * percent // 100
    left = fullest.available.memory_mib - taken
    if fullest.used.memory_mib > left:
        yield Finding(
            at=("cluster", "hyperpod", "tiered_storage_percent"),
            got=f"{percent} % of RAM, beside {fullest.used.memory_mib:,} MiB of pods on a node",
            need=f"pods of at most {max(left, 0):,} MiB a node",
            fix="lower tiered_storage_percent, or memory_gib of the pools",
        )
