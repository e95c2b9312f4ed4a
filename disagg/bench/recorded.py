"""Measured rows and what the silicon predictor says of them, as files: goals without the package.

`make silicon` writes them anew with `benchmarks/validate.py --record`; a test there holds them to
what the package says.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from disagg.bench.silicon_sample import Pool, Row
from disagg.bench.validate import PredictorOf, as_point
from disagg.catalog.source import Kind, Source
from disagg.planner.performance.curve import Curve, curve
from disagg.planner.performance.predictor import Predictor, Worker, prompts_at_once
from disagg.planner.performance.traffic import Shape

ROWS, ANSWERS = "rows.csv", "answers.csv"
_ROW_COLUMNS = (
    *("id", "model", "system", "backend", "precision", "input_tokens", "output_tokens"),
    *("concurrency", "ttft_ms", "tpot_ms", "measured", "engines", "prefill"),
)
_ANSWER_COLUMNS = (
    *("model", "system", "backend", "precision", "asked", "worker", "input_tokens"),
    *("output_tokens", "batch", "milliseconds"),
)
ORIGIN = Source(
    kind=Kind.DERIVED,
    reference="answers of aiconfigurator-core 0.12.0 (Apache-2.0), recorded",
    date="2026-11-28",
)
_Asked = tuple[str, str, Shape]
"""`decode`, `prompt` or `prefill`, the engine, the request."""


def record(sample: Iterable[Row], predictor_of: PredictorOf, directory: Path) -> None:
    """Write the rows that a predictor answers for, and its answers.

    Aggregated rows: vLLM's, each answer at the batch of its row. Two pools: decode as a curve over
    the batch, prefill at the batches that a pool is counted with.
    """
    known = [
        (row, predictor)
        for row in sample
        if row.prefill is not None or row.backend == "vllm"
        if (predictor := predictor_of(row)) is not None
    ]
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / ROWS, _ROW_COLUMNS, (_row_line(row) for row, _ in known))
    answers = {line[:-1]: line for row, predictor in known for line in _answers(row, predictor)}
    _write(directory / ANSWERS, _ANSWER_COLUMNS, (answers[key] for key in sorted(answers)))


def _write(path: Path, columns: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)


def _row_line(row: Row) -> tuple[str, ...]:
    return (
        row.id,
        *row.pair,
        f"{row.shape.input_tokens:g}",
        f"{row.shape.output_tokens:g}",
        f"{row.concurrency:g}",
        f"{row.ttft_ms:.7g}",
        f"{row.tpot_ms:.7g}",
        row.measured,
        _pool_text(row.engines),
        "" if row.prefill is None else _pool_text(row.prefill),
    )


def _pool_text(pool: Pool) -> str:
    return f"{pool.count}x{_worker_text(pool.worker)}"


def _worker_text(one: Worker) -> str:
    return f"tp{one.tensor_parallel}dp{one.data_parallel}ep{one.expert_parallel}"


def _answers(row: Row, predictor: Predictor) -> Iterator[tuple[str, ...]]:
    shape, own = row.shape, row.engines.worker
    found: list[tuple[str, Worker, float, float]] = []
    if row.prefill is None:
        batch = as_point(row).batch
        found += [
            ("decode", own, batch, predictor.decode_ms(own, batch, shape)),
            ("prompt", own, batch, predictor.prompt_ms(own, batch, shape)),
        ]
    else:
        points = curve(lambda batch: predictor.decode_ms(own, batch, shape), row.concurrency)
        found += [
            ("decode", own, batch, value)
            for batch, value in zip(points.batches, points.values, strict=True)
        ]
        first = row.prefill.worker
        found += [
            ("prefill", first, prompts, predictor.prefill_ms(first, prompts, shape))
            for prompts in (1.0, prompts_at_once(shape))
        ]
    for asked, worker, batch, value in found:
        yield (
            *row.pair,
            asked,
            _worker_text(worker),
            f"{shape.input_tokens:g}",
            f"{shape.output_tokens:g}",
            f"{batch:.6g}",
            f"{value:.6g}",
        )


def recorded_rows(directory: Path) -> list[Row]:
    """Return the rows that were recorded."""
    with (directory / ROWS).open(encoding="utf-8", newline="") as file:
        return [
            Row(
                id=line["id"],
                model=line["model"],
                system=line["system"],
                backend=line["backend"],
                precision=line["precision"],
                shape=_shape(line),
                concurrency=float(line["concurrency"]),
                ttft_ms=float(line["ttft_ms"]),
                tpot_ms=float(line["tpot_ms"]),
                measured=line["measured"],
                engines=_pool(line["engines"]),
                prefill=_pool(line["prefill"]) if line["prefill"] else None,
            )
            for line in csv.DictReader(file)
        ]


def _shape(line: dict[str, str]) -> Shape:
    return Shape(
        input_tokens=float(line["input_tokens"]), output_tokens=float(line["output_tokens"])
    )


def _pool(text: str) -> Pool:
    count, _, worker = text.partition("x")
    tensor, data, expert = (
        int(part) for part in worker[2:].replace("dp", " ").replace("ep", " ").split()
    )
    return Pool(
        count=int(count),
        worker=Worker(tensor_parallel=tensor, data_parallel=data, expert_parallel=expert),
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """A predictor that says again what was recorded, straight lines in between."""

    curves: dict[_Asked, Curve]

    name = "silicon"
    origin = ORIGIN

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.curves["decode", _worker_text(worker), shape].at(batch)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.curves["prompt", _worker_text(worker), shape].at(batch)

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.curves["prefill", _worker_text(worker), shape].at(prompts)


@cache
def _recorded(directory: Path) -> dict[tuple[str, ...], Recorded]:
    points: dict[tuple[str, ...], dict[_Asked, dict[float, float]]] = {}
    with (directory / ANSWERS).open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            pair = line["model"], line["system"], line["backend"], line["precision"]
            asked = line["asked"], line["worker"], _shape(line)
            at = points.setdefault(pair, {}).setdefault(asked, {})
            at[float(line["batch"])] = float(line["milliseconds"])
    return {
        pair: Recorded(
            {
                asked: Curve(tuple(sorted(found)), tuple(found[batch] for batch in sorted(found)))
                for asked, found in each.items()
            }
        )
        for pair, each in points.items()
    }


def recorded_predictor(directory: Path) -> PredictorOf:
    """Return what says, for a row, what the silicon predictor said when it was recorded."""
    known = _recorded(directory)
    return lambda row: known.get(row.pair)
