"""Questions for tests of the planner: a predictor of straight lines, and settings around it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disagg.bench.asking import Choice, asking
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.catalog.source import Kind, Source
from disagg.checks.question import load_question
from disagg.config.environment import Workload
from disagg.config.prices import bundled_prices
from disagg.planner.ask import Ask
from disagg.planner.performance.bands import Band, Bands
from disagg.planner.performance.layouts import Engines, Layout
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.setting import Setting
from disagg.planner.performance.traffic import Shape, traffic

ROOT = Path(__file__).resolve().parent.parent
MODEL = MODELS["openai/gpt-oss-120b"]
B200 = INSTANCE_TYPES["p6-b200.48xlarge"]
NOWHERE = Source(kind=Kind.ASSUMED, reference="a test", date="2026-11-27")
SURE = Bands(
    tpot=Band(low=1.0, high=1.0),
    prefill=Band(low=1.0, high=1.0),
    disaggregated=Band(low=1.0, high=1.0),
    calibrated=True,
    known=True,
    origin=NOWHERE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Straight:
    """Step times on straight lines, so that a simulation can have the very same ones."""

    step_ms: float = 4.0
    per_sequence_ms: float = 0.05
    per_prompt_token_ms: float = 0.02

    name = "straight"
    origin = NOWHERE

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        del shape
        return self.step_ms + self.per_sequence_ms * batch / worker.gpus

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        del batch
        return self.per_prompt_token_ms * shape.computed_tokens / worker.gpus

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        return prompts * self.per_prompt_token_ms * shape.computed_tokens / worker.gpus


def setting(predictor: Any = None, **workload: Any) -> Setting:
    given = {"input_tokens": 1024, "output_tokens": 128, "requests_per_second": 10.0} | workload
    if "concurrency" in given:
        given.pop("requests_per_second")
    return Setting(
        model=MODEL,
        instance=B200,
        predictor=predictor or Straight(),
        bands=SURE,
        traffic=traffic(Workload(**given)),
        hybrid=True,
        block_size=128,
        prefix_aware=True,
    )


def engines(count: int, tensor_parallel: int) -> Engines:
    return Engines(worker=Worker(tensor_parallel=tensor_parallel), count=count)


def single(count: int, tensor_parallel: int = 1) -> Layout:
    return Layout(instance=B200, engines=engines(count, tensor_parallel))


def pools(prefill: tuple[int, int], decode: tuple[int, int], *, colocated: bool = True) -> Layout:
    return Layout(
        instance=B200, engines=engines(*decode), prefill=engines(*prefill), colocated=colocated
    )


def asked(text: str, directory: Path, choice: Choice = Choice.ROOFLINE) -> Ask:
    file = directory / "workload.yaml"
    file.write_text("apiVersion: disagg/v1\nkind: Workload\n" + text, encoding="utf-8")
    prices = bundled_prices()
    return asking(load_question(file, prices), prices, choice)


def shipped(name: str, choice: Choice = Choice.ROOFLINE) -> Ask:
    prices = bundled_prices()
    return asking(load_question(ROOT / "workloads" / f"{name}.yaml", prices), prices, choice)
