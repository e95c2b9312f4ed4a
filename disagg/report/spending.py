"""The answer of `disagg cost`."""

import math
from dataclasses import asdict
from typing import Any

from disagg.planner.ask import Ask
from disagg.planner.cost import CostLine, usd_per_hour, usd_per_month
from disagg.planner.decision.spending import Spending
from disagg.planner.money.unit_cost import UnitCost
from disagg.report.decision import GAIN_COLUMNS, gain_row
from disagg.report.parts import finite, layout_json, notes, origins, question, savings_json, usd
from disagg.report.structure import Plot, Report, Series, Table

SCHEMA_VERSION = 2
UNIT_COLUMNS = ("$ for a million tokens", "input", "output", "both", "all on output")


def cost_report(ask: Ask, one: Spending, lines: tuple[CostLine, ...]) -> Report:
    """Return the money of a layout as a page.

    Args:
        ask: The question.
        one: What was worked out.
        lines: What an environment pays beside GPU nodes; empty for a workload file.
    """
    layout, hour = one.found.layout, one.found.usd_per_hour
    month = one.costs.month
    copies = f"{month.layouts} copies of " if month.layouts > 1 else ""
    return Report(
        title=f"What {ask.name} costs",
        question=question(ask),
        headline=(
            f"{copies}{layout}{', each' if copies else ''} on {layout.nodes} x {ask.instance.name}:"
            f" ${month.layouts * hour:,.2f}/h, {usd(month.stepped_usd)} a month,"
            f" {one.costs.volume:,.0f} output tokens a month ({month.used:.0%} of what it could"
            f" serve) at ${one.costs.unit.usd_per_mtok_all_on_output:,.3f} a million,"
            f" ${one.costs.unit.usd_per_mtok_blended:,.3f} a million tokens in and out."
        ),
        lines=(_change(one), f"Nobody uses {usd(one.idle_usd_per_month)} a month of it."),
        tables=(
            *_hours(lines),
            Table(
                title="A million tokens",
                columns=UNIT_COLUMNS,
                rows=(
                    _unit("at this volume", one.costs.unit),
                    _unit("when full, day and night", one.full),
                ),
                note="Each row divides the same money: input and output, both together, or all of"
                " it on output as benchmarks print it.",
            ),
            Table(
                title="By volume",
                columns=("output tokens a month", "layouts", "continuous", "whole nodes", "used"),
                rows=tuple(
                    (
                        f"{each.output_tokens:,.0f}",
                        f"{each.layouts}",
                        usd(each.continuous_usd),
                        usd(each.stepped_usd),
                        f"{each.used:.0%}",
                    )
                    for each in one.months
                ),
                note="Continuous: as if capacity were sold by the token. Whole nodes: as it is"
                " sold, day and night, for the peak.",
            ),
            Table(
                title="By utilisation",
                columns=("used", "$/Mtok, all on output", "idle a month"),
                rows=tuple(
                    (
                        f"{each.utilisation:.0%}",
                        f"{each.usd_per_mtok_all_on_output:,.3f}",
                        usd(each.idle_usd_per_month),
                    )
                    for each in one.sensitivity
                ),
            ),
            Table(
                title=f"Gain over {one.rival.layout} on the same nodes",
                columns=GAIN_COLUMNS,
                rows=(gain_row("at the limit of the promises", one.gain.at_limit),),
            ),
            Table(
                title="The pilot, GPU nodes only",
                columns=("step", "nodes", "hours", "cost"),
                rows=tuple(
                    (step.name, f"{step.nodes}", f"{step.hours:g}", usd(step.usd))
                    for step in one.pilot
                ),
            ),
            Table(
                title="The article's formula, beside the sound one",
                columns=("formula", "result"),
                rows=(
                    (one.article.text, f"{one.article.value:.3g} {one.article.unit}"),
                    (
                        "savings = volume x $/token x (1 - price ratio / gain) - extra cost",
                        f"{usd(one.change.middle.usd_per_month)} a month",
                    ),
                ),
                note=f"The first is {one.article.verdict}.",
            ),
        ),
        plots=(_volume_plot(one),),
        origins=origins(ask, layout),
        notes=notes(ask, layout),
    )


def _change(one: Spending) -> str:
    money, middle = one.change, one.change.middle
    whole = money.whole_nodes_middle_usd
    why = "no whole node is saved" if middle.usd_per_month > 0 else middle.reason
    after = f"back after {money.payback_months:.1f} months" if whole > 0 else f"does not pay: {why}"
    from_there = (
        ""
        if math.isinf(one.break_even_tokens)
        else f"; pays from {one.break_even_tokens:,.0f} output tokens a month"
    )
    return (
        f"Against {one.rival.layout} on the same nodes, by whole nodes, as they are sold:"
        f" {usd(whole)} a month (between {usd(money.whole_nodes_low_usd)} and"
        f" {usd(money.whole_nodes_high_usd)}, nine in ten), {after}. As if capacity were sold by"
        f" the token: {usd(middle.usd_per_month)} (between {usd(money.low.usd_per_month)} and"
        f" {usd(money.high.usd_per_month)}){from_there}."
    )


def _hours(lines: tuple[CostLine, ...]) -> tuple[Table, ...]:
    if not lines:
        return ()
    rows = [
        (
            line.item,
            f"{line.count}",
            "-" if line.usd_per_hour_each is None else f"{line.usd_per_hour_each:,.4f}",
            f"{line.usd_per_hour:,.2f}",
            f"{line.kind}, {line.date}",
        )
        for line in lines
    ]
    total = ("all", "", "", f"{usd_per_hour(lines):,.2f}", f"{usd(usd_per_month(lines))} a month")
    return (
        Table(
            title="By the hour",
            columns=("item", "count", "$/h each", "$/h", "price is"),
            rows=(*rows, total),
        ),
    )


def _unit(name: str, one: UnitCost) -> tuple[str, ...]:
    figures = (
        one.usd_per_mtok_input,
        one.usd_per_mtok_output,
        one.usd_per_mtok_blended,
        one.usd_per_mtok_all_on_output,
    )
    return (name, *(f"{figure:,.3f}" for figure in figures))


def _volume_plot(one: Spending) -> Plot:
    x = tuple(each.output_tokens / 1e9 for each in one.months)
    return Plot(
        title="A month by volume",
        x_label="billion output tokens a month",
        y_label="USD a month",
        series=(
            Series(name="continuous", x=x, y=tuple(each.continuous_usd for each in one.months)),
            Series(name="whole nodes", x=x, y=tuple(each.stepped_usd for each in one.months)),
        ),
        mark_x=one.costs.volume / 1e9,
        mark_label="this volume",
    )


def cost_json(ask: Ask, one: Spending, lines: tuple[CostLine, ...]) -> dict[str, Any]:
    """Return the money of a layout as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": ask.name,
        **layout_json(one.found.layout),
        "predictor": ask.knowledge.predictor.name,
        "calibrated": one.found.calibrated,
        "usd_per_hour": round(one.found.usd_per_hour, 4),
        "copies": one.costs.month.layouts,
        "usd_per_month": round(one.costs.month.stepped_usd, 2),
        "lines": [asdict(line) | {"kind": str(line.kind)} for line in lines],
        "output_tokens_per_month": round(one.costs.volume),
        "usd_per_mtok": asdict(one.costs.unit),
        "usd_per_mtok_when_full": asdict(one.full),
        "months": [asdict(each) for each in one.months],
        "sensitivity": [asdict(each) for each in one.sensitivity],
        "idle_usd_per_month": one.idle_usd_per_month,
        "against": {
            **layout_json(one.rival.layout),
            "gain": asdict(one.gain.at_limit),
            "gain_band": {"low": one.gain.band.low, "high": one.gain.band.high},
            "savings_usd_per_month": savings_json(one.change),
            "break_even_output_tokens_per_month": finite(one.break_even_tokens),
            "payback_months": finite(one.change.payback_months),
            "reason": one.change.middle.reason,
        },
        "pilot": [asdict(step) for step in one.pilot],
        "article_formula": asdict(one.article),
    }
