"""Hourly prices of what is not an instance."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One price in us-east-1."""

    usd: float
    """[USD/h] for one."""
    source: Source


def _quoted(page: str) -> Source:
    reference = f"{page}, as several third-party guides of 2026 quote it"
    return Source(kind=Kind.PUBLISHED, reference=reference, date="2026-04-30")


PRICES = {
    "eks_cluster": Price(
        usd=0.10,
        source=Source(
            kind=Kind.PUBLISHED, reference="EKS pricing page, standard support", date="2026-11-23"
        ),
    ),
    "eks_cluster_extended_support": Price(
        usd=0.60,
        source=Source(
            kind=Kind.ASSUMED, reference="EKS pricing page, from memory", date="2026-11-23"
        ),
    ),
    "nat_gateway": Price(usd=0.045, source=_quoted("VPC pricing page, without data processing")),
    "public_ipv4_address": Price(usd=0.005, source=_quoted("VPC pricing page")),
    "interface_endpoint": Price(
        usd=0.01, source=_quoted("PrivateLink pricing page, each zone, without data")
    ),
}
