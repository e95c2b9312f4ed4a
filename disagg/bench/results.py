"""Result files of benchmark tools, read as operating points."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disagg.config.measurement import Measurement, Result
from disagg.config.workload import Question
from disagg.errors import InvalidInputError, Problem, refusal

_LARGEST_FILE = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class RawPoint:
    """Means of one run, as a tool wrote them."""

    input_tokens: float
    output_tokens: float
    concurrency: float
    ttft_ms: float
    tpot_ms: float


class _LacksError(Exception):
    """A figure that is not there; the argument is its name."""


def measurements(question: Question, directory: Path) -> tuple[Measurement, ...]:
    """Return all measured points of a question: those by hand, and those of its result files.

    Args:
        question: A checked question.
        directory: Where the paths of its result files start.

    Raises:
        InvalidInputError: DISAGG-RES-001 to 003, with the file that is wrong.
    """
    found = list(question.measurements)
    problems: list[Problem] = []
    for one in question.results:
        try:
            found += [_measurement(one, point) for point in read_points(directory / one.file)]
        except InvalidInputError as error:
            problems += error.problems
    if problems:
        raise InvalidInputError(problems)
    return tuple(found)


def _measurement(one: Result, point: RawPoint) -> Measurement:
    return Measurement(
        tensor_parallel=one.tensor_parallel,
        replicas=one.replicas,
        prefill=one.prefill,
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        concurrency=point.concurrency,
        tpot_ms=point.tpot_ms,
        ttft_ms=point.ttft_ms,
        label=one.file,
    )


def read_points(path: Path) -> list[RawPoint]:
    """Return the operating points of a result file of vllm bench serve, aiperf or guidellm.

    Raises:
        InvalidInputError: DISAGG-RES-001 unreadable, 002 of an unknown tool, 003 without a figure.
    """
    data = _json(path)
    for marks, reader in _READERS:
        if marks(data):
            try:
                return list(reader(data))
            except _LacksError as error:
                raise _wrong(
                    path,
                    "DISAGG-RES-003",
                    f"no {error.args[0]} above 0",
                    "lengths, requests in flight and times of a run that succeeded",
                    "run the benchmark again; failed requests have no times",
                ) from error
    raise _wrong(
        path,
        "DISAGG-RES-002",
        "JSON of no known tool",
        "vllm bench serve, aiperf or guidellm",
        "write the figures under `measurements:` instead",
    )


def _json(path: Path) -> Mapping[str, Any]:
    need, fix = "a JSON result file", "correct results.file; it is relative to the workload file"
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise _wrong(path, "DISAGG-RES-001", "a file over 256 MiB", need, fix)
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        got = (error.strerror or "unreadable").lower()
        raise _wrong(path, "DISAGG-RES-001", got, need, fix) from error
    except ValueError as error:
        raise _wrong(path, "DISAGG-RES-001", "no JSON", need, fix) from error
    return data if isinstance(data, dict) else {}


def _wrong(path: Path, code: str, got: str, need: str, fix: str) -> InvalidInputError:
    return refusal(code, file=path.as_posix(), got=got, need=need, fix=fix)


def _figure(data: Any, *keys: str) -> float:
    at = data
    for key in keys:
        at = at.get(key) if isinstance(at, dict) else None
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 < at < float("inf"):
        raise _LacksError(".".join(keys))
    return float(at)


def _vllm(data: Mapping[str, Any]) -> Iterator[RawPoint]:
    done = _figure(data, "completed")
    ttft, tpot = _figure(data, "mean_ttft_ms"), _figure(data, "mean_tpot_ms")
    out = _figure(data, "total_output_tokens") / done
    if data.get("max_concurrency") is None:
        # Why: runs at a rate have no bound; Little's law says how many were in flight.
        concurrency = _figure(data, "request_throughput") * (ttft + tpot * (out - 1)) / 1e3
    else:
        concurrency = _figure(data, "max_concurrency")
    yield RawPoint(
        input_tokens=_figure(data, "total_input_tokens") / done,
        output_tokens=out,
        concurrency=concurrency,
        ttft_ms=ttft,
        tpot_ms=tpot,
    )


def _aiperf(data: Mapping[str, Any]) -> Iterator[RawPoint]:
    yield RawPoint(
        input_tokens=_figure(data, "input_sequence_length", "avg"),
        output_tokens=_figure(data, "output_sequence_length", "avg"),
        concurrency=_figure(data, "input_config", "loadgen", "concurrency"),
        ttft_ms=_figure(data, "time_to_first_token", "avg"),
        tpot_ms=_figure(data, "inter_token_latency", "avg"),
    )


def _guidellm(data: Mapping[str, Any]) -> Iterator[RawPoint]:
    for one in data["benchmarks"]:
        metrics = one.get("metrics") if isinstance(one, dict) else None

        def mean(name: str, metrics: Any = metrics) -> float:
            return _figure(metrics, name, "successful", "mean")

        yield RawPoint(
            input_tokens=mean("prompt_token_count"),
            output_tokens=mean("output_token_count"),
            concurrency=mean("request_concurrency"),
            ttft_ms=mean("time_to_first_token_ms"),
            tpot_ms=mean("inter_token_latency_ms"),
        )


_READERS: tuple[
    tuple[
        Callable[[Mapping[str, Any]], bool],
        Callable[[Mapping[str, Any]], Iterator[RawPoint]],
    ],
    ...,
] = (
    (lambda data: "mean_tpot_ms" in data, _vllm),
    (lambda data: "inter_token_latency" in data and "input_config" in data, _aiperf),
    (lambda data: isinstance(data.get("benchmarks"), list), _guidellm),
)
"""How a tool's file is known, and what reads it."""
