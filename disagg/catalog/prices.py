"""Hourly prices of what is not an instance."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One price in us-east-1."""

    usd: float
    """[USD/h] for one."""
    source: Source


def _assumed(page: str) -> Source:
    return Source(
        kind=Kind.ASSUMED,
        reference=f"{page}, from general knowledge, to be checked",
        date="2026-11-23",
    )


PRICES = {
    "eks_cluster": Price(
        usd=0.10,
        source=Source(
            kind=Kind.PUBLISHED, reference="EKS pricing page, standard support", date="2026-11-23"
        ),
    ),
    "eks_cluster_extended_support": Price(usd=0.60, source=_assumed("EKS pricing page")),
    "nat_gateway": Price(usd=0.045, source=_assumed("VPC pricing page, without data processing")),
    "interface_endpoint": Price(
        usd=0.01, source=_assumed("PrivateLink pricing page, each zone, without data")
    ),
}
