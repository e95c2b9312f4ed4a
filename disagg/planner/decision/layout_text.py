"""Layouts as people write them: `2xtp4`, `4xtp1+1xtp4`, `8xtp1+2xtp4@separate`."""

import re

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.config.form import LARGEST_COUNT
from disagg.planner.performance.kv_room import room_bytes
from disagg.planner.performance.layouts import Engines, Layout
from disagg.planner.performance.predictor import Worker

_POOL = re.compile(r"(\d{1,5})\s*x\s*tp(\d{1,3})")


class LayoutTextError(ValueError):
    """A text that is no layout, or one that cannot run; carries code, need and fix."""

    def __init__(self, code: str, got: str, need: str, fix: str) -> None:
        super().__init__(got)
        self.code, self.got, self.need, self.fix = code, got, need, fix


def is_layout(text: str) -> bool:
    """Tell whether a text is meant as a layout and not as a file."""
    return _POOL.match(text.strip()) is not None


def parse_layout(text: str, model: Model, instance: InstanceType) -> Layout:
    """Return the layout of a text; two pools share nodes unless `@separate` follows.

    Raises:
        LayoutTextError: DISAGG-LAY-001 or -002.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> from disagg.catalog.models import MODELS
        >>> str(parse_layout("4xtp1+1xtp4", MODELS["openai/gpt-oss-120b"],
        ...                  INSTANCE_TYPES["p6-b200.48xlarge"]))
        '4 x tp1 prefill + 1 x tp4 decode'
    """
    body, _, where = text.strip().partition("@")
    parts = [_POOL.fullmatch(part.strip()) for part in body.split("+")]
    if not 1 <= len(parts) <= 2 or None in parts or where not in {"", "separate", "shared"}:  # noqa: PLR2004
        raise LayoutTextError(
            "DISAGG-LAY-001",
            f"got {text!r}",
            "engines such as 2xtp4, or prefill and decode such as 4xtp1+1xtp4",
            "write 4xtp1+1xtp4, with @separate for pools on nodes of their own",
        )
    pools = [_pool(int(part[1]), int(part[2]), model, instance) for part in parts if part]
    if len(pools) == 1:
        return Layout(instance=instance, engines=pools[0])
    prefill, decode = pools
    if decode.worker.tensor_parallel < prefill.worker.tensor_parallel:
        raise LayoutTextError(
            "DISAGG-LAY-002",
            f"decode tp {decode.worker.tensor_parallel} below prefill"
            f" tp {prefill.worker.tensor_parallel}",
            "decode as parallel as prefill: NIXL hands over in one direction only",
            f"use decode of tp{prefill.worker.tensor_parallel}",
        )
    return Layout(instance=instance, engines=decode, prefill=prefill, colocated=where != "separate")


def _pool(count: int, tensor: int, model: Model, instance: InstanceType) -> Engines:
    worker = Worker(tensor_parallel=max(1, tensor))
    problem = ""
    if not 1 <= count <= LARGEST_COUNT or tensor < 1:
        problem = f"{count} engines of {tensor} GPUs"
    elif tensor > instance.gpus or instance.gpus % tensor:
        problem = f"tp{tensor} on nodes of {instance.gpus} GPUs"
    elif model.attention_heads % tensor:
        problem = f"{model.attention_heads} heads over {tensor} GPUs"
    elif room_bytes(model, instance, worker) <= 0:
        problem = f"the weights of {model.name} on {tensor} x {instance.gpu_name}"
    if problem:
        raise LayoutTextError(
            "DISAGG-LAY-002",
            problem,
            "engines that a node and the model allow",
            "use another tp: 1, 2, 4 or 8",
        )
    return Engines(worker=worker, count=count)
