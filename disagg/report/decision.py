"""The answer of `disagg decide`."""

from dataclasses import asdict
from typing import Any

from disagg.planner.ask import Ask
from disagg.planner.decision.gain import LARGEST_GAIN, Gains, measured_side
from disagg.planner.decision.verdict import Decision
from disagg.planner.performance.search import Found
from disagg.report.parts import (
    LAYOUT_COLUMNS,
    found_json,
    layout_row,
    margin_lines,
    notes,
    origins,
    question,
    savings_json,
    usd,
)
from disagg.report.structure import Origin, Plot, Report, Table

SCHEMA_VERSION = 1


def decide_report(ask: Ask, one: Decision, plots: tuple[Plot, ...] = ()) -> Report:
    """Return the verdict as a page: answer, reasons by weight, gains, layouts, pilot."""
    found = [each for each in (one.sizing.single, one.sizing.rival, one.sizing.pools) if each]
    best = one.sizing.pools or one.sizing.single
    return Report(
        title=f"Pilot disaggregation for {ask.name}?",
        question=question(ask),
        headline=f"{str(one.answer).capitalize()}. {_because(one)}",
        lines=(
            f"Next: {one.first_step}.",
            f"The whole pilot costs about {usd(one.pilot_usd)}, GPU nodes only.",
            *margin_lines(ask, one.sizing),
        ),
        tables=(
            Table(
                title="Reasons, heaviest first",
                columns=("reason", "speaks", "weight", "what was found"),
                rows=tuple(
                    (reason.topic, str(reason.speaks), f"{reason.weight}", reason.text)
                    for reason in one.reasons
                ),
            ),
            *_gain_tables(one),
            Table(
                title="Layouts that were compared",
                columns=LAYOUT_COLUMNS,
                rows=tuple(layout_row(ask, each) for each in _distinct(found)),
            ),
            Table(
                title="The pilot, GPU nodes only",
                columns=("step", "nodes", "hours", "cost"),
                rows=tuple(
                    (step.name, f"{step.nodes}", f"{step.hours:g}", usd(step.usd))
                    for step in one.pilot
                ),
                note="Hours are assumed: two days of eight hours, a week of them, three days.",
            ),
        ),
        plots=plots,
        origins=(
            *origins(ask, None if best is None else best.layout),
            Origin(
                figure="cost of operations",
                value=f"{usd(ask.question.operations.usd_per_month)} a month",
                kind="assumed",
                source="operations.usd_per_month of the file, or a quarter of an engineer",
                date="2026-11-27",
            ),
        ),
        notes=notes(ask, None if best is None else best.layout),
    )


def _because(one: Decision) -> str:
    """Return the reason that decided, in a sentence."""
    topic = one.deciding.topic
    return f"{topic[0].upper()}{topic[1:]}: {one.deciding.text}."


def _distinct(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in found:
        if all(one.layout != other.layout for other in kept):
            kept.append(one)
    return kept


def gain_row(name: str, one: Gains) -> tuple[str, ...]:
    """Return gains as a row."""
    figures = (one.absolute, one.per_gpu_used, one.per_gpu_billed, one.per_usd)
    if one.absolute >= LARGEST_GAIN:
        return (name, *("no end",) * len(figures))
    return (name, *(f"{figure:.2f}" for figure in figures))


GAIN_COLUMNS = ("tokens/s", "absolute", "per GPU used", "per GPU billed", "per dollar")


def _gain_tables(one: Decision) -> tuple[Table, ...]:
    compared = one.compared
    if compared is None:
        return ()
    low, high = compared.band.low, compared.band.high
    limit = compared.at_limit
    rows = (
        gain_row("at the limit of the promises", limit),
        gain_row("  at least, nine in ten", _scaled(limit, low)),
        gain_row("  at most", _scaled(limit, high)),
        gain_row("at the load of the question", compared.at_load),
    )
    if compared.measured is not None:
        pools = measured_side(compared.measured.pools, 8, 1.0).name
        names = f"{pools}, measured, over {compared.over}"
    else:
        new, old = one.sizing.pools, one.sizing.rival
        names = f"{new.layout if new else '-'} over {old.layout if old else '-'}, predicted"
    return (Table(title=f"Gain of {names}", columns=GAIN_COLUMNS, rows=rows),)


def _scaled(one: Gains, factor: float) -> Gains:
    return Gains(**{name: value * factor for name, value in asdict(one).items()})


def decide_json(ask: Ask, one: Decision) -> dict[str, Any]:
    """Return the verdict as plain data."""
    compared, worth = one.compared, one.worth

    def layout(found: Found | None) -> dict[str, Any] | None:
        return None if found is None else found_json(ask, found)

    return {
        "schema_version": SCHEMA_VERSION,
        "question": ask.name,
        "answer": str(one.answer),
        "decided_by": one.deciding.topic,
        "calibrated": one.calibrated,
        "predictor": ask.knowledge.predictor.name,
        "reasons": [{**asdict(reason), "speaks": str(reason.speaks)} for reason in one.reasons],
        "gain": None
        if compared is None
        else {
            "measured": compared.measured is not None,
            "over": compared.over or str(one.sizing.rival.layout if one.sizing.rival else ""),
            "at_limit": asdict(compared.at_limit),
            "at_load": asdict(compared.at_load),
            "band": {"low": compared.band.low, "high": compared.band.high},
            "per_usd_low": compared.low,
            "per_usd_high": compared.high,
        },
        "savings_usd_per_month": None if worth is None else savings_json(worth),
        "baseline": layout(one.sizing.single),
        "baseline_at_equal_gpus": layout(one.sizing.rival),
        "pools": layout(one.sizing.pools),
        "pilot": [asdict(step) for step in one.pilot],
        "first_step": one.first_step,
    }
