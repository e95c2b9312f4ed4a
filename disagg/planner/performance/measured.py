"""The predictor `measured`: goes through what was measured, and follows another one in between."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from disagg.catalog.source import Kind, Source
from disagg.planner.performance.calibration import Point, features
from disagg.planner.performance.predictor import Predictor, Worker
from disagg.planner.performance.traffic import Shape

_SAME_LENGTH = 0.02
"""Lengths that differ by less are taken as the same [share]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A calibrated predictor, corrected so that it says what was measured where it was measured.

    Points of the very lengths that are asked for give the ratio of measured to predicted time at
    their batches; between two batches it is interpolated over the logarithm, beyond the last it
    stays. Without points of these lengths the calibrated predictor answers alone.

    Source: derived, piecewise interpolation of residuals.
    """

    base: Predictor
    points: tuple[Point, ...]
    """Points of one parallelism."""

    @property
    def name(self) -> str:
        """See `Predictor`."""
        return "measured"

    @property
    def origin(self) -> Source:
        """See `Predictor`."""
        reference = f"{len(self.points)} measured points of the file; {self.base.origin.reference}"
        return replace(self.base.origin, kind=Kind.DERIVED, reference=reference)

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self._ratio(worker, batch, shape) * self.base.decode_ms(worker, batch, shape)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self._ratio(worker, batch, shape) * self.base.prompt_ms(worker, batch, shape)

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """Return the calibrated time: aggregated points do not say how long a prefill takes."""
        return self.base.prefill_ms(worker, prompts, shape)

    def _ratio(self, worker: Worker, batch: float, shape: Shape) -> float:
        known = sorted(
            (point.batch, point.tpot_ms / sum(features(self.base, point)))
            for point in self.points
            if point.worker == worker and _alike(point.shape, shape)
        )
        if not known:
            return 1.0
        if batch <= known[0][0]:
            return known[0][1]
        for (low, at_low), (high, at_high) in pairwise(known):
            if batch <= high:
                if high == low:
                    return at_high
                share = math.log(batch / low) / math.log(high / low)
                return at_low + share * (at_high - at_low)
        return known[-1][1]


def _alike(one: Shape, other: Shape) -> bool:
    pairs = (
        (one.input_tokens, other.input_tokens),
        (one.output_tokens, other.output_tokens),
        (one.computed_tokens, other.computed_tokens),
    )
    return all(abs(a - b) <= _SAME_LENGTH * max(a, b) for a, b in pairs)
