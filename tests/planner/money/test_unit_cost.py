"""Cost of tokens: published examples, a volume by hand, and what must hold for any numbers."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from disagg.planner.money.unit_cost import (
    Priced,
    month,
    sensitivity,
    unit_cost,
    usd_per_output_token,
)

B200_NODE, H200_NODE = 113.9328, 63.296

money = st.floats(0.01, 1e5)
rates = st.floats(1.0, 1e6)
shares = st.floats(0.01, 1.0)
layouts = st.builds(
    Priced,
    usd_per_hour=money,
    output_tokens_per_second=rates,
    input_per_output=st.floats(0.01, 200),
    prefill_share=st.floats(0.0, 1.0),
)


@pytest.mark.parametrize(
    ("usd_per_hour", "tokens_per_second", "usd_per_mtok"),
    [
        (B200_NODE / 2, 15_926, 0.994),  # one vLLM at tp 4: half a node
        (B200_NODE, 15_926 * 1.7, 1.169),  # the article's +70 % on eight GPUs
        (B200_NODE, 15_746, 2.01),
        (B200_NODE, 22_560, 1.40),
        (B200_NODE, 75_246, 0.42),
        (B200_NODE, 8 * 2_896, 1.366),  # Dynamo's table, aggregated and disaggregated
        (B200_NODE, 8 * 2_069, 1.912),
        (H200_NODE, 8 * 1_256, 1.750),
        (H200_NODE, 8 * 1_046, 2.101),
    ],
)
def test_published_throughputs_cost_what_was_worked_out_by_hand(
    usd_per_hour: float, tokens_per_second: float, usd_per_mtok: float
) -> None:
    cost = 1e6 * usd_per_output_token(usd_per_hour, tokens_per_second, 1.0)
    assert cost == pytest.approx(usd_per_mtok, abs=0.0051)


@pytest.mark.parametrize("utilisation", [0.0, -0.1, 1.0001])
def test_a_utilisation_outside_its_range_is_refused(utilisation: float) -> None:
    with pytest.raises(ValueError, match="utilisation"):
        usd_per_output_token(1.0, 1.0, utilisation)


def test_a_layout_that_makes_no_tokens_has_no_cost_of_a_token() -> None:
    with pytest.raises(ValueError, match="goodput"):
        usd_per_output_token(1.0, 0.0, 1.0)


@given(layouts, shares)
def test_every_view_divides_the_same_money(layout: Priced, utilisation: float) -> None:
    cost = unit_cost(layout, utilisation)
    outputs = 3.6e3 * utilisation * layout.output_tokens_per_second / 1e6  # Mtok in one hour
    inputs = outputs * layout.input_per_output
    spent = pytest.approx(layout.usd_per_hour)
    assert cost.usd_per_mtok_all_on_output * outputs == spent
    assert cost.usd_per_mtok_blended * (inputs + outputs) == spent
    assert cost.usd_per_mtok_input * inputs + cost.usd_per_mtok_output * outputs == spent


@given(layouts, st.floats(1e3, 1e13), shares)
def test_whole_layouts_cost_at_least_the_continuous_price_and_less_than_one_more(
    layout: Priced, tokens: float, mean_over_peak: float
) -> None:
    result = month(layout, tokens, mean_over_peak)
    one = layout.usd_per_hour * 730
    assert result.stepped_usd == pytest.approx(result.layouts * one)
    assert result.stepped_usd >= result.continuous_usd * (1 - 1e-6)
    assert result.layouts == 1 or result.stepped_usd - result.continuous_usd <= one * (1 + 1e-6)
    assert 0 < result.used <= mean_over_peak * (1 + 1e-6)
    assert result.idle_usd == pytest.approx(result.stepped_usd * (1 - result.used))


@given(layouts, st.floats(1e6, 1e13), st.floats(1e6, 1e13), shares)
def test_more_volume_never_costs_less(
    layout: Priced, first: float, second: float, mean_over_peak: float
) -> None:
    low, high = sorted((first, second))
    less, more = month(layout, low, mean_over_peak), month(layout, high, mean_over_peak)
    assert less.stepped_usd <= more.stepped_usd
    assert less.continuous_usd <= more.continuous_usd * (1 + 1e-12)


def test_three_billion_tokens_need_three_layouts_by_hand() -> None:
    # 730 h x 3600 s x 1000 tokens/s = 2.628e9 at full load, half of it at a mean of half the peak.
    layout = Priced(
        usd_per_hour=10, output_tokens_per_second=1_000, input_per_output=1, prefill_share=0.5
    )
    result = month(layout, 3e9, 0.5)
    assert result.layouts == math.ceil(3e9 / 1.314e9) == 3
    assert result.used == pytest.approx(3e9 / (3 * 2.628e9))


@given(layouts)
def test_idle_money_and_used_money_are_the_whole(layout: Priced) -> None:
    assume(layout.usd_per_hour > 0.1)
    for row in sensitivity(layout):
        used = row.utilisation * layout.usd_per_hour * 730
        assert used + row.idle_usd_per_month == pytest.approx(layout.usd_per_hour * 730)
    costs = [row.usd_per_mtok_all_on_output for row in sensitivity(layout)]
    assert costs == sorted(costs, reverse=True)
