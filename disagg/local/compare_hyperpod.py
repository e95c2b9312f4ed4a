"""What was created of a HyperPod cluster, against what the environment plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from disagg.catalog.instances import node_type
from disagg.catalog.resources import (
    GPU_TAINT,
    LABEL_NODE_ENVIRONMENT,
    LABEL_NODE_ROLE,
    SYSTEM_NODES,
)
from disagg.config.environment import Environment
from disagg.local.aws.readback_hyperpod import HyperPod, InstanceGroup
from disagg.local.facts import Fact, open_to_itself
from disagg.planner.layout import groups
from disagg.planner.plan import GroupPlan, Plan

if TYPE_CHECKING:
    from disagg.local.compare import Created

_RECOVERY = {"automatic": "Automatic", "none": "None"}
_CHECKS = {"instance_stress": "InstanceStress", "instance_connectivity": "InstanceConnectivity"}


def hyperpod_facts(environment: Environment, plan: Plan, created: "Created") -> Iterator[Fact]:
    """Yield every fact of the HyperPod cluster and its groups; nothing on EKS."""
    wanted = environment.cluster.on_hyperpod
    if wanted is None:
        return
    yield Fact(about="HyperPod: a cluster", planned=True, created=created.hyperpod is not None)
    found = created.hyperpod
    if found is None:
        return
    yield Fact(
        about="HyperPod: its control plane",
        planned=created.cluster.arn,
        created=found.eks_cluster_arn,
    )
    yield Fact(
        about="HyperPod: node recovery, provisioning",
        planned=(_RECOVERY[wanted.node_recovery], "Continuous"),
        created=(found.node_recovery, found.provisioning_mode),
    )
    yield Fact(
        about="HyperPod: tiered storage, percent of RAM",
        planned=wanted.tiered_storage_percent,
        created=found.tiered_storage_percent,
    )
    yield from _system(environment, created, found)
    checks = [_CHECKS[one] for one in wanted.deep_health_checks]
    for group in plan.groups:
        yield from _group(environment, group, checks, created, found)


def _system(environment: Environment, created: "Created", found: HyperPod) -> Iterator[Fact]:
    wanted = environment.cluster
    named = [one for one in found.groups if one.labels.get(LABEL_NODE_ROLE) == SYSTEM_NODES]
    zones = {one.id: one.zone_id for one in created.subnets}
    yield Fact(
        about="system nodes: type, size, zones",
        planned=[
            (
                node_type(wanted.system_type, "hyperpod"),
                wanted.system_nodes,
                sorted(environment.network.availability_zone_ids),
            )
        ],
        created=[
            (one.instance_type, one.count, sorted(zones.get(i, i) for i in one.subnet_ids))
            for one in named
        ],
    )


def _group(
    environment: Environment,
    plan: GroupPlan,
    checks: list[str],
    created: "Created",
    found: HyperPod,
) -> Iterator[Fact]:
    name = f"{plan.name} nodes"
    named = [one for one in found.groups if one.labels.get(LABEL_NODE_ROLE) == plan.name]
    yield Fact(
        about=f"{name}: instance groups labelled {LABEL_NODE_ROLE}={plan.name}",
        planned=1,
        created=len(named),
    )
    for one in named:
        yield from _instances(environment, plan, checks, created, one)


def _instances(
    environment: Environment,
    plan: GroupPlan,
    checks: list[str],
    created: "Created",
    group: InstanceGroup,
) -> Iterator[Fact]:
    name = f"{plan.name} nodes"
    zones = {one.id: one.zone_id for one in created.subnets}
    rows = (
        (
            "type, size",
            (node_type(plan.instance_type, "hyperpod"), plan.desired_nodes),
            (group.instance_type, group.count),
        ),
        (
            "labels",
            {LABEL_NODE_ENVIRONMENT: environment.name, LABEL_NODE_ROLE: plan.name},
            dict(group.labels),
        ),
        ("taints", [] if checks else [(*GPU_TAINT, "NoSchedule")], list(group.taints)),
        ("zone", [plan.zone_id], [zones.get(one, one) for one in group.subnet_ids]),
        ("interfaces", "efa-only", group.interface_type),
        (
            "group of the cluster on its interfaces",
            True,
            created.cluster.cluster_security_group_id in group.security_group_ids,
        ),
        (
            "a group open to itself both ways",
            True,
            any(open_to_itself(created.security_groups[one]) for one in group.security_group_ids),
        ),
        ("threads of a core", 2, group.threads_per_core),
        ("deep health checks", checks, list(group.deep_health_checks)),
        ("training plan", plan.reservation, group.training_plan_arn),
        ("a script before it joins", True, group.script.endswith(".sh")),
        (
            "second volume [GiB]",
            [groups(environment.capacity)[plan.name].root_volume_gib],
            list(group.volumes_gib),
        ),
    )
    for about, planned, there in rows:
        yield Fact(about=f"{name}: {about}", planned=planned, created=there)
