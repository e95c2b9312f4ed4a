"""What a price is, and which one counts for a region. The figures are in `prices.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from disagg.catalog.source import Kind, Source

PRICED_REGION = "us-east-1"
"""The region whose prices stand in for those of regions without a row of their own."""
STALE_AFTER_DAYS = 90
"""Age from which a price is shown with a warning [days]."""
REFUSED_AFTER_DAYS = 365
"""Age from which money is not computed unless the user accepts it [days]."""


class Offer(StrEnum):
    """Ways to pay by the hour."""

    ON_DEMAND = "on_demand"
    HYPERPOD = "hyperpod"
    """SageMaker HyperPod cluster instances (`ml.` types), on demand."""
    SERVICE = "service"
    """What is not an instance."""


OFFERS: Mapping[str, Offer] = {"eks": Offer.ON_DEMAND, "hyperpod": Offer.HYPERPOD}
"""Price list of the nodes of each platform."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One price of one region."""

    item: str
    offer: Offer
    region: str
    usd_per_hour: float
    source: Source

    def age_days(self, today: date) -> int:
        """Return how old the price is [days].

        Example:
            >>> where = Source(kind=Kind.PUBLISHED, reference="a page", date="2026-09-01")
            >>> price = Price(item="x", offer=Offer.SERVICE, region="us-east-1",
            ...               usd_per_hour=1.0, source=where)
            >>> price.age_days(date(2026, 11, 30))
            90
        """
        return (today - date.fromisoformat(self.source.date)).days


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """A table of prices, from one file."""

    file: str
    rows: tuple[Price, ...]

    def find(self, item: str, offer: Offer, region: str) -> Price | None:
        """Return the price of the region, else that of us-east-1 marked as assumed, else None.

        The row returned carries the region it was asked for.
        """
        rows = {(row.item, row.offer, row.region): row for row in self.rows}
        found = rows.get((item, offer, region))
        if found is not None:
            return found
        stand_in = rows.get((item, offer, PRICED_REGION))
        if stand_in is None:
            return None
        reference = f"{stand_in.source.reference}; of {PRICED_REGION}, assumed equal in {region}"
        source = replace(stand_in.source, kind=Kind.ASSUMED, reference=reference)
        return replace(stand_in, region=region, source=source)

    def on_demand(self, item: str, region: str) -> float | None:
        """Return the on-demand price of an instance type [USD/h], None where none is known."""
        found = self.find(item, Offer.ON_DEMAND, region)
        return None if found is None else found.usd_per_hour
