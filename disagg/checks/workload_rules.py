"""Rules about the traffic and the promises: alike in environments and in workload files."""

from collections.abc import Iterator

from disagg.checks.rule import Finding, rule
from disagg.config.environment import Slo, Workload
from disagg.planner.performance.traffic import LARGEST_P95_OVER_MEAN
from disagg.units import HOURS_PER_MONTH


@rule("DISAGG-WRK-001")
def load_is_said_in_one_way(workload: Workload) -> Iterator[Finding]:
    """The load is given as `concurrency` or as `requests_per_second`, not as both or neither.

    A number in flight and a rate each fix the other once the speed of a layout is known; given
    both, they contradict each other on every layout but one.
    """
    given = [
        name
        for name in ("concurrency", "requests_per_second")
        if getattr(workload, name) is not None
    ]
    if len(given) != 1:
        yield Finding(
            at=("workload", *given[:1]),
            got=" and ".join(given) or "no load",
            need="concurrency or requests_per_second",
            fix="remove one of them" if given else "add one, for instance concurrency: 128",
        )


@rule("DISAGG-WRK-002")
def percentiles_are_those_of_a_distribution(workload: Workload) -> Iterator[Finding]:
    """A 95th percentile of lengths lies between the mean and 3.87 times the mean.

    Lengths are taken as lognormal: no lognormal has its 95th percentile below its mean unless it
    has hardly any spread, or further away than exp(1.645^2 / 2) times the mean.
    """
    for name in ("input_tokens", "output_tokens"):
        mean, p95 = getattr(workload, name), getattr(workload, f"{name}_p95")
        if p95 is not None and not mean <= p95 < mean * LARGEST_P95_OVER_MEAN:
            most = int(mean * LARGEST_P95_OVER_MEAN)
            yield Finding(
                at=("workload", f"{name}_p95"),
                got=f"{p95:,} at a mean of {mean:,}",
                need=f"{mean:,} to {most:,}",
                fix=f"correct {name}_p95, or split the traffic into two workloads",
            )


@rule("DISAGG-WRK-003")
def volume_is_possible(workload: Workload) -> Iterator[Finding]:
    """The monthly volume is at most what the peak load makes in a month, day and night.

    A month has 730 hours; a volume above peak rate x answer length x 2,628,000 s was measured
    otherwise, or the peak was.
    """
    rate, volume = workload.requests_per_second, workload.output_tokens_per_month
    if rate is None or volume is None:
        return
    most = rate * workload.output_tokens * HOURS_PER_MONTH * 3_600
    if volume > most:
        needed = volume / (workload.output_tokens * HOURS_PER_MONTH * 3_600)
        yield Finding(
            at=("workload", "output_tokens_per_month"),
            got=f"{volume:,.0f} output tokens a month",
            need=f"at most {most:,.0f}, the peak load day and night",
            fix=f"correct it, or set requests_per_second to {needed:,.2f} or more",
        )


@rule("DISAGG-WRK-004")
def reuse_needs_an_earlier_prompt(workload: Workload) -> Iterator[Finding]:
    """Prefix reuse given by hand is not below zero of what conversations of `turns` repeat.

    A conversation of T turns repeats (T - 1) / (T + 1) of its prompt tokens; a `prefix_reuse` of 0
    beside several turns says that each turn forgets the one before.
    """
    if workload.turns > 1 and workload.prefix_reuse == 0:
        share = (workload.turns - 1) / (workload.turns + 1)
        yield Finding(
            at=("workload", "prefix_reuse"),
            got=f"0 beside {workload.turns} turns, which repeat {share:.0%}",
            need="one of the two",
            fix="remove prefix_reuse, or set turns to 1",
        )


@rule("DISAGG-SLO-001")
def first_token_is_not_sooner_than_the_next(slo: Slo | None) -> Iterator[Finding]:
    """The promise for the first token is not shorter than that for each further one.

    The first token takes a prefill and then a decode step; it cannot come sooner than a step.
    """
    if slo is not None and slo.ttft_p95_ms < slo.tpot_p95_ms:
        yield Finding(
            at=("slo", "ttft_p95_ms"),
            got=f"{slo.ttft_p95_ms} ms, with {slo.tpot_p95_ms} ms for each further token",
            need=f"{slo.tpot_p95_ms} or more",
            fix="correct one of them: a first token takes a prefill and a decode step",
        )
