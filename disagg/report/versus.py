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
)
from disagg.report.structure import Plot, Report, Series, Table

SCHEMA_VERSION = 1


def compare_report(ask: Ask, one: Versus) -> Report:
    """Return two layouts side by side as a page."""
    low, high = one.band.low, one.band.high
    ways = (
        ("at equal GPUs, under this load", one.equal_gpus),
        ("at equal money, under this load", one.equal_usd),
        ("at equal promises, for each dollar", one.equal_promises),
    )
    return Report(
        title=f"{one.b.name} against {one.a.name}",
        headline=(
            f"At equal GPUs {one.b.name} gives {one.equal_gpus:.2f} x the tokens/s of {one.a.name}"
            f" ({one.equal_gpus * low:.2f} to {one.equal_gpus * high:.2f}, nine in ten);"
            f" as they are, {one.at_load.absolute:.2f} x on"
            f" {one.b.layout.gpus_used} against {one.a.layout.gpus_used} GPUs."
        ),
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
                    gain_row("at the limit of the promises", one.at_limit),
                ),
            ),
            Table(
                title="B over A, made equal",
                columns=("equal in", "ratio", "at least", "at most"),
                rows=tuple(
                    (name, f"{value:.2f}", f"{value * low:.2f}", f"{value * high:.2f}")
                    for name, value in ways
                ),
                note="At least and at most: nine in ten, from errors on measured rows.",
            ),
        ),
        plots=_plots(ask, one),
        origins=origins(ask, one.b.layout),
        notes=notes(ask, one.b.layout),
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
        f"{one.estimate.capacity:,.1f}",
        one.estimate.bottleneck,
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
            "at_limit": asdict(one.at_limit),
            "equal_gpus": one.equal_gpus,
            "equal_usd": one.equal_usd,
            "equal_promises": one.equal_promises,
            "loads": [
                {
                    "load": each.load,
                    "a_tokens_per_second_per_gpu": each.a.tokens_per_second_per_gpu,
                    "b_tokens_per_second_per_gpu": each.b.tokens_per_second_per_gpu,
                }
                for each in one.loads
            ],
            "band": {"low": one.band.low, "high": one.band.high},
        },
    }
