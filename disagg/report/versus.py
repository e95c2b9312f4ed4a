"""The answer of `disagg compare`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from disagg.planner.ask import Ask
from disagg.planner.decision.versus import Contender, Versus
from disagg.planner.performance.estimate import Estimate
from disagg.report.decision import GAIN_COLUMNS, gain_row
from disagg.report.parts import (
    estimate_json,
    layout_json,
    milliseconds,
    nodes_of,
    notes,
    origins,
    question,
)
from disagg.report.structure import Plot, Report, Series, Table

SCHEMA_VERSION = 2


def compare_report(ask: Ask, one: Versus) -> Report:
    """Return two layouts side by side as a page."""
    low, high = one.band.low, one.band.high
    within = "within the promises" if ask.slo else "at the most both serve"
    limit = one.at_limit
    ways: list[tuple[str, float | None]] = [
        (f"equal GPUs, {within}", None if limit is None else limit.per_gpu_used),
        (f"equal money, {within}", one.equal_usd),
    ]
    if one.in_flight is not None:
        count = f"{ask.setting.traffic.concurrency:,.0f} in flight"
        ways += [
            (f"equal GPUs, {count}", one.in_flight.equal_gpus),
            (f"equal money, {count}", one.in_flight.equal_usd),
        ]
    return Report(
        title=f"{one.b.name} against {one.a.name}",
        question=question(ask),
        headline=_headline(one, within),
        lines=tuple(_failing(each) for each in one.failing),
        tables=(
            Table(
                title="Both under this load",
                columns=(
                    "layout",
                    "nodes",
                    "GPUs",
                    "$/h",
                    "tokens/s",
                    "TTFT p95 ms",
                    "TPOT p95 ms",
                    "most req/s",
                    "breaks first",
                ),
                rows=tuple(_row(each) for each in (one.a, one.b)),
            ),
            Table(
                title="B over A, as they are",
                columns=GAIN_COLUMNS,
                rows=(
                    gain_row("at this load", one.at_load),
                    ("at the limit of the promises", *("-",) * 4)
                    if limit is None
                    else gain_row("at the limit of the promises", limit),
                ),
            ),
            Table(
                title="B over A, made equal",
                columns=("equal in", "ratio", "at least", "at most"),
                rows=tuple(
                    (name, "-", "-", "-")
                    if value is None
                    else (name, f"{value:.2f}", f"{value * low:.2f}", f"{value * high:.2f}")
                    for name, value in ways
                ),
                note="At least and at most: nine in ten, "
                + (
                    "assumed: errors of two layouts of one kind go the same way."
                    if one.band_is_assumed
                    else "from errors on measured rows."
                )
                + " Each is copied until both have as many GPUs, or fill as many nodes.",
            ),
        ),
        plots=_plots(ask, one),
        origins=origins(ask, one.b.layout),
        notes=notes(ask, one.b.layout),
    )


def _headline(one: Versus, within: str) -> str:
    gain, limit, low, high = one.equal_usd, one.at_limit, one.band.low, one.band.high
    if gain is None or limit is None:
        names = [each.name for each in (one.a, one.b) if each.exact.capacity <= 0]
        return f"No ratio: {' and '.join(names)} serves nothing {within}."
    return (
        f"For the same money, and {within}, {one.b.name} serves {gain:.2f} x the requests of"
        f" {one.a.name} ({gain * low:.2f} to {gain * high:.2f}, nine in ten); as they are,"
        f" {limit.absolute:.2f} x on {one.b.layout.gpus_used} against"
        f" {one.a.layout.gpus_used} GPUs."
    )


def _failing(one: Contender) -> str:
    lesser = one.lesser
    return (
        f"{one.name} does not surely serve this load within the promises: {lesser.capacity:,.1f} of"
        f" {lesser.wanted:,.1f} requests/s; {lesser.bottleneck} is where it ends."
    )


def _plots(ask: Ask, one: Versus) -> tuple[Plot, ...]:
    loads = tuple(each.load for each in one.loads)
    unit = "requests/s" if ask.setting.traffic.rate is not None else "requests in flight"

    def plot(title: str, label: str, value: Callable[[Estimate], float]) -> Plot:
        return Plot(
            title=title,
            x_label=unit,
            y_label=label,
            series=tuple(
                Series(name=name, x=loads, y=tuple(value(side) for side in sides))
                for name, sides in (
                    (one.a.name, [each.a for each in one.loads]),
                    (one.b.name, [each.b for each in one.loads]),
                )
            ),
            note="Predicted, before the band.",
        )

    return (
        plot("Throughput of each GPU", "output tokens/s for each GPU", _per_gpu),
        plot("Time for a further token", "TPOT mean [ms]", lambda one: one.latency.tpot_mean_ms),
    )


def _per_gpu(one: Estimate) -> float:
    return one.tokens_per_second_per_gpu


def _row(one: Contender) -> tuple[str, ...]:
    times = one.estimate.latency
    return (
        f"{one.name}: {one.layout}",
        nodes_of(one.layout),
        f"{one.layout.gpus_used} of {one.layout.gpus_billed}",
        f"{one.usd_per_hour:,.2f}",
        f"{one.estimate.output_tokens_per_second:,.0f}",
        milliseconds(times.ttft_p95_ms.low, times.ttft_p95_ms.high),
        f"{times.tpot_p95_band_ms.low:,.1f} to {times.tpot_p95_band_ms.high:,.1f}",
        f"{one.lesser.capacity:,.1f}",
        one.lesser.bottleneck,
    )


def compare_json(ask: Ask, one: Versus) -> dict[str, Any]:
    """Return two layouts side by side as plain data."""

    def side(each: Contender) -> dict[str, Any]:
        return {
            "name": each.name,
            **layout_json(each.layout),
            "usd_per_hour": round(each.usd_per_hour, 4),
            "expected": estimate_json(each.estimate),
        }

    return {
        "schema_version": SCHEMA_VERSION,
        "question": ask.name,
        "predictor": ask.knowledge.predictor.name,
        "a": side(one.a),
        "b": side(one.b),
        "b_over_a": {
            "at_load": asdict(one.at_load),
            "at_limit": None if one.at_limit is None else asdict(one.at_limit),
            "equal_gpus": None if one.at_limit is None else one.at_limit.per_gpu_used,
            "equal_usd": one.equal_usd,
            "in_flight": None if one.in_flight is None else asdict(one.in_flight),
            "loads": [
                {
                    "load": each.load,
                    "a_tokens_per_second_per_gpu": each.a.tokens_per_second_per_gpu,
                    "b_tokens_per_second_per_gpu": each.b.tokens_per_second_per_gpu,
                }
                for each in one.loads
            ],
            "band": {
                "low": one.band.low,
                "high": one.band.high,
                "assumed": one.band_is_assumed,
            },
        },
    }
