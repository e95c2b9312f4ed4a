"""Savings: units carried by the numbers themselves, limits, and a worked example."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planner.money.dimensions import quantity

from disagg.planner.money import savings as module
from disagg.planner.money.savings import Change, article_formula, pilot_steps, savings
from disagg.planner.money.unit_cost import usd_per_output_token


def change(**values: Any) -> Change:
    given_values = {
        "baseline_usd_per_month": 100_000.0,
        "gain": 1.2,
        "price_ratio": 1.0,
        "extra_usd_per_month": 0.0,
        "once_usd": 0.0,
    }
    return Change(**(given_values | values))


def test_the_cost_of_a_token_is_dollars_over_tokens() -> None:
    price, rate = quantity(113.9328, USD=1, h=-1), quantity(1_000.0, token=1, s=-1)
    cost: Any = usd_per_output_token(price, rate / quantity(1.0, s=-1) * quantity(1.0, h=-1), 0.5)
    assert dict(cost.unit) == {"USD": 1, "token": -1}


def test_the_sound_formula_adds_up_in_dollars_a_month() -> None:
    spend = quantity(100_000.0, USD=1, month=-1)
    result: Any = savings(
        change(
            baseline_usd_per_month=spend,
            extra_usd_per_month=quantity(5_000.0, USD=1, month=-1),
            once_usd=quantity(10_000.0, USD=1),
        )
    )
    assert dict(result.usd_per_month.unit) == {"USD": 1, "month": -1}
    assert dict(result.payback_months.unit) == {"month": 1}
    assert dict(result.break_even_share.unit) == {}


def test_the_articles_formula_takes_dollars_from_squared_tokens_and_cannot_be_added_up() -> None:
    with pytest.raises(TypeError, match=r"token.*USD"):
        article_formula(
            quantity(15_926.0, token=1, s=-1),
            quantity(1e9, token=1),
            quantity(2.628e6, s=1),
            1.7,
            quantity(10_000.0, USD=1),
        )
    assert "inconsistent" in article_formula(1, 1, 1, 1.7, 0).verdict


def test_no_money_is_computed_from_the_articles_formula() -> None:
    source = module.savings.__code__.co_names + module.pilot_steps.__code__.co_names
    assert "article_formula" not in source


def test_the_articles_gain_costs_eighteen_percent_more_for_each_token() -> None:
    # +70 % tokens on twice the GPUs: 0.85 for each GPU.
    result = savings(change(gain=1.7 / 2))
    assert result.usd_per_month == pytest.approx(-100_000 * (1 / 0.85 - 1))
    assert result.payback_months == math.inf
    assert result.break_even_share == math.inf


@given(
    spend=st.floats(1, 1e7),
    gain=st.floats(0.1, 10),
    ratio=st.floats(0.5, 2),
    extra=st.floats(0, 1e6),
    once=st.floats(0, 1e6),
)
def test_it_pays_only_when_the_gain_exceeds_the_price_ratio(
    spend: float, gain: float, ratio: float, extra: float, once: float
) -> None:
    result = savings(
        change(
            baseline_usd_per_month=spend,
            gain=gain,
            price_ratio=ratio,
            extra_usd_per_month=extra,
            once_usd=once,
        )
    )
    if gain <= ratio:
        assert result.usd_per_month <= 1e-6
        assert result.break_even_share == math.inf
    else:
        # Money is conserved: what is no longer spent is the saving and the extra cost together.
        after = spend * ratio / gain
        assert result.usd_per_month + extra + after == pytest.approx(spend)
        # At the break-even volume nothing is left.
        at = savings(
            change(
                baseline_usd_per_month=spend * result.break_even_share,
                gain=gain,
                price_ratio=ratio,
                extra_usd_per_month=extra,
            )
        )
        assert at.usd_per_month == pytest.approx(0, abs=1e-6 * max(spend, extra, 1))


@given(st.floats(1.01, 5), st.floats(1.01, 5))
def test_a_larger_gain_never_saves_less(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert (
        savings(change(gain=low)).usd_per_month <= savings(change(gain=high)).usd_per_month + 1e-9
    )


def test_on_nodes_that_are_paid_anyway_a_gain_saves_nothing() -> None:
    result = savings(change(gain=3.0, fixed=True, extra_usd_per_month=100.0))
    assert result.usd_per_month == -100.0
    assert "capacity" in result.reason


def test_the_pilot_costs_its_nodes_times_its_hours() -> None:
    steps = pilot_steps(113.9328, 2)
    assert [step.nodes for step in steps] == [1, 2, 2]
    assert sum(step.usd for step in steps) == pytest.approx(113.9328 * (16 + 80 + 48))
