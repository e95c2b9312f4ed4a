"""Capacity that was bought before: which groups share it, and when AWS takes it back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from disagg.config.capacity import Capacity, CapacityBlock, GpuGroup, Reservation
from disagg.config.environment import Environment
from disagg.planner.layout import groups

SCALE_DOWN_BEFORE_END = timedelta(minutes=40)
"""When EKS scales the node group of a Capacity Block to zero. Source: EKS user guide "Create a
managed node group with Capacity Blocks for ML", read 2026-11-23."""
TERMINATION_BEFORE_END = timedelta(minutes=30)
"""When EC2 begins to end its instances. Source: EC2 user guide "Capacity Blocks for ML"."""


def end_of(block: CapacityBlock) -> datetime:
    """Return when a block ends.

    Raises:
        ValueError: No such day or hour; DISAGG-RSV-008 has said so in a checked environment.
    """
    return datetime.strptime(block.end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockTimes:
    """The last hours of a Capacity Block, in UTC."""

    drain: datetime
    """When the drain is to begin, and the message is sent."""
    scale_down: datetime
    """When EKS scales the group to zero."""
    termination: datetime
    """When EC2 begins to end instances."""
    end: datetime


def block_times(block: CapacityBlock) -> BlockTimes:
    """Return the last hours of a block.

    Example:
        >>> one = CapacityBlock(kind="capacity_block", id="cr-0123456789abcdef0", instances=1,
        ...                     zone_id="usw2-az2", end="2027-03-01T11:30:00Z")
        >>> times = block_times(one)
        >>> times.drain.isoformat(), times.scale_down.isoformat()
        ('2027-03-01T09:50:00+00:00', '2027-03-01T10:50:00+00:00')
    """
    end = end_of(block)
    scale_down = end - SCALE_DOWN_BEFORE_END
    return BlockTimes(
        drain=scale_down - timedelta(minutes=block.drain_minutes),
        scale_down=scale_down,
        termination=end - TERMINATION_BEFORE_END,
        end=end,
    )


def block_message(environment: str, names: tuple[str, ...], block: CapacityBlock) -> str:
    """Return what is said before a block ends: what happens when, and where the runbook is."""
    times = block_times(block)
    who = " and ".join(f"capacity.{name}" for name in names)
    return (
        f"disagg environment {environment}: drain {who} now. Capacity Block {block.id} ends"
        f" {block.end}; EKS scales the group to zero at {times.scale_down:%H:%M} UTC and EC2 begins"
        f" to end instances at {times.termination:%H:%M} UTC, whatever runs on them. Steps:"
        f" dist/{environment}/runbooks/{block.id}.md of disagg synth."
    )


def messages(environment: Environment) -> tuple[tuple[str, datetime, str], ...]:
    """Return what is said before each block ends: its id, when (UTC), and the text."""
    found = []
    for block, one in shared(environment.capacity).items():
        source = next(iter(one.values())).source
        if isinstance(source, CapacityBlock):
            text = block_message(environment.name, tuple(one), source)
            found.append((block, block_times(source).drain, text))
    return tuple(found)


Held = Reservation | CapacityBlock


def held(capacity: Capacity) -> dict[str, Held]:
    """Return the sources that were bought before, by the name of their group."""
    return {
        name: group.source
        for name, group in groups(capacity).items()
        if isinstance(group.source, Reservation | CapacityBlock)
    }


def identity(source: Held) -> str:
    """Return what names a reservation: its id, or the ARN of its resource group."""
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


def overdue(environment: Environment, now: datetime) -> tuple[str, ...]:
    """Return a word for each block whose drain should have begun by now."""
    return tuple(
        f"Capacity Block {block}: its drain was due {at:%Y-%m-%d %H:%M} UTC; a schedule in the past"
        " cannot be made, so name the next block"
        for block, at, _ in messages(environment)
        if at <= now
    )


FABRIC = "fabric"
"""Stands for the placement group that an environment makes for itself."""
_NODES_THAT_CAN_BE_NEAR = 2


def placement_group_of(capacity: Capacity, name: str) -> str | None:
    """Return the placement group of a group's nodes: `FABRIC`, a name, or None.

    | source, placement_group | auto | cluster | none |
    |---|---|---|---|
    | on demand | fabric, from two such nodes | fabric | none |
    | reservation made in X | X | X | refused (DISAGG-RSV-006) |
    | reservation made in none | none | fabric, warned of (DISAGG-RSV-007) | none |
    | Capacity Block | none | refused (DISAGG-RSV-005) | none |

    Source: aws-parallelcluster validators, as in `checks/environment/reservation_rules.py`.
    """
    source, wanted = groups(capacity)[name].source, capacity.placement_group
    if isinstance(source, CapacityBlock):
        return None
    if isinstance(source, Reservation):
        return source.placement_group or (FABRIC if wanted == "cluster" else None)
    return FABRIC if makes_placement_group(capacity) else None


def makes_placement_group(capacity: Capacity) -> bool:
    """Tell whether the environment makes a placement group of its own."""
    if capacity.placement_group != "auto":
        return capacity.placement_group == "cluster"
    bought = [one for one in groups(capacity).values() if one.source.kind == "on_demand"]
    return sum(one.nodes for one in bought) >= _NODES_THAT_CAN_BE_NEAR
