"""How sure a prediction is: a factor for its lower and upper end, from errors on measured rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist

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
