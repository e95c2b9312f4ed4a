"""The answer of `disagg size`."""

import math
from collections.abc import Iterable
from typing import Any

from disagg.planner.ask import Ask
from disagg.planner.decision.sizing import SHOWN, Sizing
from disagg.planner.performance.layouts import Kind
from disagg.planner.performance.pareto import Operating, front, operating_points
from disagg.planner.performance.search import Found
from disagg.planner.performance.startup import startup
from disagg.report.parts import (
    LAYOUT_COLUMNS,
    found_json,
    layout_json,
    layout_row,
    margin_lines,
    notes,
    origins,
    question,
)
from disagg.report.structure import Plot, Report, Series, Table

SCHEMA_VERSION = 1
_NAMES = {Kind.AGGREGATED: "without disaggregation", Kind.DISAGGREGATED: "two pools"}


def shown(sizing: Sizing) -> tuple[Found, ...]:
    """Return the best few layouts of each kind, in the order of the search."""
    kept: list[Found] = []
    for one in sizing.found:
        if sum(other.layout.kind is one.layout.kind for other in kept) < SHOWN:
            kept.append(one)
    return tuple(kept)


def pareto_plot(ask: Ask, nodes: int) -> tuple[Plot, dict[Kind, tuple[Operating, ...]]]:
    """Return the Pareto fronts of so many nodes, as a plot and as points."""
    points = operating_points(
        ask.setting,
        nodes,
        ttft_p95_ms=math.inf if ask.slo is None else ask.slo.ttft_p95_ms,
        data_parallel=ask.question.search.data_parallel,
    )
    fronts = {
        kind: front(one for one in points if one.kind is kind)
        for kind in (Kind.AGGREGATED, Kind.DISAGGREGATED)
    }
    gpus = nodes * ask.instance.gpus
    promise = None if ask.slo is None else 1e3 / ask.slo.tpot_p95_ms
    return Plot(
        title=f"Speed for a user against throughput for a GPU, predicted: {ask.model.name},"
        f" {gpus} GPUs",
        x_label="output tokens/s for each user",
        y_label="output tokens/s for each GPU",
        series=tuple(
            Series(
                name=_NAMES[kind],
                x=tuple(one.tokens_per_second_per_user for one in points),
                y=tuple(one.tokens_per_second_per_gpu for one in points),
            )
            for kind, points in fronts.items()
            if points
        ),
        note=(
            f"Predicted by {ask.knowledge.predictor.name}, before its band; each point is the best"
            " layout and batch at that speed"
            + (
                "; nothing is promised for the first token."
                if ask.slo is None
                else f" whose first token comes within {ask.slo.ttft_p95_ms:,.0f} ms."
            )
            + " Whole GPUs of all nodes count; the verdict asks the 90 % bands as well."
        ),
        mark_x=promise,
        mark_label="promised TPOT",
    ), fronts


def size_report(ask: Ask, sizing: Sizing, plots: Iterable[Plot]) -> Report:
    """Return the answer as a page."""
    best = sizing.found[0] if sizing.found else None
    rows = tuple(layout_row(ask, one) for one in shown(sizing))
    said = [] if best is None else [_starts(ask, best), *margin_lines(ask, sizing)]
    return Report(
        title=f"Layouts for {ask.name}",
        question=question(ask),
        headline=_headline(ask, best),
        lines=tuple(said),
        tables=(
            Table(
                title="Best layouts, cheapest first",
                columns=LAYOUT_COLUMNS,
                rows=rows,
                note=(
                    "Ranges are the 90 % bands. `kept with p` is the probability that both promises"
                    " are kept; `no` marks layouts that do not, and says where it is the load or a"
                    " missing spare engine."
                    " `most req/s` is where the first promise breaks."
                ),
            ),
        ),
        plots=tuple(plots),
        origins=origins(ask, None if best is None else best.layout),
        notes=notes(ask, None if best is None else best.layout),
    )


def _headline(ask: Ask, best: Found | None) -> str:
    if best is None:
        return f"No layout of {ask.model.name} fits a {ask.instance.name}."
    if not best.meets:
        return (
            f"No layout of up to {ask.question.search.gpus} GPUs (search.gpus) keeps every promise"
            f" with probability {best.confidence:g}; closest: {best.layout}"
            f" (probability {best.degraded.meets:.2f})."
        )
    kept = "serves the load (nothing is promised)" if ask.slo is None else "keeps every promise"
    return (
        f"Cheapest that {kept}: {best.layout} on {best.layout.nodes} x"
        f" {ask.instance.name}, ${best.usd_per_hour:,.2f}/h."
    )


def _starts(ask: Ask, best: Found) -> str:
    one = startup(ask.model, best.layout.engines.worker.gpus)
    return (
        f"One more engine serves after about {one.on_a_ready_node:,.0f} s on a node that has the"
        f" weights, {one.on_a_new_node / 60:,.0f} minutes on a new node (assumed)."
    )


def size_json(
    ask: Ask, sizing: Sizing, fronts: dict[Kind, tuple[Operating, ...]]
) -> dict[str, Any]:
    """Return the answer as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": ask.name,
        "model": ask.model.name,
        "instance_type": ask.instance.name,
        "predictor": ask.knowledge.predictor.name,
        "if_predictions_were_exact": None
        if sizing.exact is None
        else layout_json(sizing.exact.layout),
        "layouts": [found_json(ask, one) for one in sizing.found],
        "pareto": {
            str(kind): [
                {
                    "layout": one.layout,
                    "tokens_per_second_per_user": round(one.tokens_per_second_per_user, 3),
                    "tokens_per_second_per_gpu": round(one.tokens_per_second_per_gpu, 3),
                }
                for one in points
            ]
            for kind, points in fronts.items()
        },
    }
