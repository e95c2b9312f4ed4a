"""A step time as a curve over the batch: asked of a predictor once, then read many times."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from disagg.planner.performance.traffic import P95_Z

POINTS_PER_DOUBLING = 2


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at growing batches, straight lines between them, flat beyond both ends."""

    batches: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, batch: float) -> float:
        """Return the value at a batch.

        Example:
            >>> Curve((1.0, 3.0), (10.0, 20.0)).at(2)
            15.0
        """
        if batch <= self.batches[0]:
            return self.values[0]
        if batch >= self.batches[-1]:
            return self.values[-1]
        high = bisect_left(self.batches, batch)
        low = high - 1
        share = (batch - self.batches[low]) / (self.batches[high] - self.batches[low])
        return self.values[low] + share * (self.values[high] - self.values[low])


def curve(value: Callable[[float], float], largest: float) -> Curve:
    """Return the curve of a function from batch 1 to `largest`, denser where batches are small."""
    top = max(2.0, largest)
    count = max(4, math.ceil(math.log2(top) * POINTS_PER_DOUBLING))
    batches = tuple(top ** (index / count) for index in range(count + 1))
    return Curve(batches, tuple(value(batch) for batch in batches))


def usual_peak(mean: float) -> float:
    """Return the 95th percentile of how many are there when `mean` are there on average.

    Arrivals that do not know of each other make a Poisson number: mean + 1.645 sqrt(mean).

    Source: normal approximation of the Poisson distribution; Little's law for M/G/inf.

    Example:
        >>> round(usual_peak(100), 1)
        116.4
    """
    return mean + P95_Z * math.sqrt(max(0.0, mean))
