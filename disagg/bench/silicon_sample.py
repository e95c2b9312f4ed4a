"""The measured rows inside aiconfigurator-core: read, cleaned, grouped, split."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.traffic import Shape

TRAIN_SHAPES = ((1024, 1024), (8192, 1024))
TRAIN_CONCURRENCIES = (16, 64)
"""Aggregated rows that may be fitted: these four operating points of a group, fixed beforehand.
All other rows of the group are held out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Engines of one role in a measured row."""

    worker: Worker
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measured operating point."""

    id: str
    model: str
    system: str
    backend: str
    precision: str
    shape: Shape
    concurrency: float
    ttft_ms: float
    tpot_ms: float
    measured: str
    """Day of the measurement, where the row names it."""
    engines: Pool
    prefill: Pool | None = None

    @property
    def gpus(self) -> int:
        """GPUs of the layout."""
        pools = [self.engines, *([self.prefill] if self.prefill else [])]
        return sum(pool.worker.gpus * pool.count for pool in pools)

    @property
    def tokens_per_second_per_gpu(self) -> float:
        """Output tokens a second for each GPU: Little's law in a closed loop.

        concurrency x OSL / (TTFT + TPOT (OSL - 1)) / GPUs; the sample holds no throughput.
        """
        tokens = self.shape.output_tokens
        return (
            self.concurrency
            * tokens
            * 1e3
            / (self.ttft_ms + self.tpot_ms * (tokens - 1))
            / self.gpus
        )

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """Model, system, backend and precision: what a band belongs to."""
        return self.model, self.system, self.backend, self.precision

    @property
    def group(self) -> tuple[str, str, str, str, str]:
        """The pair with the parallelism of the decode engines: what a calibration belongs to."""
        return (*self.pair, str(self.engines.worker))


def sample_path() -> Path:
    """Return where the installed package keeps its sample."""
    root = Path(str(import_module("aiconfigurator_core").__file__)).parent
    return root / "systems" / "silicon_sample.csv"


def rows(path: Path) -> list[Row]:
    """Return the rows of the sample that say what is needed, each measurement once.

    The sample lists many measurements twice under two ids; a copy in both parts of a split would
    be known before it is predicted.
    """
    found: dict[tuple[object, ...], Row] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            for row in _row(line):
                times = (row.ttft_ms, row.tpot_ms)
                key = (*row.group, row.shape, row.concurrency, row.prefill, *times)
                found.setdefault(key, row)
    return list(found.values())


def _row(line: dict[str, str]) -> Iterator[Row]:
    told = re.search(r"silicon_concurrency=(\d+)", line["silicon_data_source"])
    day = re.search(r"measured=(\d{4}-\d{2}-\d{2})", line["silicon_data_source"])
    disaggregated = line["mode"] == "disagg"
    if disaggregated and not line["prefill_num_workers"]:
        return
    concurrency = float(told[1]) if told else float(line["batch_size"] or 0)
    if disaggregated and not told:
        return
    head = "decode_" if disaggregated else ""
    yield Row(
        id=line["id"],
        model=line["model_path"],
        system=line["system"],
        backend=line["backend"],
        precision=line["precision"] or "unknown",
        shape=Shape(input_tokens=float(line["isl"]), output_tokens=float(line["osl"])),
        concurrency=concurrency,
        ttft_ms=float(line["silicon_ttft_ms"]),
        tpot_ms=float(line["silicon_tpot_ms"]),
        measured=day[1] if day else "",
        engines=Pool(
            worker=_worker(line, head),
            count=int(float(line["decode_num_workers"])) if disaggregated else 1,
        ),
        prefill=Pool(
            worker=_worker(line, "prefill_"), count=int(float(line["prefill_num_workers"]))
        )
        if disaggregated
        else None,
    )


def _worker(line: dict[str, str], head: str) -> Worker:
    tensor = max(1, _whole(line[f"{head}tp_size"]))
    data = max(1, _whole(line[f"{head}attention_dp_size"]))
    expert = _whole(line[f"{head}moe_ep_size"])
    split = _whole(line[f"{head}moe_tp_size"])
    if expert * split != tensor * data:
        # Why: some rows leave one of them out; experts then follow the attention.
        expert = tensor * data if data > 1 or expert > 1 else 1
    return Worker(tensor_parallel=tensor, data_parallel=data, expert_parallel=max(1, expert))


def _whole(text: str) -> int:
    return int(float(text)) if text else 0


def groups(chosen: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    """Return rows by group, in a fixed order."""
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in chosen:
        found[row.group].append(row)
    return dict(sorted(found.items()))


def is_training(row: Row) -> bool:
    """Tell whether an aggregated row is one of the four operating points that may be fitted."""
    shape = (int(row.shape.input_tokens), int(row.shape.output_tokens))
    return shape in TRAIN_SHAPES and row.concurrency in TRAIN_CONCURRENCIES


def split(group: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the training and the held-out rows of an aggregated group.

    The training part is empty where one of the four points is missing: such a group is not fitted.
    """
    chosen = [row for row in group if is_training(row)]
    have = {(row.shape.input_tokens, row.concurrency) for row in chosen}
    whole = len(have) == len(TRAIN_SHAPES) * len(TRAIN_CONCURRENCIES)
    return (chosen if whole else []), [row for row in group if not is_training(row)]


def split_disaggregated(group: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return four training rows of a disaggregated group and the rest.

    For each input length, rows in order of concurrency and id: those at a quarter and at three
    quarters of the list, or both ends of a shorter one. Fewer than four make no training part.
    """
    chosen: list[Row] = []
    for length in sorted({row.shape.input_tokens for row in group}):
        ordered = sorted(
            (row for row in group if row.shape.input_tokens == length),
            key=lambda row: (row.concurrency, row.id),
        )
        count = len(ordered)
        if count >= 4:  # noqa: PLR2004
            chosen += [ordered[count // 4], ordered[3 * count // 4]]
        else:
            chosen += [ordered[0], ordered[-1]] if count > 1 else ordered
    chosen = chosen[:4]
    if len(chosen) < 4:  # noqa: PLR2004
        return [], group
    ids = {row.id for row in chosen}
    return chosen, [row for row in group if row.id not in ids]
