"""How sure a prediction is: a factor for its lower and upper end, from errors on measured rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from disagg.catalog.models import Model
from disagg.catalog.reliability import (
    ALIASES,
    DISAGGREGATED_CALIBRATED,
    DISAGGREGATED_RAW,
    RELIABILITY,
    RELIABILITY_SOURCE,
    UNKNOWN,
    Reliability,
)
from disagg.catalog.source import Source
from disagg.planner.performance.traffic import P95_Z

BAND_SHARE = 0.90
"""Share of measured values that lie inside a band."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Measured over predicted: nine in ten lie between these two factors."""

    low: float
    high: float

    @property
    def centre(self) -> float:
        """Factor in the middle, in logarithms."""
        return math.sqrt(self.low * self.high)

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm that gives the band."""
        return math.log(self.high / self.low) / (2 * P95_Z)

    def probability_below(self, limit: float, predicted: float) -> float:
        """Return the probability that the true value is at most `limit`.

        Example:
            >>> round(Band(low=0.5, high=2.0).probability_below(10.0, 10.0), 2)
            0.5
        """
        if predicted <= 0:
            return 1.0
        if limit <= 0 or math.isinf(predicted):
            return 0.0
        if self.sigma == 0:
            return float(predicted * self.centre <= limit)
        return NormalDist().cdf(math.log(limit / (predicted * self.centre)) / self.sigma)

    def target(self, limit: float, probability: float) -> float:
        """Return the largest prediction whose true value is below `limit` with this probability.

        Example:
            >>> band = Band(low=0.8, high=1.2)
            >>> round(band.probability_below(20.0, band.target(20.0, 0.9)), 6)
            0.9
        """
        margin = NormalDist().inv_cdf(probability) * self.sigma
        return limit / (self.centre * math.exp(margin))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """Bands of one predictor for one model on one GPU."""

    tpot: Band
    """Time for each further token, and with it the speed of decode."""
    prefill: Band
    """Time of a prefill, and with it the time to the first token."""
    disaggregated: Band
    """Throughput of a layout with a prefill pool."""
    calibrated: bool
    """Whether the user's own measurements scaled the predictor."""
    known: bool
    """Whether measured rows of this very pair of model and GPU are behind the bands."""
    origin: Source


_EXACT = Band(low=1.0, high=1.0)
EXACT = Bands(
    tpot=_EXACT,
    prefill=_EXACT,
    disaggregated=_EXACT,
    calibrated=False,
    known=False,
    origin=RELIABILITY_SOURCE,
)
"""No band at all: what a layout would do if every prediction were exact."""


def combined(first: Band, second: Band) -> Band:
    """Return the band of a ratio of two predictions whose errors are independent.

    Logarithms of the widths add as squares; the centres divide.

    Source: propagation of independent errors.

    Example:
        >>> both = combined(Band(low=0.8, high=1.25), Band(low=0.8, high=1.25))
        >>> round(both.low, 3), round(both.high, 3)
        (0.729, 1.371)
    """
    centre = first.centre / second.centre
    width = math.exp(P95_Z * math.hypot(first.sigma, second.sigma))
    return Band(low=centre / width, high=centre * width)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What a fit says about how sure a calibrated prediction is."""

    half_width: float
    """Half width of the 90 % band of TPOT, in logarithms."""
    prefill_low: float
    prefill_high: float
    """Ends of the prefill scale's interval over the scale itself [ratio]."""


def bands_for(
    predictor: str, model: Model, gpu: str, calibration: Calibration | None = None
) -> Bands:
    """Return the bands of a predictor for a model on a GPU.

    Args:
        predictor: `roofline`, `silicon` or `measured`.
        model: A model; its kernel decides which measured rows are about it.
        gpu: Name of the GPU in the catalogue.
        calibration: How sure a fit to the user's own measurements is, if there is one.
    """
    row = reliability_of(predictor, model, gpu)
    pools = DISAGGREGATED_RAW if calibration is None else DISAGGREGATED_CALIBRATED
    if calibration is None:
        tpot = Band(low=row.tpot_low, high=row.tpot_high)
        prefill = Band(low=row.prefill_low, high=row.prefill_high)
    else:
        width = math.exp(calibration.half_width)
        tpot = Band(low=1 / width, high=width)
        prefill = Band(low=calibration.prefill_low, high=calibration.prefill_high)
    return Bands(
        tpot=tpot,
        prefill=prefill,
        disaggregated=Band(low=pools[0], high=pools[1]),
        calibrated=calibration is not None,
        known=row.rows > 0,
        origin=RELIABILITY_SOURCE,
    )


def reliability_of(predictor: str, model: Model, gpu: str) -> Reliability:
    """Return what measured rows say about a pair; what holds for any other where there are none."""
    name = ALIASES.get(model.name, model.name)
    for row in RELIABILITY:
        if (row.predictor, row.model, row.gpu, row.kernel) == (
            predictor,
            name,
            gpu,
            model.weight_precision,
        ):
            return row
    return UNKNOWN.get(predictor, UNKNOWN["roofline"])
