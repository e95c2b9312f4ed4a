"""How many prompt tokens are found in a cache: GPU memory first, then RAM, then disk."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """One place that keeps KV blocks, least recently used out first."""

    name: str
    bytes: float
    """Room for blocks over all workers that hold them [B]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TierHit:
    """What one tier answers."""

    name: str
    share: float
    """Share of all prompt tokens that are found here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """Where prompt tokens are found."""

    tiers: tuple[TierHit, ...]
    keeps_seconds: tuple[float, ...]
    """How long an entry survives in this tier and those above it [s]."""

    @property
    def share(self) -> float:
        """Share of all prompt tokens that need no prefill."""
        return sum(tier.share for tier in self.tiers)


def hits(
    *,
    reuse: float,
    think_seconds: float,
    new_bytes_per_second: float,
    tiers: tuple[Tier, ...],
    routed_to_its_cache: bool,
    workers: int,
) -> Hits:
    """Return the share of prompt tokens found in each tier.

    An entry is asked for again after a time that is exponential with mean `think_seconds`. Tiers
    are one least-recently-used list, cut where one is full: an entry is still in the first j tiers
    if it comes back within T_j = (bytes of the first j) / (bytes written a second). So tier j
    answers reuse x (exp(-T_{j-1} / think) - exp(-T_j / think)). A router that does not know where a
    prefix is finds it by chance: one time in as many as there are workers.

    Args:
        reuse: Share of prompt tokens that stood at the start of an earlier prompt.
        think_seconds: Mean time until they are asked for again [s].
        new_bytes_per_second: KV bytes that are newly written [B/s].
        tiers: From the fastest to the slowest; each holds what the one before has dropped.
        routed_to_its_cache: Whether the router sends a prompt where its prefix is.
        workers: Workers among which a prompt is dealt otherwise.

    Source: Che, Tung and Wang 2002, the characteristic time of an LRU cache, for requests whose
        gaps are exponential; one reuse for each entry is assumed.

    Example:
        >>> found = hits(reuse=0.8, think_seconds=10, new_bytes_per_second=1e9,
        ...              tiers=(Tier(name="GPU", bytes=10e9),), routed_to_its_cache=True, workers=4)
        >>> round(found.share, 3)
        0.506
    """
    found_there = reuse if routed_to_its_cache else reuse / workers
    before, room = 1.0, 0.0
    answers, keeps = [], []
    for tier in tiers:
        room += tier.bytes
        seconds = room / new_bytes_per_second if new_bytes_per_second > 0 else math.inf
        after = math.exp(-seconds / think_seconds)
        answers.append(TierHit(name=tier.name, share=found_there * (before - after)))
        keeps.append(seconds)
        before = after
    return Hits(tiers=tuple(answers), keeps_seconds=tuple(keeps))
