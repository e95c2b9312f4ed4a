"""What a yes needs, each condition taken away alone, and what a measured gain is over."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planning import asked
from shipped import checked
from verdicts import BASELINE, HEAVY, LARGER, TEAM, pair, verdict

from disagg.bench.asking import Choice, asking
from disagg.checks.question import asked_by
from disagg.config.prices import bundled_prices
from disagg.errors import InvalidInputError
from disagg.planner.ask import Ask
from disagg.planner.decision.sizing import size
from disagg.planner.decision.verdict import Answer, Decision, answer_of, decide
from disagg.planner.decision.worth import Compared


def shifted(one: Decision, **factors: float) -> Compared:
    """Return the gain of a decision with its ends moved."""
    assert one.compared is not None
    band = replace(one.compared.band, **factors)
    return replace(one.compared, band=band)


@pytest.fixture(scope="module")
def yes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ask, Decision]:
    directory = tmp_path_factory.mktemp("yes")
    ask = asked(HEAVY + TEAM + BASELINE + LARGER + pair(2.0), directory)
    made = decide(ask, size(ask))
    assert made.answer is Answer.YES
    return ask, made


# Each takes one condition of a yes away and leaves the others.
TAKEN: dict[str, tuple[Callable[[Decision], dict[str, Any]], Answer]] = {
    "no end of the band reaches 1": (
        lambda one: {"gain": shifted(one, low=0.3, high=0.5)},
        Answer.NO,
    ),
    "the lower end is 1.04": (
        lambda one: {"gain": shifted(one, low=1.04 / one.compared.at_limit.per_usd)},
        Answer.MEASURE_FIRST,
    ),
    "whole nodes save nothing even at the upper end": (
        lambda one: {"money": replace(one.worth, whole_nodes_high_usd=0.0)},
        Answer.NO,
    ),
    "whole nodes save nothing at the lower end": (
        lambda one: {"money": replace(one.worth, whole_nodes_low_usd=0.0)},
        Answer.MEASURE_FIRST,
    ),
    "the token saves nothing at the lower end": (
        lambda one: {"money": replace(one.worth, low=replace(one.worth.low, usd_per_month=0.0))},
        Answer.MEASURE_FIRST,
    ),
    "the pools break a promise": (
        lambda one: {
            "sizing": replace(one.sizing, pools=replace(one.sizing.pools, survives=False))
        },
        Answer.MEASURE_FIRST,
    ),
    "both break a promise": (
        lambda one: {
            "sizing": replace(
                one.sizing,
                pools=replace(one.sizing.pools, survives=False),
                single=replace(one.sizing.single, survives=False),
            )
        },
        Answer.NO,
    ),
    "the pools to buy were not measured": (
        lambda one: {
            "sizing": replace(one.sizing, pools=replace(one.sizing.pools, calibrated=False))
        },
        Answer.MEASURE_FIRST,
    ),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_a_yes_needs_each_of_its_conditions(taken: str, yes: tuple[Ask, Decision]) -> None:
    ask, one = yes
    change, wanted = TAKEN[taken]
    given = {"sizing": one.sizing, "gain": one.compared, "money": one.worth} | change(one)
    answer, _ = answer_of(ask, given["sizing"], given["gain"], given["money"], calibrated=True)
    assert answer is wanted


def test_money_that_is_not_saved_is_no_reason_where_one_pool_breaks_its_promises(
    yes: tuple[Ask, Decision],
) -> None:
    ask, one = yes
    assert one.worth is not None
    assert one.sizing.single is not None
    poor = replace(one.worth, whole_nodes_high_usd=-1.0, whole_nodes_low_usd=-1.0)
    late = replace(one.sizing, single=replace(one.sizing.single, survives=False))
    assert answer_of(ask, late, one.compared, poor, calibrated=True)[0] is Answer.YES
    assert answer_of(ask, one.sizing, one.compared, poor, calibrated=True)[0] is Answer.NO


def test_a_measured_prototype_that_breaks_a_promise_gains_nothing(tmp_path: Path) -> None:
    first, second = pair(2.0).splitlines()
    slow = first + "\n" + second.replace("ttft_ms: 400", "ttft_ms: 2001") + "\n"
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + slow, tmp_path)
    assert one.compared is not None
    assert one.compared.measured is None


def test_a_prototype_with_more_than_its_engines_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="DISAGG-ASK-009"):
        verdict(HEAVY + TEAM + BASELINE + LARGER + pair(40.0), tmp_path)


def test_a_pair_that_nobody_measured_is_measure_first_and_one_with_rows_may_be_a_no(
    tmp_path: Path,
) -> None:
    text = "workload: {input_tokens: 1024, output_tokens: 1024, concurrency: 128}\n"
    slo = "slo: {ttft_p95_ms: 1000, tpot_p95_ms: 20}\n"
    known = verdict("model: openai/gpt-oss-120b\n" + text + slo, tmp_path)
    unknown = verdict("model: openai/gpt-oss-20b\n" + text + slo, tmp_path)
    assert known.answer is Answer.NO
    assert unknown.answer is Answer.MEASURE_FIRST


def test_a_larger_search_is_asked_for_before_a_no(tmp_path: Path) -> None:
    text = HEAVY.replace("200}", "2000}") + TEAM + BASELINE + LARGER
    one = verdict(text, tmp_path)
    assert one.answer is Answer.MEASURE_FIRST
    assert "search.gpus" in one.first_step


def test_a_weak_opponent_that_was_measured_gives_way_to_the_best_calibrated_one(
    tmp_path: Path,
) -> None:
    weak = pair(2.0).replace("concurrency: 30,", "concurrency: 6,", 1)
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + weak, tmp_path)
    assert one.compared is not None
    # Ten times the engine that ran at a fifth of its load is no gain of ten.
    assert one.compared.at_limit.per_gpu_used < 4
    assert "calibrated, at the same time per token" in one.compared.over
    # Nor is any end of the band beyond what was measured against it.
    assert one.compared.high <= 10 * 1.1 * (1 + 1e-9)


def test_reserved_nodes_save_nothing(tmp_path: Path) -> None:
    held = {"kind": "reservation", "id": "cr-0123456789abcdef0", "instances": 4}
    for source, paid in ((held | {"zone_id": "usw2-az2"}, True), ({"kind": "on_demand"}, False)):
        edits = {f"capacity__{role}__source": source for role in ("prefill", "decode")}
        environment = checked("pilot", **edits).environment
        ask = asking(asked_by(environment, tmp_path), bundled_prices(), Choice.ROOFLINE)
        assert ask.price.committed is paid
        one = decide(ask, size(ask))
        if paid:
            assert one.worth is not None
            assert one.worth.whole_nodes_high_usd == -5_000
