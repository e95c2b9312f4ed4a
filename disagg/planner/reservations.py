"""Capacity that was bought before: which groups share it, and when AWS takes it back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from disagg.config.capacity import (
    Capacity,
    CapacityBlock,
    GpuGroup,
    OnDemand,
    Reservation,
    TrainingPlan,
)
from disagg.config.environment import Environment
from disagg.planner.karpenter import by_karpenter
from disagg.planner.layout import groups

SCALE_DOWN_BEFORE_END = timedelta(minutes=40)
"""When EKS scales the node group of a Capacity Block to zero. Karpenter begins to drain then, which
is 10 minutes before EC2 ends instances. Source: EKS user guide "Create a managed node group with
Capacity Blocks for ML", read 2026-11-23; Karpenter documentation, tasks/odcrs, 1.14."""
TERMINATION_BEFORE_END = timedelta(minutes=30)
"""When EC2 begins to end its instances. Source: EC2 user guide "Capacity Blocks for ML"."""

RECLAIM_BEFORE_END = timedelta(hours=1)
"""When SageMaker begins to take the nodes of a training plan back. Source: third-party notes of
2026-10-04 that quote the SageMaker developer guide, training plans: to be checked."""

Ending = CapacityBlock | TrainingPlan
"""What AWS takes back at a time that is known."""
Held = Reservation | Ending
"""What was bought before."""


def end_of(block: Ending) -> datetime:
    """Return when a block or a training plan ends.

    Raises:
        ValueError: No such day or hour; DISAGG-RSV-008 has said so in a checked environment.
    """
    return datetime.strptime(block.end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockTimes:
    """The last hours of a Capacity Block or training plan, in UTC."""

    drain: datetime
    """When the drain is to begin, and the message is sent."""
    scale_down: datetime
    """When EKS scales the group to zero; of a training plan, when SageMaker takes nodes back."""
    termination: datetime
    """When instances begin to end."""
    end: datetime


def block_times(block: Ending) -> BlockTimes:
    """Return the last hours of a block or a training plan.

    Example:
        >>> one = CapacityBlock(kind="capacity_block", id="cr-0123456789abcdef0", instances=1,
        ...                     zone_id="usw2-az2", end="2027-03-01T11:30:00Z")
        >>> times = block_times(one)
        >>> times.drain.isoformat(), times.scale_down.isoformat()
        ('2027-03-01T09:50:00+00:00', '2027-03-01T10:50:00+00:00')
    """
    end = end_of(block)
    planned = isinstance(block, TrainingPlan)
    scale_down = end - (RECLAIM_BEFORE_END if planned else SCALE_DOWN_BEFORE_END)
    return BlockTimes(
        drain=scale_down - timedelta(minutes=block.drain_minutes),
        scale_down=scale_down,
        termination=scale_down if planned else end - TERMINATION_BEFORE_END,
        end=end,
    )


def block_message(
    environment: str, names: tuple[str, ...], block: Ending, *, karpenter: bool = False
) -> str:
    """Return what is said before a block ends: what happens when, and where the runbook is.

    Args:
        environment: Its name.
        names: The groups that the block is for.
        block: What ends.
        karpenter: Whether Karpenter makes their nodes. It drains them when EKS would empty a group.
    """
    times = block_times(block)
    who = " and ".join(f"capacity.{name}" for name in names)
    if isinstance(block, TrainingPlan):
        then = f"SageMaker begins to take its nodes back at {times.termination:%H:%M} UTC"
    else:
        who_empties = "Karpenter begins to drain" if karpenter else "EKS scales the group to zero"
        then = (
            f"{who_empties} at {times.scale_down:%H:%M} UTC and EC2 begins to end"
            f" instances at {times.termination:%H:%M} UTC"
        )
    return (
        f"disagg environment {environment}: drain {who} now. {title(block)} ends {block.end};"
        f" {then}, whatever runs on them. Steps:"
        f" dist/{environment}/runbooks/{short_name(block)}.md of disagg synth."
    )


def short_name(source: Held) -> str:
    """Return the name of what was bought, without the parts of an ARN before it."""
    return identity(source).rsplit("/", 1)[-1]


def title(block: Ending) -> str:
    """Return what a block or training plan is called in a sentence."""
    kind = "Training plan" if isinstance(block, TrainingPlan) else "Capacity Block"
    return f"{kind} {short_name(block)}"


def messages(environment: Environment) -> tuple[tuple[str, datetime, str], ...]:
    """Return what is said before each block ends: its name, when (UTC), and the text."""
    return tuple(
        (
            short_name(source),
            block_times(source).drain,
            block_message(
                environment.name, tuple(members), source, karpenter=by_karpenter(environment)
            ),
        )
        for source, members in ending(environment.capacity).items()
    )


def ending(capacity: Capacity) -> dict[Ending, dict[str, GpuGroup]]:
    """Return the groups of each Capacity Block and training plan."""
    first = ((next(iter(one.values())).source, one) for one in shared(capacity).values())
    return {source: one for source, one in first if isinstance(source, Ending)}


def held(capacity: Capacity) -> dict[str, Held]:
    """Return the sources that were bought before, by the name of their group."""
    return {
        name: group.source
        for name, group in groups(capacity).items()
        if isinstance(group.source, Held)
    }


def identity(source: Held) -> str:
    """Return what names a reservation: its id, its ARN, or the ARN of its resource group."""
    if isinstance(source, TrainingPlan):
        return source.arn
    if isinstance(source, Reservation) and source.id is None:
        return source.resource_group or ""
    return source.id or ""


def shared(capacity: Capacity) -> dict[str, dict[str, GpuGroup]]:
    """Return the groups by what they are bought with, for what was bought before."""
    named = groups(capacity)
    found: dict[str, dict[str, GpuGroup]] = {}
    for name, source in held(capacity).items():
        # Why: one that is named by nothing is nobody's (DISAGG-RSV-001).
        if identity(source):
            found.setdefault(identity(source), {})[name] = named[name]
    return found


def not_planned(capacity: Capacity) -> tuple[tuple[str, Held, int], ...]:
    """Return what is held and not planned for: a group of it, what it is, and how many nodes.

    What was bought before is paid for as a whole, used or not. Source: EC2 user guide "Capacity
    Reservations pricing and billing" (unused ones are billed), "Capacity Blocks for ML" (paid up
    front); SageMaker developer guide, training plans (paid up front), read 2026-11-28.
    """
    found = []
    for members in shared(capacity).values():
        name, group = next(iter(members.items()))
        planned = sum(one.nodes for one in members.values())
        if not isinstance(group.source, OnDemand) and group.source.instances > planned:
            found.append((name, group.source, group.source.instances - planned))
    return tuple(found)


FABRIC = "fabric"
"""Stands for the placement group that an environment makes for itself."""
_NODES_THAT_CAN_BE_NEAR = 2


def placement_group_of(environment: Environment, name: str) -> str | None:
    """Return the placement group of a group's nodes: `FABRIC`, a name, or None.

    | source, placement_group | auto | cluster | none |
    |---|---|---|---|
    | on demand | fabric, from two such nodes | fabric | none |
    | reservation made in X | X | X | refused (DISAGG-RSV-006) |
    | reservation made in none | none | fabric, warned of (DISAGG-RSV-007) | none |
    | Capacity Block | none | refused (DISAGG-RSV-005) | none |

    HyperPod has none to name: it places its nodes itself. With Karpenter none is made, since a node
    class must know its name (DISAGG-KRP-003): only a reservation has one.

    Source: aws-parallelcluster validators, as in `checks/environment/reservation_rules.py`.
    """
    capacity = environment.capacity
    source, wanted = groups(capacity)[name].source, capacity.placement_group
    if environment.cluster.platform == "hyperpod" or isinstance(source, Ending):
        return None
    if isinstance(source, Reservation):
        return source.placement_group or (FABRIC if wanted == "cluster" else None)
    return FABRIC if makes_placement_group(environment) else None


def makes_placement_group(environment: Environment) -> bool:
    """Tell whether the environment makes a placement group of its own."""
    capacity = environment.capacity
    if environment.cluster.platform == "hyperpod" or by_karpenter(environment):
        return False
    if capacity.placement_group != "auto":
        return capacity.placement_group == "cluster"
    bought = [one for one in groups(capacity).values() if one.source.kind == "on_demand"]
    return sum(one.nodes for one in bought) >= _NODES_THAT_CAN_BE_NEAR
