"""Rules that depend on the time of day.

They are for what verbs say, never for what is written, which is the same bytes on any day.
"""

from collections.abc import Iterator
from datetime import datetime

from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.errors import Severity
from disagg.planner.reservations import block_times, ending, title

ENDED = "DISAGG-RSV-012"
"""Code of what `disagg deploy` refuses unless it is told otherwise."""


@rule("DISAGG-RSV-011", severity=Severity.WARNING)
def drains_are_still_to_come(capacity: Capacity, now: datetime) -> Iterator[Finding]:
    """The message before the end of a Capacity Block or training plan is still to come.

    It is a schedule for one minute, and EventBridge makes none in the past. Nodes that start now
    are taken back within the hours that are left.
    """
    for source, members in ending(capacity).items():
        try:
            times = block_times(source)
        except (ValueError, OverflowError):
            continue  # Why: DISAGG-RSV-008 says so.
        if times.drain <= now < times.end:
            yield Finding(
                at=("capacity", next(iter(members)), "source", "end"),
                got=f"{title(source)}, whose drain was due {times.drain:%Y-%m-%d %H:%M} UTC",
                need="an end that leaves time to use it",
                fix="name the next one, or set desired_nodes: 0",
            )


@rule(ENDED, severity=Severity.WARNING)
def what_was_bought_has_not_ended(capacity: Capacity, now: datetime) -> Iterator[Finding]:
    """A Capacity Block or training plan has not ended yet.

    AWS gives no node of one that is over, and the group waits for ever. `disagg deploy` refuses it
    (exit 64) unless `--ended-capacity` says that the groups are to stay without nodes.
    """
    for source, members in ending(capacity).items():
        try:
            end = block_times(source).end
        except (ValueError, OverflowError):
            continue  # Why: as above.
        if end <= now:
            who = " and ".join(f"capacity.{name}" for name in members)
            yield Finding(
                at=("capacity", next(iter(members)), "source", "end"),
                got=f"{title(source)} of {who} ended {source.end}",
                need="one that has not ended",
                fix="name the next one, or buy on demand: source: {kind: on_demand}",
            )
