"""What one node really costs by the hour, given how it is bought."""

from dataclasses import dataclass

from disagg.catalog.prices import Offer, Price, Prices
from disagg.catalog.source import Kind
from disagg.config.environment import Block, Pricing


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePrice:
    """Price of one node, and what kind of figure it is."""

    usd_per_hour: float
    list_usd_per_hour: float | None
    """On demand without any discount [USD/h]; None where none is known."""
    how: str
    """How it is bought, in words."""
    committed: bool
    """True when it is paid whether it is used or not."""
    kind: Kind
    reference: str
    date: str


def node_price(
    prices: Prices,
    instance_type: str,
    region: str,
    pricing: Pricing,
    offer: Offer = Offer.ON_DEMAND,
) -> NodePrice | None:
    """Return the price of one node, or None where neither a list nor the user names one.

    A Capacity Block or training plan is paid up front for a number of nodes and hours, so a node
    costs `upfront / (nodes x hours)` for each hour of it. A savings plan and an EDP (enterprise
    discount) are shares of what is billed by the hour: `list x (1 - plan) x (1 - edp)`. The EDP
    is not taken off an upfront offer: what the offer says is what is paid.

    Args:
        prices: The price table.
        instance_type: A type of the catalogue.
        region: AWS region.
        pricing: What the user pays instead of the list price.
        offer: On demand from EC2, or as HyperPod.

    Source: planner facts §4 for the inputs; the arithmetic is the definition of a discount.

    Example:
        >>> from disagg.config.prices import bundled_prices
        >>> block = Block(upfront_usd=33_600, nodes=2, hours=240)
        >>> price = node_price(bundled_prices(), "p5e.48xlarge", "us-east-2",
        ...                    Pricing(capacity_block=block))
        >>> price.usd_per_hour, price.committed
        (70.0, True)
    """
    listed = prices.find(instance_type, offer, region)
    block = pricing.capacity_block or pricing.training_plan
    if block is not None:
        name = "Capacity Block" if pricing.capacity_block else "training plan"
        return _block_price(block, name, listed)
    if listed is None:
        return None
    plan = pricing.savings_plan
    share = (1 - (plan.discount_percent if plan else 0) / 100) * (1 - pricing.edp_percent / 100)
    discounts = [
        *([f"{plan.years}-year savings plan -{plan.discount_percent:g} %"] if plan else []),
        *([f"EDP -{pricing.edp_percent:g} %"] if pricing.edp_percent else []),
    ]
    how = ", ".join([offer.value.replace("_", " "), *discounts])
    # Why: the user's discount makes a published price a derived one; an assumed one stays so.
    known = listed.source.kind
    return NodePrice(
        usd_per_hour=listed.usd_per_hour * share,
        list_usd_per_hour=listed.usd_per_hour,
        how=how,
        committed=plan is not None,
        # Why: the user's discount makes a published price a derived one, an assumed one stays so.
        kind=Kind.DERIVED if discounts and known is not Kind.ASSUMED else known,
        reference="; less ".join([listed.source.reference, *discounts]),
        date=listed.source.date,
    )


def _block_price(block: Block, name: str, listed: Price | None) -> NodePrice:
    return NodePrice(
        usd_per_hour=block.upfront_usd / (block.nodes * block.hours),
        list_usd_per_hour=None if listed is None else listed.usd_per_hour,
        how=f"{name}, ${block.upfront_usd:,.0f} for {block.nodes} nodes and {block.hours} h",
        committed=True,
        kind=Kind.PUBLISHED,
        reference=f"the {name} of the file: an offer AWS made you",
        date="",
    )
