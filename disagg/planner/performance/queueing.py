"""Waiting for a prefill worker: M/G/1 for each worker, M/G/c for all of them, closed loops."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

LARGEST_LOAD = 0.85
"""Load of a queue above which no latency is promised [share].

Source: planner facts §7, "reject rho > 0.85"; waiting grows as 1 / (1 - rho)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """How long one prompt occupies a worker."""

    points_ms: tuple[float, ...]
    """Times of equal probability [ms]."""
    each_at_full_batch_ms: float
    """Time of a mean prompt when the worker takes as many at once as it can [ms]."""

    @property
    def mean_ms(self) -> float:
        """Mean time of a prompt alone [ms]."""
        return sum(self.points_ms) / len(self.points_ms)

    @property
    def squared_cv(self) -> float:
        """Squared coefficient of variation of the time."""
        mean = self.mean_ms
        return sum((one - mean) ** 2 for one in self.points_ms) / len(self.points_ms) / mean**2

    def load(self, rate_per_worker: float) -> float:
        """Return the load of a worker at a rate [share]: batches form as it fills up."""
        return rate_per_worker * self.each_at_full_batch_ms / 1e3

    def busy(self, rate_per_worker: float) -> float:
        """Return the share of time a worker is busy.

        rho_1 / (1 + rho_1 - rho), with rho_1 the load if prompts were taken one by one and rho the
        load at full batches: rho where batches gain nothing, and S / (S + 1/lambda) where a batch
        of any size takes as long as one prompt.

        Source: derived; both limits are exact (M/G/1, and alternation of one service and one idle
        gap).
        """
        one_by_one = rate_per_worker * self.mean_ms / 1e3
        return one_by_one / (1 + one_by_one - self.load(rate_per_worker))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Time before service: nothing with some probability, else exponential."""

    probability: float
    """That a prompt waits at all."""
    mean_if_waiting_ms: float

    @property
    def mean_ms(self) -> float:
        """Mean over all prompts [ms]."""
        return self.probability * self.mean_if_waiting_ms

    def exceeds(self, milliseconds: float) -> float:
        """Return the probability of waiting longer than this."""
        if milliseconds < 0:
            return 1.0
        if self.mean_if_waiting_ms == 0:
            return 0.0
        return self.probability * math.exp(-milliseconds / self.mean_if_waiting_ms)


def alone(service: Service, rate_per_worker: float) -> Wait:
    """Return the wait of an M/G/1 queue: each worker has its own, prompts are dealt at random.

    Pollaczek-Khinchine: W = rho S (1 + c^2) / (2 (1 - rho)); where a worker takes several prompts
    at once, the residual service of the one it is at, over what full batches leave free. The tail
    is taken as exponential with the right mean and the right chance of waiting.

    Raises:
        ValueError: The load is 1 or more.

    Source: Pollaczek-Khinchine formula; DistServe (arXiv 2401.09670) uses its M/D/1 form
        D + R D^2 / (2 (1 - R D)).

    Example:
        >>> wait = alone(Service(points_ms=(36.2,), each_at_full_batch_ms=36.2), 10)
        >>> round(36.2 + wait.mean_ms, 1)
        46.5
    """
    load = service.load(rate_per_worker)
    if load >= 1:
        raise ValueError(f"load must be below 1, got {load:.2f}")
    mean = service.mean_ms * (1 + service.squared_cv) / (2 * (1 - load))
    return Wait(probability=service.busy(rate_per_worker), mean_if_waiting_ms=mean)


def pooled(service: Service, rate: float, workers: int) -> Wait:
    """Return the wait of an M/G/c queue: one line for all workers, the best any router can do.

    Erlang's C for the chance of waiting; the mean is that of M/M/c times (1 + c^2) / 2.

    Raises:
        ValueError: The load is 1 or more.

    Source: Lee and Longton's approximation of M/G/c; Erlang C.

    Example:
        >>> service = Service(points_ms=(100.0,), each_at_full_batch_ms=100.0)
        >>> pooled(service, 5, 1) == alone(service, 5)
        True
    """
    load = service.load(rate / workers)
    if load >= 1:
        raise ValueError(f"load must be below 1, got {load:.2f}")
    mean = service.mean_ms * (1 + service.squared_cv) / (2 * workers * (1 - load))
    busy = service.busy(rate / workers)
    return Wait(probability=_erlang_c(workers, busy * workers), mean_if_waiting_ms=mean)


def _erlang_c(servers: int, offered: float) -> float:
    """Return Erlang's C by the recursion of Erlang's B, which does not overflow."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    load = offered / servers
    return blocked / (1 - load * (1 - blocked))


def response_exceeds(service: Service, wait: Wait, milliseconds: float) -> float:
    """Return the probability that wait and service together take longer than this.

    Example:
        >>> service = Service(points_ms=(100.0,), each_at_full_batch_ms=100.0)
        >>> response_exceeds(service, Wait(probability=0.5, mean_if_waiting_ms=0.0), 99.0)
        1.0
    """
    total = sum(wait.exceeds(milliseconds - one) for one in service.points_ms)
    return total / len(service.points_ms)


def response_ms(service: Service, wait: Wait, quantile: float) -> float:
    """Return a percentile of wait and service together [ms].

    Example:
        >>> service = Service(points_ms=(100.0,), each_at_full_batch_ms=100.0)
        >>> response_ms(service, Wait(probability=0.0, mean_if_waiting_ms=0.0), 0.95)
        100.0
    """
    exceeds = partial(response_exceeds, service, wait)
    low = min(service.points_ms)
    if exceeds(low) <= 1 - quantile:
        return low
    high = max(service.points_ms)
    while exceeds(high) > 1 - quantile:
        high += max(wait.mean_if_waiting_ms, high)
    if wait.mean_if_waiting_ms == 0 and len(service.points_ms) == 1:
        return high
    return bisect(lambda value: exceeds(value) - (1 - quantile), low, high)


def bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, to one part in a hundred thousand."""
    for _ in range(60):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
        if high - low <= 1e-5 * max(abs(high), 1e-9):
            break
    return high


def largest(rising: Callable[[float], bool], low: float, high: float) -> float:
    """Return the largest value up to `high` that is still fine, `low` if none above it is."""
    if rising(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if rising(middle):
            low = middle
        else:
            high = middle
        if high - low <= 1e-4 * max(high, 1e-9):
            break
    return low


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A loop of requests: at most so many in flight, a new one as soon as one ends."""

    rate: float
    """Requests a second [1/s]."""
    prefill_ms: float
    """Mean time at the prefill workers, waiting included [ms]."""
    decoding: float
    """Requests that decode, on average."""
    decode_ms: float
    """Time of a decode step [ms]."""


def closed_loop(
    *,
    in_flight: float,
    service: Service,
    workers: int,
    output_tokens: float,
    decode_step_ms: Callable[[float], float],
    fixed_ms: float = 0.0,
    together: float = 0.0,
) -> Closed:
    """Return the steady state of a prefill pool and a decode pool with a fixed number in flight.

    The prefill pool is a station of c servers, taken as one of c-fold speed and a delay (Seidmann),
    with the arrival theorem of Bard and Schweitzer; decode is a delay that depends on how many are
    there. The rate is where the times add up to the number in flight (Little).

    Args:
        in_flight: Requests in the loop, N.
        service: Time of a prompt on a prefill worker.
        workers: Prefill workers, c.
        output_tokens: Mean answer [tokens].
        decode_step_ms: Step time when so many requests decode, over all decode workers.
        fixed_ms: What else lies between prefill and decode [ms]: KV transfer, router.
        together: Share of a full wave that a prompt meets: 0 where arrivals have lost their common
            start, 1 where all N start together again and again, as in a short benchmark.

    Source: Seidmann et al. 1987; Bard-Schweitzer approximate mean value analysis; Little's law.

    Example:
        >>> service = Service(points_ms=(10.0,), each_at_full_batch_ms=10.0)
        >>> loop = closed_loop(in_flight=1, service=service, workers=1, output_tokens=99,
        ...                    decode_step_ms=lambda _: 10.0)
        >>> round(loop.rate, 3)
        1.0
    """
    each = service.each_at_full_batch_ms / 1e3
    alone_s = service.mean_ms / 1e3
    wave = together * max(0.0, (in_flight / workers - 1) / 2) * each

    def state(rate: float) -> Closed:
        load = rate * each / workers
        queued = load / (1 - load * (in_flight - 1) / in_flight) if in_flight > 1 else load
        prefill = queued / rate - each / workers + alone_s + wave
        step = _decode_step(rate, in_flight, output_tokens, decode_step_ms)
        return Closed(
            rate=rate,
            prefill_ms=prefill * 1e3,
            decoding=min(in_flight, rate * output_tokens * step / 1e3),
            decode_ms=step,
        )

    def population(rate: float) -> float:
        now = state(rate)
        times = now.prefill_ms + fixed_ms + output_tokens * now.decode_ms
        return rate * times / 1e3

    # Why also: where prefill is nearly free its own ceiling is far beyond what decode lets through.
    decoded = in_flight * 1e3 / (output_tokens * decode_step_ms(0.0))
    ceiling = min(workers / each * (1 - 1e-9), decoded)
    return state(largest(lambda rate: population(rate) <= in_flight, ceiling * 1e-9, ceiling))


def _decode_step(
    rate: float, in_flight: float, output_tokens: float, step_ms: Callable[[float], float]
) -> float:
    """Return the step time at which as many decode as the rate puts there (Little)."""
    low, high = 0.0, in_flight
    for _ in range(40):
        middle = (low + high) / 2
        if rate * output_tokens * step_ms(middle) / 1e3 > middle:
            low = middle
        else:
            high = middle
    return step_ms(high)


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values by linear interpolation.

    Example:
        >>> percentile([1.0, 2.0, 3.0], 0.5)
        2.0
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
