"""Result files of three tools read as the same operating point; anything else is told apart."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from disagg.bench.results import RawPoint, read_points
from disagg.errors import InvalidInputError

POINT = RawPoint(
    input_tokens=1024.0, output_tokens=512.0, concurrency=16.0, ttft_ms=61.0, tpot_ms=5.84
)
VLLM = {
    "completed": 10,
    "total_input_tokens": 10_240,
    "total_output_tokens": 5_120,
    "max_concurrency": 16,
    "request_throughput": 5.0,
    "mean_ttft_ms": 61.0,
    "mean_tpot_ms": 5.84,
}
AIPERF = {
    "input_config": {"loadgen": {"concurrency": 16}},
    "input_sequence_length": {"unit": "tokens", "avg": 1024},
    "output_sequence_length": {"unit": "tokens", "avg": 512},
    "time_to_first_token": {"unit": "ms", "avg": 61.0, "p95": 80.0},
    "inter_token_latency": {"unit": "ms", "avg": 5.84},
}
GUIDELLM = {
    "benchmarks": [
        {
            "metrics": {
                name: {"successful": {"mean": value}}
                for name, value in (
                    ("prompt_token_count", 1024),
                    ("output_token_count", 512),
                    ("request_concurrency", 16),
                    ("time_to_first_token_ms", 61.0),
                    ("inter_token_latency_ms", 5.84),
                )
            }
        }
    ]
}


def written(data: Any, directory: Path) -> Path:
    file = directory / "result.json"
    text = data if isinstance(data, str) else json.dumps(data)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("data", [VLLM, AIPERF, GUIDELLM], ids=["vllm", "aiperf", "guidellm"])
def test_each_tool_gives_the_same_point(data: dict[str, Any], tmp_path: Path) -> None:
    assert read_points(written(data, tmp_path)) == [POINT]


def test_a_run_at_a_rate_has_the_concurrency_that_littles_law_says(tmp_path: Path) -> None:
    at_rate = VLLM | {"max_concurrency": None}
    (point,) = read_points(written(at_rate, tmp_path))
    assert point.concurrency == pytest.approx(5.0 * (61.0 + 5.84 * 511) / 1e3)


def test_a_sweep_gives_a_point_for_each_run(tmp_path: Path) -> None:
    sweep = {"benchmarks": GUIDELLM["benchmarks"] * 3}
    assert read_points(written(sweep, tmp_path)) == [POINT] * 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("{", "DISAGG-RES-001"),
        ({}, "DISAGG-RES-002"),
        ([1], "DISAGG-RES-002"),
        ({"anything": 1}, "DISAGG-RES-002"),
        (VLLM | {"completed": 0}, "DISAGG-RES-003"),
        (VLLM | {"mean_tpot_ms": None}, "DISAGG-RES-003"),
        (VLLM | {"mean_ttft_ms": "fast"}, "DISAGG-RES-003"),
        (AIPERF | {"input_config": {}}, "DISAGG-RES-003"),
        ({"benchmarks": [{}]}, "DISAGG-RES-003"),
        ({"benchmarks": ["x"]}, "DISAGG-RES-003"),
    ],
)
def test_a_file_that_says_too_little_is_refused_with_a_code(
    data: Any, code: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_points(written(data, tmp_path))
    assert [problem.code for problem in refused.value.problems] == [code]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="DISAGG-RES-001"):
        read_points(tmp_path / "nothing.json")


def test_importing_the_silicon_predictor_makes_no_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import disagg.bench.silicon, os; os._exit(0)"],
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
