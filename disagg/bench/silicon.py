"""The predictor `silicon`: kernel measurements of aiconfigurator-core, by its stable facade."""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.catalog.silicon import (
    EFA_BYTES_PER_SECOND_PER_GPU,
    SILICON_MODELS,
    SILICON_SOURCE,
    SILICON_SYSTEMS,
    SILICON_VERSION,
)
from disagg.catalog.source import Source
from disagg.errors import DisaggError, MissingToolError
from disagg.planner.performance.predictor import (
    MAX_BATCHED_TOKENS,
    Worker,
    chunks,
    prompts_of_a_step,
)
from disagg.planner.performance.traffic import Shape

_PACKAGE = "aiconfigurator-core"


class SiliconDataError(DisaggError):
    """The package has no data for this model, GPU or parallelism."""


def installed() -> bool:
    """Tell whether the very version that the bands were made with is installed."""
    try:
        return version(_PACKAGE) == SILICON_VERSION
    except PackageNotFoundError:
        return False


def known(model: Model, instance: InstanceType) -> bool:
    """Tell whether the package has this model and GPU."""
    return model.name in SILICON_MODELS and instance.gpu_name in SILICON_SYSTEMS


class Silicon:
    """Step times of a model on a GPU; engines are compiled when they are first asked for."""

    def __init__(
        self,
        model: str,
        system: str,
        *,
        backend: str = "vllm",
        systems_path: str | None = None,
        kv_precision: str | None = None,
        note: str = "",
    ) -> None:
        """Take the package's own names; `silicon_for` finds them for a model of the catalogue.

        Args:
            model: A configuration inside the package, or a directory with `config.json`.
            system: Name of the GPU's data.
            backend: `vllm`, `sglang` or `trtllm`.
            systems_path: Directory with the systems' descriptions. Default: the package's own.
            kv_precision: Element type of the KV cache. Default: the package's choice.
            note: What a reader of the origin must know.

        Raises:
            MissingToolError: The package is not installed.
        """
        _must_be_installed()
        self._model, self._system, self._backend = model, system, backend
        self._systems_path, self._kv_precision, self._note = systems_path, kv_precision, note
        self._handles: dict[Worker, Any] = {}

    @property
    def name(self) -> str:
        """See `Predictor`."""
        return "silicon"

    @property
    def origin(self) -> Source:
        """See `Predictor`."""
        where = f"{self._model} on {self._system}, {self._backend}"
        parts = [SILICON_SOURCE.reference, where, *([self._note] if self._note else [])]
        return Source(
            kind=SILICON_SOURCE.kind, reference="; ".join(parts), date=SILICON_SOURCE.date
        )

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        handle, own = self._handle(worker), max(1.0, batch / worker.data_parallel)

        def at(sequences: int) -> float:
            with _told(worker, self._model, self._system):
                return float(
                    handle.decode_step_latency(
                        sequences, round(shape.input_tokens), round(shape.output_tokens)
                    )
                )

        return _between(at, own)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        handle = self._handle(worker)
        own = max(1.0, batch / worker.data_parallel)
        count = chunks(shape)
        several = prompts_of_a_step(own, shape)
        chunk = max(1, min(MAX_BATCHED_TOKENS, round(several * shape.computed_tokens)))

        def at(sequences: int) -> float:
            with _told(worker, self._model, self._system):
                mixed = handle.mixed_step_latency(
                    chunk,
                    max(sequences - round(several), 0),
                    round(shape.input_tokens),
                    round(shape.output_tokens),
                    prefix=round(shape.cached_tokens),
                )
                alone = handle.decode_step_latency(
                    sequences, round(shape.input_tokens), round(shape.output_tokens)
                )
            return float(count * (mixed - alone) / several)

        # Why: ranks that share an engine take prompts side by side, each its own.
        return max(0.0, _between(at, own)) / worker.data_parallel

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """See `Predictor`."""
        handle = self._handle(worker)

        def at(several: int) -> float:
            with _told(worker, self._model, self._system):
                return float(
                    handle.predict_prefill_latency(
                        several, round(shape.input_tokens), round(shape.cached_tokens)
                    )
                )

        return _between(at, max(1.0, prompts))

    def _handle(self, worker: Worker) -> Any:
        if worker not in self._handles:
            self._handles[worker] = self._compile(worker)
        return self._handles[worker]

    def _compile(self, worker: Worker) -> Any:
        options: dict[str, Any] = {
            "tp_size": worker.tensor_parallel,
            "attention_dp_size": worker.data_parallel,
            "moe_tp_size": worker.gpus // worker.expert_parallel,
            "moe_ep_size": worker.expert_parallel,
        }
        if self._systems_path:
            options["systems_path"] = self._systems_path
        if self._kv_precision:
            options["kvcache_quant_mode"] = self._kv_precision
        refused: Exception | None = None
        # Why: tables of attention exist for some precisions of a GPU only; BF16 is nearly always
        # among them, and the first that answers is taken.
        for attention in ({}, {"fmha_quant_mode": "bfloat16"}):
            try:
                with _quiet():
                    made = _facade().EngineHandle.compile(
                        self._model, self._system, self._backend, **options, **attention
                    )
                    made.predict_prefill_latency(1, 1024, 0)
                    made.decode_step_latency(1, 1024, 128)
            except Exception as error:  # noqa: BLE001  Why: the package raises what it likes.
                refused = error
            else:
                return made
        raise SiliconDataError(
            f"aiconfigurator-core has no data for {self._model} on {self._system}, {self._backend},"
            f" {worker}: {str(refused)[:160]}\n  -> use --predictor roofline, or measure a baseline"
        )


def _facade() -> Any:
    return import_module("aiconfigurator_core.sdk")


def _between(at: Any, value: float) -> float:
    """Return a function of whole numbers at a value between two of them."""
    low = math.floor(value)
    if value == low:
        return float(at(low))
    return float(at(low) * (low + 1 - value) + at(low + 1) * (value - low))


@contextmanager
def _told(worker: Worker, model: str, system: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise SiliconDataError(
            f"aiconfigurator-core cannot say for {model} on {system}, {worker}: {str(error)[:160]}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's own talk off the terminal; problems come as errors."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _must_be_installed() -> None:
    if not installed():
        raise MissingToolError(
            f"{_PACKAGE} {SILICON_VERSION} is not installed\n"
            "  -> pip install 'disagg[silicon]' (616 MB), or use --predictor roofline"
        )


class EfaSystems:
    """A copy of the package's system descriptions in which nodes are joined by EFA."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="disagg-silicon-")

    @cached_property
    def path(self) -> str:
        """Return the directory; the data in it are the package's own, by link."""
        root = Path(str(import_module("aiconfigurator_core").__file__)).parent / "systems"
        here = Path(self._directory.name)
        rates = {SILICON_SYSTEMS[gpu]: rate for gpu, rate in EFA_BYTES_PER_SECOND_PER_GPU.items()}
        for one in root.iterdir():
            if one.stem in rates and one.suffix == ".yaml":
                text = one.read_text("utf-8")
                new = f"inter_node_bw: {rates[one.stem]}"
                (here / one.name).write_text(
                    re.sub(r"inter_node_bw: *\d+", new, text), encoding="utf-8"
                )
            else:
                (here / one.name).symlink_to(one)
        return str(here)


@cache
def _efa_systems() -> EfaSystems:
    # Why not at import: every verb imports this module, and none but a prediction needs the folder.
    return EfaSystems()


@cache
def silicon_for(model: Model, instance: InstanceType) -> Silicon:
    """Return the predictor of a catalogue model on an instance type, nodes joined by EFA.

    One for each pair: an engine takes the package seconds to make.

    Raises:
        MissingToolError: The package is not installed.
        SiliconDataError: It does not carry the model or the GPU.
    """
    if not known(model, instance):
        raise SiliconDataError(
            f"aiconfigurator-core carries no configuration of {model.name} or no data of"
            f" {instance.gpu_name}\n  -> use --predictor roofline"
        )
    row = SILICON_MODELS[model.name]
    note = "EFA line rate between nodes" + (f"; {row.note}" if row.note else "")
    _must_be_installed()
    system = SILICON_SYSTEMS[instance.gpu_name]
    return Silicon(row.name, system, systems_path=_efa_systems().path, note=note)
