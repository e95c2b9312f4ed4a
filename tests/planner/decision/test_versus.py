"""Two layouts made equal, and layouts as people write them."""

from pathlib import Path

import pytest
from planning import B200, MODEL, asked, pools, single

from disagg.catalog.models import MODELS
from disagg.planner.ask import Ask
from disagg.planner.decision.layout_text import LayoutTextError, is_layout, parse_layout
from disagg.planner.decision.versus import contender, versus

ARTICLE = (
    "model: openai/gpt-oss-120b\n"
    "workload: {input_tokens: 1024, output_tokens: 1024, concurrency: 128}\n"
)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    return asked(ARTICLE, tmp_path)


def test_a_layout_against_itself_is_one_in_every_way(ask: Ask) -> None:
    one = versus(ask, contender(ask, "a", single(2, 4)), contender(ask, "b", single(2, 4)))
    assert one.in_flight is not None
    for value in (
        one.in_flight.equal_gpus,
        one.in_flight.equal_usd,
        one.equal_usd,
        one.at_load.absolute,
    ):
        assert value == pytest.approx(1.0)


def test_at_a_given_rate_only_what_is_served_within_the_promises_is_compared(
    tmp_path: Path,
) -> None:
    text = ARTICLE.replace("concurrency: 128", "requests_per_second: 20") + (
        "slo: {ttft_p95_ms: 1000, tpot_p95_ms: 10}\n"
    )
    ask = asked(text, tmp_path)
    one = versus(ask, contender(ask, "a", single(1, 4)), contender(ask, "b", single(2, 4)))
    # Both keep up, so their tokens/s say nothing: 1.0 whatever they are.
    assert one.at_load.absolute == pytest.approx(1.0)
    assert one.in_flight is None
    # Twice the engines serve twice as much on the same one node, which two of the first fill.
    assert one.at_limit.absolute == pytest.approx(2.0)
    assert one.at_limit.per_gpu_used == pytest.approx(1.0)
    assert one.at_limit.per_usd == pytest.approx(2.0)
    assert one.equal_usd == pytest.approx(1.0)
    assert one.failing == ()
    # Of two guesses the ratio is a guess as well.
    assert not one.band_is_assumed
    assert one.band.high / one.band.low > 1.5


def test_a_side_that_breaks_its_promises_is_named(tmp_path: Path) -> None:
    text = ARTICLE.replace("concurrency: 128", "requests_per_second: 60") + (
        "slo: {ttft_p95_ms: 1000, tpot_p95_ms: 10}\n"
    )
    ask = asked(text, tmp_path)
    one = versus(ask, contender(ask, "few", single(1, 4)), contender(ask, "many", single(16, 4)))
    assert [side.name for side in one.failing] == ["few"]


def test_the_articles_comparison_loses_its_gain_at_equal_gpus(ask: Ask) -> None:
    one = versus(
        ask,
        contender(ask, "baseline", single(1, 4)),
        contender(ask, "pools", pools((4, 1), (1, 4))),
    )
    # Twice the GPUs: what looks even is half for each of them.
    assert one.at_load.per_gpu_used == pytest.approx(one.at_load.absolute / 2)
    # One tp4 copied once, under the same 128 requests in flight.
    fleet = ask.estimate(single(2, 4)).output_tokens_per_second
    assert one.in_flight is not None
    equal = one.in_flight.equal_gpus
    assert equal == pytest.approx(one.b.estimate.output_tokens_per_second / fleet)
    assert equal < one.at_load.absolute
    assert not one.band_is_assumed
    assert one.band.low < 1 < one.band.high


def test_turned_round_it_says_the_same(ask: Ask) -> None:
    a, b = contender(ask, "a", single(8, 1)), contender(ask, "b", pools((4, 1), (1, 4)))
    there, back = versus(ask, a, b), versus(ask, b, a)
    assert there.in_flight is not None
    assert back.in_flight is not None
    assert there.in_flight.equal_gpus * back.in_flight.equal_gpus == pytest.approx(1.0)
    assert there.equal_usd * back.equal_usd == pytest.approx(1.0)
    assert there.band.low * back.band.high == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("2xtp4", single(2, 4)),
        (" 2 x tp4 ", single(2, 4)),
        ("4xtp1+1xtp4", pools((4, 1), (1, 4))),
        ("8xtp1+2xtp4@separate", pools((8, 1), (2, 4), colocated=False)),
    ],
)
def test_a_layout_is_read_as_it_is_meant(text: str, layout: object) -> None:
    assert is_layout(text)
    assert parse_layout(text, MODEL, B200) == layout


@pytest.mark.parametrize(
    ("text", "code", "got"),
    [
        ("4xtp1+", "DISAGG-LAY-001", "4xtp1+"),
        ("1xtp1+1xtp1+1xtp1", "DISAGG-LAY-001", "1xtp1+1xtp1+1xtp1"),
        ("1xtp4@moon", "DISAGG-LAY-001", "moon"),
        ("1xtp16", "DISAGG-LAY-002", "tp16 on nodes of 8 GPUs"),
        ("1xtp3", "DISAGG-LAY-002", "tp3 on nodes of 8"),
        ("0xtp4", "DISAGG-LAY-002", "0 engines"),
        ("1xtp4+4xtp1", "DISAGG-LAY-002", "decode tp 1 below prefill tp 4"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_with_a_code(text: str, code: str, got: str) -> None:
    with pytest.raises(LayoutTextError, match=r".") as refused:
        parse_layout(text, MODEL, B200)
    assert refused.value.code == code
    assert got in refused.value.got


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LayoutTextError, match="weights"):
        parse_layout("1xtp4", MODELS["deepseek-ai/DeepSeek-R1"], B200)


def test_a_file_name_is_no_layout() -> None:
    assert not is_layout("environments/pilot.yaml")


def test_where_a_side_serves_nothing_there_is_no_ratio(tmp_path: Path) -> None:
    ask = asked(ARTICLE + "slo: {ttft_p95_ms: 1000, tpot_p95_ms: 2}\n", tmp_path)
    one = versus(ask, contender(ask, "a", single(8, 1)), contender(ask, "b", single(1, 8)))
    assert one.a.estimate.capacity == 0
    assert one.at_limit is None
    assert one.equal_usd is None
