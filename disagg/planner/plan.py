"""The plan of an environment: what would be created, what it uses, what it costs."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.catalog.models import MODELS
from disagg.catalog.prices import Offer, Prices
from disagg.config.capacity import OnDemand
from disagg.config.environment import Environment
from disagg.planner.add_ons import installed
from disagg.planner.cost import (
    CostLine,
    cost_lines,
    group_prices,
    usd_per_hour,
    usd_per_month,
)
from disagg.planner.existing import Existing, existing
from disagg.planner.fabric import Interface, network_interfaces
from disagg.planner.fit import Idle, full_layout, idle, placement
from disagg.planner.layout import NodePlan, PodPlan, groups, pod
from disagg.planner.memory import GpuMemory, gpu_memory
from disagg.planner.overridden import Overridden, overridden
from disagg.planner.performance.startup import Loading, loading
from disagg.planner.reservations import Ending, identity, placement_group_of
from disagg.planner.subnets import ADDRESSES_PER_GPU_NODE, SubnetLayout, subnet_layout

PLAN_SCHEMA_VERSION = 1
DEEP_HEALTH_CHECK_HOURS = 2.0
"""About how long HyperPod tests a new node [h]. Source: SageMaker developer guide
sagemaker-hyperpod-eks-resiliency-node-labels, read 2026-08-01."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupPlan:
    """One GPU node group."""

    name: str
    instance_type: str
    ami: str
    """Family of its AMI: `al2023` or `bottlerocket`."""
    nodes: int
    desired_nodes: int
    source: str
    """How it is bought: `on_demand`, `reservation`, `capacity_block` or `training_plan`."""
    reservation: str
    """Id or ARN of what was bought before; empty on demand."""
    placement_group: str
    """Name of the placement group its reservation was made in; `fabric`: that of the environment;
    empty: none."""
    ends: str
    """When its Capacity Block or training plan ends (RFC 3339, UTC); empty where it does not."""
    zone_id: str
    interfaces: tuple[Interface, ...]
    addresses: int
    """IPv4 addresses its nodes take from the fabric subnet [count]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything `disagg plan` shows; a pure function of the environment."""

    environment: str
    region: str
    platform: str
    node_test_hours: float
    """How long a new GPU node is tested before it takes pods [h]; 0: not at all."""
    model: str
    placement: str
    device_exposure: str
    """Who hands out GPUs and EFA devices: `device_plugin` or `dra`."""
    provisioner: str
    """What makes the GPU nodes: `managed_node_groups`, `karpenter` or `hyperpod`."""
    groups: tuple[GroupPlan, ...]
    nodes: tuple[NodePlan, ...]
    pods: tuple[tuple[PodPlan, int], ...]
    """One pod of each role, and how many of it run."""
    memory: tuple[tuple[str, GpuMemory], ...]
    """Role and how one of its GPUs divides its memory."""
    subnets: SubnetLayout
    fabric_addresses_used: int
    costs: tuple[CostLine, ...]
    idle: tuple[Idle, ...]
    kubernetes_version: str
    standard_support_ends: str
    """ISO date from which the control plane costs more."""
    extended_support_usd_per_hour: float | None
    """What it costs then [USD/h]; None where no price is known."""
    charts: tuple[tuple[str, str], ...]
    """Name and version of each Helm chart to install, in order."""
    loading: tuple[Loading, ...]
    """How the weights of each role reach its GPUs, and how long that takes."""
    suggestion: str
    """The layout that would use the idle GPUs; empty when none are idle or none would."""
    existing: tuple[Existing, ...]
    """What is used and not made: neither changed nor part of the cost."""
    overrides: tuple[Overridden, ...]
    """What the file changes of what is rendered from this plan, which knows nothing of it."""

    @property
    def usd_per_hour(self) -> float:
        """Cost with every node running [USD/h]."""
        return usd_per_hour(self.costs)

    @property
    def usd_per_hour_without_gpus(self) -> float:
        """Cost while the GPU groups are empty [USD/h]."""
        return usd_per_hour(self.costs, gpu_nodes=False)

    @property
    def usd_per_hour_held(self) -> float:
        """Cost of what was bought before, which runs whatever is deployed [USD/h]."""
        return usd_per_hour(tuple(line for line in self.costs if line.held))

    @property
    def usd_per_month(self) -> float:
        """Cost of running day and night [USD/month]."""
        return usd_per_month(self.costs)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, totals included."""
        totals = {
            "usd_per_hour": round(self.usd_per_hour, 4),
            "usd_per_hour_without_gpu_nodes": round(self.usd_per_hour_without_gpus, 4),
            "usd_per_hour_held": round(self.usd_per_hour_held, 4),
            "usd_per_month": round(self.usd_per_month, 2),
        }
        data = asdict(self)
        data["pods"] = [{"count": count, **asdict(one)} for one, count in self.pods]
        data["charts"] = dict(self.charts)
        data["memory"] = {role: asdict(memory) for role, memory in self.memory}
        for node, shown in zip(self.nodes, data["nodes"], strict=True):
            shown["used"] = asdict(node.used)
            shown["pods"] = dict(Counter(one.role for one in node.pods))
        return {"schema_version": PLAN_SCHEMA_VERSION, **data, "totals": totals}


def make_plan(environment: Environment, prices: Prices) -> Plan:
    """Return the plan of a checked environment: every pod has a node.

    Args:
        environment: A checked environment.
        prices: What is paid for nodes and services.

    Raises:
        KeyError: The environment was not checked (unknown model or instance type).
    """
    serving, capacity = environment.serving, environment.capacity
    region, hyperpod = environment.aws.region, environment.cluster.on_hyperpod
    filled, _ = placement(serving, capacity)
    node_prices = {
        name: price.usd_per_hour
        for name, price in group_prices(
            capacity, environment.cluster.platform, region, prices, environment.pricing
        ).items()
    }
    waste = idle(filled, node_prices)
    extended = prices.find("eks_cluster_extended_support", Offer.SERVICE, region)
    counted = Counter(one.role for node in filled for one in node.pods)
    roles = [role for role in ("prefill", "decode") if counted[role]]
    group_plans = tuple(_group(name, environment) for name in groups(capacity))
    return Plan(
        environment=environment.name,
        region=region,
        platform=environment.cluster.platform,
        node_test_hours=DEEP_HEALTH_CHECK_HOURS if hyperpod and hyperpod.deep_health_checks else 0,
        model=serving.model,
        placement=serving.placement,
        device_exposure=capacity.device_exposure,
        provisioner="hyperpod" if hyperpod else capacity.provisioner,
        groups=group_plans,
        nodes=filled,
        pods=tuple((pod(role, serving, capacity), counted[role]) for role in roles),
        memory=tuple((role, _memory(role, environment)) for role in roles),
        subnets=subnet_layout(environment.network),
        fabric_addresses_used=sum(group.addresses for group in group_plans),
        costs=cost_lines(environment, prices),
        idle=waste,
        kubernetes_version=environment.cluster.kubernetes_version,
        standard_support_ends=KUBERNETES_VERSIONS[
            environment.cluster.kubernetes_version
        ].standard_support_ends,
        extended_support_usd_per_hour=extended.usd_per_hour
        if extended and not environment.cluster.existing
        else None,
        charts=tuple((one.name, one.version) for one in installed(environment)),
        loading=loading(environment, filled),
        suggestion=_suggestion(environment) if waste else "",
        existing=existing(environment),
        overrides=overridden(environment.overrides),
    )


def _group(name: str, environment: Environment) -> GroupPlan:
    group = groups(environment.capacity)[name]
    source = group.source
    return GroupPlan(
        source=source.kind,
        reservation="" if isinstance(source, OnDemand) else identity(source),
        placement_group=placement_group_of(environment, name) or "",
        ends=source.end if isinstance(source, Ending) else "",
        name=name,
        instance_type=group.instance_type,
        ami=group.ami,
        nodes=group.nodes,
        desired_nodes=group.desired_nodes,
        zone_id=environment.network.fabric_zone_id,
        interfaces=network_interfaces(INSTANCE_TYPES[group.instance_type]),
        addresses=group.nodes * ADDRESSES_PER_GPU_NODE,
    )


def _memory(role: str, environment: Environment) -> GpuMemory:
    serving, capacity = environment.serving, environment.capacity
    one = pod(role, serving, capacity)
    model = MODELS[serving.model]
    instance = INSTANCE_TYPES[groups(capacity)[one.groups[0]].instance_type]
    context = serving.max_context_tokens or model.max_context_tokens
    return gpu_memory(model, instance, one.tensor_parallel, context)


def _suggestion(environment: Environment) -> str:
    serving = environment.serving
    fuller = full_layout(serving, environment.capacity)
    if fuller is None:
        return "no larger layout fits these nodes"
    changes = [
        f"serving.{role}.replicas: {getattr(fuller, role).replicas}"
        for role in ("prefill", "decode")
        if getattr(fuller, role).replicas != getattr(serving, role).replicas
    ]
    return " and ".join(changes)
