"""Yes, no, measure first: each for its reason, and never yes on a guess."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import asked, shipped
from shipped import checked

from disagg.config.prices import bundled_prices
from disagg.errors import InvalidInputError
from disagg.planner.ask import Ask
from disagg.planner.decision.checklist import Speaks
from disagg.planner.decision.sizing import size
from disagg.planner.decision.spending import spending
from disagg.planner.decision.verdict import Answer, Decision, decide
from disagg.planner.decision.verdict import _answer as verdict_of
from disagg.planner.decision.worth import Compared

TEAM = "team: {kubernetes: experienced, rdma: experienced, on_call: true}\n"
HEAVY = (
    "model: openai/gpt-oss-120b\n"
    "workload: {input_tokens: 8192, output_tokens: 512, requests_per_second: 200}\n"
    "slo: {ttft_p95_ms: 2000, tpot_p95_ms: 10}\n"
)
BASELINE = """measurements:
  - {tensor_parallel: 1, input_tokens: 1024, output_tokens: 1024, concurrency: 16, tpot_ms: 5.84}
  - {tensor_parallel: 1, input_tokens: 1024, output_tokens: 1024, concurrency: 64, tpot_ms: 10.50}
  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 1024, concurrency: 32, tpot_ms: 9.70}
  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 1024, concurrency: 64, tpot_ms: 14.24}
"""
LARGER = """\
  - {tensor_parallel: 2, input_tokens: 1024, output_tokens: 1024, concurrency: 16, tpot_ms: 4.9}
  - {tensor_parallel: 2, input_tokens: 1024, output_tokens: 1024, concurrency: 64, tpot_ms: 7.6}
  - {tensor_parallel: 2, input_tokens: 8192, output_tokens: 1024, concurrency: 32, tpot_ms: 7.1}
  - {tensor_parallel: 2, input_tokens: 8192, output_tokens: 1024, concurrency: 64, tpot_ms: 9.6}
"""


def pair(tokens_of_pools: float) -> str:
    """Return a measured single engine and a measured prototype with so many times its tokens."""
    concurrency = 30 * 8 * tokens_of_pools
    return (
        "  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 512, concurrency: 30,"
        " tpot_ms: 9.5, ttft_ms: 400}\n"
        "  - {tensor_parallel: 1, replicas: 4, prefill: {replicas: 4, tensor_parallel: 1},"
        " input_tokens: 8192,"
        f" output_tokens: 512, concurrency: {concurrency}, tpot_ms: 9.5, ttft_ms: 400}}\n"
    )


def verdict(text: str, directory: Path) -> Decision:
    ask = asked(text, directory)
    return decide(ask, size(ask))


def test_the_articles_own_test_is_a_no(tmp_path: Path) -> None:
    del tmp_path
    ask = shipped("article")
    one = decide(ask, size(ask))
    assert one.answer is Answer.NO
    savings = next(reason for reason in one.reasons if reason.topic == "savings")
    assert savings.speaks is Speaks.AGAINST
    # One node serves it all, and AWS sells no part of one.
    assert one.sizing.single is not None
    assert one.sizing.single.layout.nodes == 1


def test_it_stays_a_no_when_published_measurements_calibrate_it() -> None:
    ask = shipped("article-measured")
    one = decide(ask, size(ask))
    assert one.calibrated
    assert one.answer is Answer.NO


def test_a_promising_guess_is_measure_first_and_says_what_and_for_how_much(
    tmp_path: Path,
) -> None:
    one = verdict(HEAVY + TEAM, tmp_path)
    assert one.answer is Answer.MEASURE_FIRST
    assert not one.calibrated
    assert "single-node baseline" in one.first_step
    assert one.pilot_usd == sum(step.usd for step in one.pilot) > 0


def test_a_measured_prototype_that_clearly_gains_is_a_yes(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + pair(2.0), tmp_path)
    assert one.answer is Answer.YES
    assert one.compared is not None
    assert one.compared.measured is not None
    assert one.compared.at_limit.per_gpu_used == pytest.approx(2.0)
    assert one.compared.over == "1 x tp1"
    assert one.compared.low > 1.05


def test_a_measured_gain_is_no_yes_while_the_layouts_to_buy_are_a_guess(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM + "measurements:\n" + pair(2.0), tmp_path)
    assert one.compared is not None
    assert one.compared.measured is not None
    assert one.sizing.pools is not None
    assert not one.sizing.pools.calibrated
    assert one.answer is Answer.MEASURE_FIRST
    said = next(reason for reason in one.reasons if reason.topic == "calibration")
    assert said.speaks is Speaks.OPEN
    assert "not calibrated for these engines" in said.text


def test_the_same_prototype_with_less_gain_is_not(tmp_path: Path) -> None:
    assert (
        verdict(HEAVY + TEAM + BASELINE + LARGER + pair(1.1), tmp_path).answer
        is Answer.MEASURE_FIRST
    )
    assert verdict(HEAVY + TEAM + BASELINE + LARGER + pair(0.7), tmp_path).answer is Answer.NO


@pytest.mark.parametrize(
    ("skill", "answer"),
    [
        ("{kubernetes: none, rdma: experienced}", Answer.NO),
        ("{kubernetes: experienced, rdma: none}", Answer.MEASURE_FIRST),
        ("{kubernetes: basic, rdma: basic}", Answer.YES),
    ],
)
def test_a_team_that_cannot_run_it_yet_gets_no_yes(
    skill: str, answer: Answer, tmp_path: Path
) -> None:
    text = HEAVY + f"team: {skill}\n" + BASELINE + LARGER + pair(2.0)
    assert verdict(text, tmp_path).answer is answer


def test_nodes_that_are_paid_anyway_save_nothing(tmp_path: Path) -> None:
    block = "pricing: {capacity_block: {upfront_usd: 100000, nodes: 8, hours: 168}}\n"
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + pair(2.0) + block, tmp_path)
    assert one.answer is not Answer.YES
    assert one.worth is not None
    assert one.worth.middle.usd_per_month < 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    inputs=st.integers(64, 60_000),
    outputs=st.integers(16, 4_000),
    rate=st.floats(0.1, 400),
    reuse=st.floats(0, 0.9),
    prototype=st.booleans(),
)
def test_never_yes_on_an_uncalibrated_prediction(
    inputs: int, outputs: int, rate: float, reuse: float, *, prototype: bool, tmp_path: Path
) -> None:
    text = (
        "model: openai/gpt-oss-120b\n"
        f"workload: {{input_tokens: {inputs}, output_tokens: {outputs},"
        f" requests_per_second: {rate}, prefix_reuse: {reuse}}}\n"
        "slo: {ttft_p95_ms: 3000, tpot_p95_ms: 15}\n" + TEAM
    )
    measured = "measurements:\n" + pair(4.0) if prototype else ""
    one = verdict(text + measured, tmp_path)
    assert one.answer is not Answer.YES
    measured = one.compared is not None and one.compared.measured is not None
    assert one.calibrated is measured


def test_reasons_come_heaviest_first_and_cover_the_articles_checklist(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM, tmp_path)
    weights = [reason.weight for reason in one.reasons]
    assert weights == sorted(weights, reverse=True)
    topics = {reason.topic for reason in one.reasons}
    assert topics >= {
        "gain per dollar",
        "calibration",
        "savings",
        "volume",
        "concurrency",
        "prefix reuse",
        "mixture of experts",
        "context length",
        "Kubernetes skills",
        "fabric skills",
        "cost of operations",
    }


def test_the_rival_has_as_many_gpus_as_the_pools(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM, tmp_path)
    assert one.sizing.pools is not None
    assert one.sizing.rival is not None
    assert one.sizing.pools.layout.gpus_billed == one.sizing.rival.layout.gpus_billed
    assert one.compared is not None
    assert one.compared.low < one.compared.at_limit.per_usd < one.compared.high


@pytest.mark.parametrize("text", [HEAVY + TEAM, HEAVY + TEAM + BASELINE + LARGER + pair(2.0)])
def test_decide_and_cost_say_the_same_savings(text: str, tmp_path: Path) -> None:
    ask = asked(text, tmp_path)
    found = size(ask)
    assert found.pools is not None
    spent = spending(ask, found.pools.layout)
    assert spent is not None
    one = decide(ask, found)
    assert one.worth == spent.change
    assert one.compared == spent.gain


def test_what_decides_is_told_first_and_speaks_for_the_answer(tmp_path: Path) -> None:
    said = {
        "gain per dollar": HEAVY + TEAM + BASELINE + LARGER + pair(2.0),
        "calibration": HEAVY + TEAM,
        "Kubernetes skills": HEAVY + "team: {kubernetes: none}\n",
        "fabric skills": HEAVY + BASELINE + LARGER + pair(2.0),
    }
    for topic, text in said.items():
        one = verdict(text, tmp_path)
        assert one.deciding.topic == topic
        assert one.deciding in one.reasons
        assert (one.deciding.speaks is Speaks.FOR) is (one.answer is Answer.YES)


def test_savings_are_counted_by_hand(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + pair(2.0), tmp_path)
    single, rival, worth = one.sizing.single, one.sizing.rival, one.worth
    assert single is not None
    assert rival is not None
    assert worth is not None
    # 730 h of the rival's nodes, for the share of its promise-keeping rate that 200 requests/s are.
    paid = 730 * rival.usd_per_hour * 200 / rival.degraded.capacity
    assert one.compared is not None
    middle, low = one.compared.at_limit.per_usd, one.compared.low
    assert worth.middle.usd_per_month == pytest.approx(paid * (1 - 1 / middle) - 5_000, rel=1e-6)
    assert worth.low.usd_per_month == pytest.approx(paid * (1 - 1 / low) - 5_000, rel=1e-6)
    node = single.usd_per_hour / single.layout.nodes * 730
    busy = single.layout.nodes * 200 / single.degraded.capacity
    saved = math.ceil(busy) - max(1, math.ceil(busy / low))
    assert worth.whole_nodes_low_usd == pytest.approx(saved * node - 5_000)


def test_a_fleet_that_is_larger_than_the_peak_is_no_saving_of_disaggregation(
    tmp_path: Path,
) -> None:
    ask = asked(HEAVY + TEAM + BASELINE + LARGER + pair(1.0), tmp_path)
    found = size(ask)
    assert found.pools is not None
    # A thousandth of the volume: one node would do, with and without pools.
    spent = spending(ask, found.pools.layout, volume=ask.volume(0.2))
    assert spent is not None
    change = spent.change
    assert change.whole_nodes_low_usd == pytest.approx(-5_000)
    assert change.whole_nodes_middle_usd == pytest.approx(-5_000)
    assert change.whole_nodes_high_usd == pytest.approx(-5_000)
    assert math.isinf(change.payback_months)


def test_the_points_of_the_first_step_are_ones_that_the_file_takes(tmp_path: Path) -> None:
    text = (
        "model: meta-llama/Llama-3.3-70B-Instruct\ninstance_type: p5en.48xlarge\n"
        "region: us-east-2\n"
        "workload: {input_tokens: 6000, output_tokens: 400, requests_per_second: 10}\n"
        "slo: {ttft_p95_ms: 1500, tpot_p95_ms: 40}\n"
    )
    step = verdict(text, tmp_path).first_step
    sizes = [int(one) for one in re.findall(r"tp (\d)", step)]
    wanted = re.findall(r"concurrency (\d+) and (\d+) at ([\d,]+) tokens in and ([\d,]+) out", step)
    assert sizes
    assert len(wanted) == 2
    lines = [
        f"  - {{tensor_parallel: {min(sizes)}, input_tokens: {inputs.replace(',', '')},"
        f" output_tokens: {outputs.replace(',', '')}, concurrency: {count}, tpot_ms: 20}}\n"
        for low, high, inputs, outputs in wanted
        for count in (low, high)
    ]
    asked(text + "measurements:\n" + "".join(lines), tmp_path)
    # 64 of 8,192 tokens are more than two H200 hold beside the weights.
    many = "  - {tensor_parallel: 2, input_tokens: 8192, output_tokens: 1024, concurrency: 64,"
    with pytest.raises(InvalidInputError, match="DISAGG-ASK-009"):
        asked(text + "measurements:\n" + many + " tpot_ms: 31}\n", tmp_path)


def test_after_a_measured_prototype_comes_the_scale_test(tmp_path: Path) -> None:
    one = verdict(HEAVY + TEAM + BASELINE + LARGER + pair(2.0), tmp_path)
    assert "step 3 of the pilot" in one.first_step
    # Pools without anything beside them at their speed: said, and the prediction counts.
    alone = BASELINE + LARGER + pair(2.0).split("\n")[1].replace("tpot_ms: 9.5", "tpot_ms: 7.0")
    other = verdict(HEAVY + TEAM + alone + "\n", tmp_path)
    assert "step 2 of the pilot" in other.first_step
    assert "of your measured pools none has a point without them" in other.reasons[0].text


def test_defaults_of_a_team_are_told_as_such(tmp_path: Path) -> None:
    said = {one.topic: one.text for one in verdict(HEAVY, tmp_path).reasons}
    assert "none (the default)" in said["fabric skills"]
    stated = {one.topic: one.text for one in verdict(HEAVY + TEAM, tmp_path).reasons}
    assert "(the default)" not in stated["fabric skills"]


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
    answer, _ = verdict_of(ask, given["sizing"], given["gain"], given["money"], calibrated=True)
    assert answer is wanted


def test_money_that_is_not_saved_is_no_reason_where_one_pool_breaks_its_promises(
    yes: tuple[Ask, Decision],
) -> None:
    ask, one = yes
    assert one.worth is not None
    assert one.sizing.single is not None
    poor = replace(one.worth, whole_nodes_high_usd=-1.0, whole_nodes_low_usd=-1.0)
    late = replace(one.sizing, single=replace(one.sizing.single, survives=False))
    assert verdict_of(ask, late, one.compared, poor, calibrated=True)[0] is Answer.YES
    assert verdict_of(ask, one.sizing, one.compared, poor, calibrated=True)[0] is Answer.NO


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
    from disagg.bench.asking import Choice, asking  # noqa: PLC0415
    from disagg.checks.question import asked_by  # noqa: PLC0415

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
