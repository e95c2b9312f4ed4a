"""How a node is bought: every way against its arithmetic by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disagg.catalog.prices import Offer
from disagg.catalog.source import Kind
from disagg.config.environment import Block, Pricing, SavingsPlan
from disagg.config.prices import bundled_prices
from disagg.planner.money.purchase import NodePrice, node_price

B200 = "p6-b200.48xlarge"


def price(pricing: Pricing, region: str = "us-east-1", offer: Offer = Offer.ON_DEMAND) -> NodePrice:
    found = node_price(bundled_prices(), B200, region, pricing, offer)
    assert found is not None
    return found


def test_on_demand_is_the_list_price_and_published() -> None:
    found = price(Pricing())
    assert (found.usd_per_hour, found.kind, found.committed) == (113.9328, Kind.PUBLISHED, False)


def test_the_price_of_another_region_is_assumed() -> None:
    found = price(Pricing(), "us-west-2")
    assert (found.usd_per_hour, found.kind) == (113.9328, Kind.ASSUMED)
    assert "us-west-2" in found.reference


def test_hyperpod_costs_a_fifth_more_and_says_that_it_is_derived() -> None:
    found = price(Pricing(), offer=Offer.HYPERPOD)
    assert found.usd_per_hour == pytest.approx(1.2 * 113.9328)
    assert found.kind is Kind.DERIVED


def test_discounts_multiply_and_a_plan_is_a_commitment() -> None:
    found = price(Pricing(edp_percent=10, savings_plan=SavingsPlan(discount_percent=40, years=3)))
    assert found.usd_per_hour == pytest.approx(113.9328 * 0.9 * 0.6)
    assert found.committed
    assert found.kind is Kind.DERIVED
    assert "3-year savings plan -40 %, EDP -10 %" in found.how


def test_a_block_costs_what_the_offer_says_whatever_the_discount() -> None:
    block = Block(upfront_usd=50_000, nodes=2, hours=336)
    found = price(Pricing(edp_percent=10, capacity_block=block))
    assert found.usd_per_hour == pytest.approx(50_000 / 672)
    assert found.list_usd_per_hour == 113.9328
    assert found.committed


def test_a_type_without_a_price_has_none_until_the_user_gives_one() -> None:
    prices = bundled_prices()
    assert node_price(prices, "p5e.48xlarge", "us-east-2", Pricing()) is None
    plan = Pricing(training_plan=Block(upfront_usd=4_800, nodes=1, hours=100))
    found = node_price(prices, "p5e.48xlarge", "us-east-2", plan)
    assert found is not None
    assert found.usd_per_hour == pytest.approx(48)
    assert found.list_usd_per_hour is None


@given(st.floats(0, 99), st.floats(0.1, 99))
def test_no_discount_makes_a_node_dearer_or_free(edp: float, plan: float) -> None:
    found = price(
        Pricing(edp_percent=edp, savings_plan=SavingsPlan(discount_percent=plan, years=1))
    )
    assert 0 < found.usd_per_hour < 113.9328
