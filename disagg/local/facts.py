"""One fact of a comparison, and what several comparisons ask of what was created."""

from dataclasses import dataclass
from typing import Any

from disagg.local.aws.readback_network import SecurityGroup


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that was planned, and what AWS says there is."""

    about: str
    planned: Any
    created: Any

    @property
    def agrees(self) -> bool:
        """Whether the two are equal."""
        return bool(self.planned == self.created)


def open_to_itself(group: SecurityGroup) -> bool:
    """Tell whether a security group lets all traffic from and to itself, as EFA needs."""
    both = (group.ingress, group.egress)
    return all(
        any(one.protocol == "-1" and one.peer == group.id for one in rules) for rules in both
    )
