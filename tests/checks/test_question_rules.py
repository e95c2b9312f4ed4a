"""Every rule of a workload file, broken and kept by two files that differ in one value."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from disagg.checks.question import QUESTION_RULES, load_question
from disagg.config.prices import bundled_prices
from disagg.errors import InvalidInputError, Problem

SOUND: dict[str, Any] = {
    "apiVersion": "disagg/v1",
    "kind": "Workload",
    "model": "openai/gpt-oss-120b",
    "workload": {"input_tokens": 1024, "output_tokens": 1024, "concurrency": 128},
}
POOLS = {
    "tensor_parallel": 4,
    "prefill": {"replicas": 4, "tensor_parallel": 1},
    "input_tokens": 1024,
    "output_tokens": 1024,
    "concurrency": 128,
    "tpot_ms": 7.5,
}
SINGLE = {
    "tensor_parallel": 4,
    "input_tokens": 1024,
    "output_tokens": 1024,
    "concurrency": 128,
    "tpot_ms": 7.5,
}
LLAMA = {"model": "meta-llama/Llama-3.3-70B-Instruct", "instance_type": "p5en.48xlarge"}


class Pair(NamedTuple):
    broken: dict[str, Any]
    kept: dict[str, Any]


PAIRS = {
    "DISAGG-ASK-001": Pair({"model": "openai/gpt-oss-12b"}, {"model": "openai/gpt-oss-20b"}),
    "DISAGG-ASK-002": Pair({"instance_type": "p7.48xlarge"}, {"instance_type": "p5.48xlarge"}),
    "DISAGG-ASK-003": Pair({"region": "us-west-1"}, {"region": "us-west-2"}),
    # 641 GiB of weights: eight L40S hold 358, eight B200 1,432.
    "DISAGG-ASK-004": Pair(
        {"model": "deepseek-ai/DeepSeek-R1", "instance_type": "g6e.48xlarge"},
        {"model": "deepseek-ai/DeepSeek-R1"},
    ),
    "DISAGG-ASK-005": Pair(
        {"workload": {"input_tokens": 131_072, "output_tokens": 1, "concurrency": 1}},
        {"workload": {"input_tokens": 131_071, "output_tokens": 1, "concurrency": 1}},
    ),
    "DISAGG-ASK-006": Pair({"measurements": [POOLS]}, {"measurements": [POOLS | {"ttft_ms": 100}]}),
    "DISAGG-ASK-007": Pair({"search": {"gpus": 7}}, {"search": {"gpus": 8}}),
    # One tp4 engine of B200 holds 1,024 sequences (vLLM's default of --max-num-seqs).
    "DISAGG-ASK-009": Pair(
        {"measurements": [SINGLE | {"concurrency": 100_000}]},
        {"measurements": [SINGLE | {"concurrency": 1_024}]},
    ),
    # p5e is sold as Capacity Blocks only.
    "DISAGG-PRC-005": Pair(
        {"instance_type": "p5e.48xlarge", "region": "us-east-2"},
        {
            "instance_type": "p5e.48xlarge",
            "region": "us-east-2",
            "pricing": {"capacity_block": {"upfront_usd": 1000, "nodes": 1, "hours": 24}},
        },
    ),
    "DISAGG-SLO-004": Pair(
        {"slo": {"ttft_p95_ms": 20, "tpot_p95_ms": 10}},
        {"slo": {"ttft_p95_ms": 21, "tpot_p95_ms": 10}},
    ),
    # 141.1 GB over 8 x 4.8 TB/s are 3.67 ms.
    "DISAGG-SLO-002": Pair(
        LLAMA | {"slo": {"ttft_p95_ms": 1000, "tpot_p95_ms": 3}},
        LLAMA | {"slo": {"ttft_p95_ms": 1000, "tpot_p95_ms": 4}},
    ),
}


def found(edits: dict[str, Any], directory: Path) -> list[Problem]:
    file = directory / "workload.yaml"
    file.write_text(yaml.safe_dump(SOUND | edits, sort_keys=False), encoding="utf-8")
    try:
        load_question(file, bundled_prices())
    except InvalidInputError as error:
        return error.problems
    return []


def test_every_rule_has_a_pair() -> None:
    assert PAIRS.keys() == {one.code for one in QUESTION_RULES}


@pytest.mark.parametrize("code", PAIRS)
def test_the_broken_file_is_found_with_its_place_and_nothing_else(
    code: str, tmp_path: Path
) -> None:
    problems = found(PAIRS[code].broken, tmp_path)
    assert [problem.code for problem in problems] == [code]
    assert problems[0].line >= 1
    assert problems[0].path


@pytest.mark.parametrize("code", PAIRS)
def test_the_twin_that_keeps_the_rule_is_sound(code: str, tmp_path: Path) -> None:
    assert found(PAIRS[code].kept, tmp_path) == []


def test_a_measurement_beyond_the_context_is_refused_and_one_at_it_is_not(tmp_path: Path) -> None:
    beyond = SINGLE | {"input_tokens": 131_000, "output_tokens": 73, "concurrency": 1}
    (problem,) = found({"measurements": [SINGLE, beyond]}, tmp_path)
    assert problem.code == "DISAGG-ASK-009"
    assert problem.path == "measurements[1]"
    assert "131,072" in problem.need
    assert found({"measurements": [beyond | {"output_tokens": 72}]}, tmp_path) == []


@pytest.mark.parametrize("one", QUESTION_RULES, ids=lambda one: one.code)
def test_every_rule_explains_itself(one: Any) -> None:
    assert one.title.endswith(".")
    assert one.explanation
