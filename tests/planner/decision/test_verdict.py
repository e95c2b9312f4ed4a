"""Yes, no, measure first: each for its reason, and never yes on a guess."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import asked, shipped
from verdicts import BASELINE, HEAVY, LARGER, TEAM, pair, verdict

from disagg.errors import InvalidInputError
from disagg.planner.decision.checklist import Speaks
from disagg.planner.decision.sizing import size
from disagg.planner.decision.spending import spending
from disagg.planner.decision.verdict import Answer, decide


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
