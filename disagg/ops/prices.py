"""Prices from AWS's own APIs: the price list, and the offers of Capacity Blocks."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.prices import Offer, Price, Prices
from disagg.catalog.source import Kind, Source
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.errors import DisaggError

PRICE_LIST_REGION = "us-east-1"
"""The price list API answers in few regions, for all of them. Source: botocore 1.44.5 endpoints."""


class PriceListError(DisaggError):
    """AWS answered with something that is not one price."""


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn what AWS or its client refuses into one line with what to do.

    Raises:
        PriceListError: No credentials, no permission, no network, a wrong argument.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        needs = "-> it needs pricing:GetProducts and ec2:DescribeCapacityBlockOfferings"
        raise PriceListError(f"AWS was not asked, or refused: {error}\n  {needs}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockOffer:
    """One offer of a Capacity Block."""

    offering_id: str
    instance_type: str
    nodes: int
    hours: int
    upfront_usd: float
    zone: str
    start: str

    @property
    def usd_per_node_hour(self) -> float:
        """What one node costs for each hour of the block [USD/h]."""
        return self.upfront_usd / (self.nodes * self.hours)

    def as_pricing(self) -> dict[str, float]:
        """Return what goes under `pricing.capacity_block` of a file that buys this offer."""
        return {"upfront_usd": self.upfront_usd, "nodes": self.nodes, "hours": self.hours}


def priced_types(region: str) -> tuple[str, ...]:
    """Return the types whose prices matter in a region: GPU types sold there, and system types."""
    gpus = [row.name for row in INSTANCE_TYPES.values() if region in row.regions]
    return (*gpus, *SYSTEM_INSTANCE_TYPES)


def refreshed(client: Any, region: str, types: Iterable[str], today: date, old: Prices) -> Prices:
    """Return the old prices with those of a region replaced by what AWS says today.

    What AWS names no price for keeps its old row, with its old date.

    Args:
        client: A boto3 client of `pricing`, in a region that has it.
        region: AWS region whose prices are asked.
        types: Instance types to ask for.
        today: The date the answers get.
        old: The table to bring up to date.

    Raises:
        PriceListError: Two different prices for one type, or one that is not in US dollars.
    """
    found = [row for name in types for row in _asked(client, region, name, today)]
    new = {(row.item, row.offer, row.region): row for row in found}
    kept = [row for row in old.rows if (row.item, row.offer, row.region) not in new]
    return replace(old, rows=(*new.values(), *kept))


def _asked(client: Any, region: str, name: str, today: date) -> Iterator[Price]:
    ec2 = {
        "regionCode": region,
        "instanceType": name,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
    }
    hyperpod = {"regionCode": region, "instanceName": f"ml.{name}"}
    for offer, service, filters in (
        (Offer.ON_DEMAND, "AmazonEC2", ec2),
        (Offer.HYPERPOD, "AmazonSageMaker", hyperpod),
    ):
        products = _products(client, service, filters)
        if offer is Offer.HYPERPOD:
            # Why: the same type is priced apart for training, notebooks and clusters.
            products = [one for one in products if "Cluster:" in _usage(one)]
        amounts = {amount for one in products for amount in _amounts(one, name)} - {0.0}
        if len(amounts) > 1:
            listed = ", ".join(f"{amount:g}" for amount in sorted(amounts))
            raise PriceListError(f"{service} has several prices for {name} in {region}: {listed}")
        reference = f"AWS price list API, {service}, {region}"
        source = Source(kind=Kind.PUBLISHED, reference=reference, date=today.isoformat())
        for amount in amounts:
            yield Price(item=name, offer=offer, region=region, usd_per_hour=amount, source=source)


def _products(client: Any, service: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": one} for key, one in wanted.items()]
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = client.get_products(ServiceCode=service, Filters=filters, **token)
        found += [json.loads(one) for one in answer["PriceList"]]
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def _usage(product: dict[str, Any]) -> str:
    return str(product["product"]["attributes"].get("usagetype", ""))


def _amounts(product: dict[str, Any], name: str) -> Iterator[float]:
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"] != "Hrs":
                continue
            if "USD" not in dimension["pricePerUnit"]:
                currencies = ", ".join(dimension["pricePerUnit"])
                raise PriceListError(f"the price of {name} is in {currencies}, not in US dollars")
            yield float(dimension["pricePerUnit"]["USD"])


def block_offers(client: Any, instance_type: str, nodes: int, hours: int) -> list[BlockOffer]:
    """Return the Capacity Blocks AWS offers now, cheapest first.

    Args:
        client: A boto3 client of `ec2` in the region of the nodes.
        instance_type: GPU instance type.
        nodes: Nodes of the block, 1 to 64.
        hours: Length of the block [h]: whole days up to 14, then whole weeks up to 26.

    Raises:
        PriceListError: An offer is not in US dollars.
    """
    pages = client.get_paginator("describe_capacity_block_offerings").paginate(
        InstanceType=instance_type, InstanceCount=nodes, CapacityDurationHours=hours
    )
    offers = []
    for one in (one for page in pages for one in page["CapacityBlockOfferings"]):
        if one["CurrencyCode"].upper() != "USD":
            raise PriceListError(f"an offer is in {one['CurrencyCode']}, not in US dollars")
        offers.append(
            BlockOffer(
                offering_id=one["CapacityBlockOfferingId"],
                instance_type=one["InstanceType"],
                nodes=one["InstanceCount"],
                hours=one["CapacityBlockDurationHours"],
                upfront_usd=float(one["UpfrontFee"]),
                zone=one["AvailabilityZone"],
                start=one["StartDate"].isoformat(),
            )
        )
    return sorted(offers, key=lambda offer: (offer.usd_per_node_hour, offer.start))
