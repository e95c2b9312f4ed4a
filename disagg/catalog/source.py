"""Where a figure comes from (design law 7)."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a figure is."""

    MEASURED = "measured"
    PUBLISHED = "published"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Origin of a row: what was read or run, where, and when."""

    kind: Kind
    reference: str
    date: str
    """ISO date on which it was read or measured, or that the source gives for itself."""


def published(reference: str, date: str) -> Source:
    """Return the source of what its makers say of it: in a document, or in the code itself."""
    return Source(kind=Kind.PUBLISHED, reference=reference, date=date)
