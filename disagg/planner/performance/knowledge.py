"""What is known about a model on a GPU: a predictor, and what measurements made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from disagg.catalog.models import Model
from disagg.catalog.source import Source
from disagg.planner.performance.bands import Bands, Calibration, bands_for, reliability_of
from disagg.planner.performance.calibration import Fit, Point, Refusal, features, fit
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.measured import Measured
from disagg.planner.performance.predictor import Predictor, Worker
from disagg.planner.performance.traffic import Shape

_REPRESENTATIVE_BATCH = 32.0
"""Batch at which the width of a calibrated band is read off: the middle of the points asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """A predictor for every engine, calibrated for those that were measured."""

    model: Model
    gpu: str
    base: Predictor
    fits: Mapping[Worker, Fit] = field(default_factory=dict)
    refusals: Mapping[Worker, Refusal] = field(default_factory=dict)
    points: tuple[Point, ...] = ()

    @property
    def predictor(self) -> Predictor:
        """The predictor that layouts are asked of."""
        if not self.fits:
            return self.base
        scaled: dict[Worker, Predictor] = {}
        for worker, one in self.fits.items():
            own = [point for point in self.points if point.worker == worker]
            scaled[worker] = Measured(base=one.apply(self.base), points=tuple(own))
        return ByWorker(base=self.base, scaled=scaled)

    def calibrated(self, layout: Layout) -> bool:
        """Tell whether every engine of a layout was measured at its parallelism."""
        return all(worker in self.fits for worker in _workers(layout))

    def bands(self, layout: Layout, shape: Shape) -> Bands:
        """Return how sure predictions of a layout are: the widest of its engines' bands."""
        if not self.calibrated(layout):
            return bands_for(self.base.name, self.model, self.gpu)
        fits = [self.fits[worker] for worker in _workers(layout)]
        widths = []
        for worker, one in zip(_workers(layout), fits, strict=True):
            middle = Point(worker=worker, batch=_REPRESENTATIVE_BATCH, shape=shape, tpot_ms=1.0)
            widths.append(one.half_width(*features(self.base, middle)))
        prefill = fits[-1]
        return bands_for(
            self.base.name,
            self.model,
            self.gpu,
            Calibration(
                half_width=max(widths),
                prefill_low=max(0.05, prefill.prefill_interval[0] / prefill.prefill_scale),
                prefill_high=prefill.prefill_interval[1] / prefill.prefill_scale,
            ),
        )


def _workers(layout: Layout) -> tuple[Worker, ...]:
    """Return the kinds of engine of a layout, the one that prefills last."""
    own = layout.engines.worker
    return (own,) if layout.prefill is None else (own, layout.prefill.worker)


@dataclass(frozen=True, kw_only=True, slots=True)
class ByWorker:
    """A predictor that asks another one for engines that were measured."""

    base: Predictor
    scaled: Mapping[Worker, Predictor]

    @property
    def name(self) -> str:
        """See `Predictor`."""
        return self.base.name

    @property
    def origin(self) -> Source:
        """See `Predictor`."""
        return next(iter(self.scaled.values())).origin

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.scaled.get(worker, self.base).decode_ms(worker, batch, shape)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.scaled.get(worker, self.base).prompt_ms(worker, batch, shape)

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.scaled.get(worker, self.base).prefill_ms(worker, prompts, shape)


def learn(model: Model, gpu: str, base: Predictor, points: Sequence[Point]) -> Knowledge:
    """Return what measured points teach: one fit for each parallelism, or why there is none."""
    spread = reliability_of(base.name, model, gpu).prior
    fits: dict[Worker, Fit] = {}
    refusals: dict[Worker, Refusal] = {}
    for worker in dict.fromkeys(point.worker for point in points):
        made = fit(base, [point for point in points if point.worker == worker], spread)
        if isinstance(made, Fit):
            fits[worker] = made
        else:
            refusals[worker] = made
    return Knowledge(
        model=model, gpu=gpu, base=base, fits=fits, refusals=refusals, points=tuple(points)
    )
