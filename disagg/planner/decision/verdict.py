"""Yes, no, or measure first: the decision with its reasons, in order of weight."""

import math
from dataclasses import dataclass
from enum import StrEnum

from disagg.planner.ask import Ask
from disagg.planner.decision.checklist import Reason, Speaks, checklist
from disagg.planner.decision.gain import (
    MEASURED_BAND,
    Gains,
    MeasuredPair,
    gain_band,
    gains,
    measured_pair,
)
from disagg.planner.decision.sizing import Costs, Sizing, costs, side_at_limit, side_at_load
from disagg.planner.money.savings import Change, PilotStep, Savings, pilot_steps, savings
from disagg.planner.performance.bands import Band
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.search import Found
from disagg.units import HOURS_PER_MONTH

MARGIN = 0.05
"""By how much the lower bound of the gain per dollar must exceed 1: assumed, 2026-11-27; a run
differs from the next by as much."""


class Answer(StrEnum):
    """What the verdict is."""

    YES = "yes"
    NO = "no"
    MEASURE_FIRST = "measure first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """The fair comparison: two pools against one, on the same nodes."""

    at_limit: Gains
    """At the most each serves within every promise: what a fleet that is full gains."""
    at_load: Gains
    """At the load of the question."""
    band: Band
    """Factors of the gain between which the truth lies, nine in ten."""

    @property
    def low(self) -> float:
        """Lower bound of the gain per dollar."""
        return self.at_limit.per_usd * self.band.low

    @property
    def high(self) -> float:
        """Upper bound of the gain per dollar."""
        return self.at_limit.per_usd * self.band.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What disaggregation saves in a month at three gains, continuous and by whole nodes."""

    low: Savings
    middle: Savings
    high: Savings
    whole_nodes_high_usd: float
    """Savings by whole nodes at the upper bound of the gain, operations paid [USD/month]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The whole answer of `disagg decide`."""

    answer: Answer
    reasons: tuple[Reason, ...]
    sizing: Sizing
    compared: Compared | None
    """None where a kind of layout does not exist on these nodes, or neither serves anything."""
    measured: MeasuredPair | None
    calibrated: bool
    worth: Worth | None
    baseline_costs: Costs | None
    pools_costs: Costs | None
    pilot: tuple[PilotStep, ...]
    first_step: str

    @property
    def pilot_usd(self) -> float:
        """Cost of the whole pilot [USD]."""
        return sum(step.usd for step in self.pilot)


def decide(ask: Ask, sizing: Sizing) -> Decision:
    """Return whether to pilot disaggregation for a question.

    Yes needs all of: calibrated predictions of both layouts, a lower bound of the gain per dollar
    above 1 by a margin, money saved at that bound, promises kept, and a team that can run it.
    No needs one of: an upper bound of the gain at most 1; nothing to save even at the upper bound,
    by whole nodes, while a layout without disaggregation keeps every promise; nobody who knows
    Kubernetes. Else: measure first.
    """
    compared = _compared(ask, sizing)
    asked = (ask.setting.traffic.inputs.mean, ask.setting.traffic.outputs.mean)
    price = ask.price.usd_per_hour
    measured = measured_pair(ask.question.measurements, asked, ask.instance.gpus, price)
    if compared is not None and measured is not None:
        compared = Compared(at_limit=measured.gains, at_load=compared.at_load, band=MEASURED_BAND)
    calibrated = measured is not None or _calibrated(sizing)
    pilot = pilot_steps(ask.price.usd_per_hour, sizing.pools.layout.nodes if sizing.pools else 2)
    worth = None if compared is None else _worth(ask, sizing, compared, pilot)
    deciding = [
        *_gain(sizing, compared, measured),
        _sureness(ask, sizing, measured, calibrated=calibrated),
        *_money(worth),
        *_promises(sizing),
        *_prefill_share(sizing),
    ]
    reasons = sorted([*deciding, *checklist(ask, sizing)], key=lambda one: -one.weight)
    return Decision(
        answer=_answer(ask, sizing, compared, worth, calibrated=calibrated),
        reasons=tuple(reasons),
        sizing=sizing,
        compared=compared,
        measured=measured,
        calibrated=calibrated,
        worth=worth,
        baseline_costs=None if sizing.single is None else costs(ask, sizing.single),
        pools_costs=None if sizing.pools is None else costs(ask, sizing.pools),
        pilot=pilot,
        first_step=_first_step(ask, sizing, calibrated=calibrated),
    )


def _calibrated(sizing: Sizing) -> bool:
    return all(one is not None and one.calibrated for one in (sizing.pools, sizing.rival))


def _answer(
    ask: Ask,
    sizing: Sizing,
    compared: Compared | None,
    worth: Worth | None,
    *,
    calibrated: bool,
) -> Answer:
    single_meets = sizing.single is not None and sizing.single.meets
    pools_meet = sizing.pools is not None and sizing.pools.meets
    if sizing.pools is None or sizing.rival is None or ask.question.team.kubernetes == "none":
        return Answer.NO
    if compared is None or worth is None:
        return Answer.NO if calibrated else Answer.MEASURE_FIRST
    if compared.high <= 1 or (single_meets and worth.whole_nodes_high_usd <= 0):
        return Answer.NO
    if not calibrated:
        return Answer.MEASURE_FIRST
    if not single_meets and not pools_meet:
        return Answer.NO
    able = ask.question.team.rdma != "none"
    pays = compared.low > 1 + MARGIN and worth.low.usd_per_month > 0
    # Why again: a measured gain says nothing of the promises, which a prediction keeps.
    sure = able and pools_meet and pays and _calibrated(sizing)
    return Answer.YES if sure else Answer.MEASURE_FIRST


def _compared(ask: Ask, sizing: Sizing) -> Compared | None:
    if sizing.pools is None or sizing.rival is None:
        return None
    tokens = ask.setting.traffic.outputs.mean
    if max(one.degraded.capacity for one in (sizing.pools, sizing.rival)) <= 0:
        return None
    return Compared(
        at_limit=gains(side_at_limit(sizing.pools, tokens), side_at_limit(sizing.rival, tokens)),
        at_load=gains(side_at_load(sizing.pools), side_at_load(sizing.rival)),
        band=gain_band(ask.bands(sizing.pools.layout), ask.bands(sizing.rival.layout)),
    )


def _worth(ask: Ask, sizing: Sizing, compared: Compared, pilot: tuple[PilotStep, ...]) -> Worth:
    single = sizing.single or sizing.rival
    assert single is not None  # noqa: S101  Why: a comparison has a rival.
    spent = costs(ask, single)
    monthly = single.usd_per_hour * HOURS_PER_MONTH if spent is None else spent.month.stepped_usd
    extra = ask.question.operations.usd_per_month
    once = ask.question.operations.once_usd + sum(step.usd for step in pilot)

    def at(gain: float) -> Savings:
        return savings(
            Change(
                baseline_usd_per_month=monthly,
                gain=max(gain, 1e-6),
                price_ratio=1.0,
                extra_usd_per_month=extra,
                once_usd=once,
                fixed=ask.price.committed,
            )
        )

    node = ask.price.usd_per_hour * HOURS_PER_MONTH
    nodes = round(monthly / node)
    load = nodes if spent is None else nodes * spent.month.used / ask.mean_over_peak
    least = 1 if sizing.pools is not None and sizing.pools.layout.colocated else 2
    needed = max(least, math.ceil(load / max(compared.high, 1e-6) - 1e-9))
    return Worth(
        low=at(compared.low),
        middle=at(compared.at_limit.per_usd),
        high=at(compared.high),
        whole_nodes_high_usd=(nodes - needed) * node - extra,
    )


def _gain(sizing: Sizing, compared: Compared | None, measured: MeasuredPair | None) -> list[Reason]:
    if compared is None:
        text = (
            "no layout of two pools fits the nodes of the search"
            if sizing.pools is None
            else "no layout of either kind keeps the promises at any load, surely enough"
        )
        return [Reason(topic="gain", weight=100, speaks=Speaks.AGAINST, text=text)]
    low, high = compared.low, compared.high
    speaks = Speaks.FOR if low > 1 + MARGIN else Speaks.AGAINST if high <= 1 else Speaks.OPEN
    how = "measured" if measured else "predicted"
    text = (
        f"{compared.at_limit.per_usd:.2f} x tokens a dollar {how}, at least {low:.2f} and at most"
        f" {high:.2f} nine times in ten, against the best layout without disaggregation on the"
        " same nodes"
    )
    return [Reason(topic="gain per dollar", weight=100, speaks=speaks, text=text)]


def _sureness(
    ask: Ask, sizing: Sizing, measured: MeasuredPair | None, *, calibrated: bool
) -> Reason:
    name = ask.knowledge.predictor.name
    if measured is not None and not _calibrated(sizing):
        text = (
            f"the gain is measured, on two layouts of yours; sizes and promises are {name}, which"
            " is not calibrated for these engines"
        )
        return Reason(topic="calibration", weight=95, speaks=Speaks.OPEN, text=text)
    if calibrated:
        text = f"{name}, calibrated on {len(ask.question.measurements)} measured points"
        return Reason(topic="calibration", weight=95, speaks=Speaks.FOR, text=text)
    known = sizing.rival is not None and ask.bands(sizing.rival.layout).known
    refusals = [one.reason for one in ask.knowledge.refusals.values()]
    text = f"{name} without a measurement of yours; never a yes on that alone" + (
        "" if known else f", and no measured row of {ask.model.name} on {ask.instance.gpu_name}"
    )
    if refusals:
        text += f"; what was measured was refused: {refusals[0]}"
    return Reason(topic="calibration", weight=95, speaks=Speaks.OPEN, text=text)


def _money(worth: Worth | None) -> list[Reason]:
    if worth is None:
        return []
    low, middle, high = (one.usd_per_month for one in (worth.low, worth.middle, worth.high))
    whole = worth.whole_nodes_high_usd
    speaks = Speaks.FOR if low > 0 else Speaks.AGAINST if max(whole, high) <= 0 else Speaks.OPEN
    if whole <= 0:
        speaks = Speaks.AGAINST
    text = (
        f"{_usd(middle)} a month, between {_usd(low)} and {_usd(high)}; by whole nodes at most"
        f" {_usd(whole)} ({worth.middle.reason})"
    )
    return [Reason(topic="savings", weight=90, speaks=speaks, text=text)]


def _usd(value: float) -> str:
    return f"-${-value:,.0f}" if value < 0 else f"${value:,.0f}"


def _promises(sizing: Sizing) -> list[Reason]:
    lines = []
    for name, one in (("without disaggregation", sizing.single), ("with two pools", sizing.pools)):
        if one is None:
            continue
        text = f"{name}: {one.layout} on {nodes_of(one.layout)} {_kept(one)}"
        lines.append((name, one, text))
    single = sizing.single is not None and sizing.single.meets
    pools = sizing.pools is not None and sizing.pools.meets
    speaks = (
        Speaks.FOR
        if pools and not single
        else Speaks.AGAINST
        if single and not pools
        else Speaks.OPEN
    )
    return [
        Reason(topic="promises", weight=80 - number, speaks=speaks, text=text)
        for number, (_, _, text) in enumerate(lines)
    ]


def _kept(one: Found) -> str:
    lesser = one.degraded
    if not lesser.serves:
        wanted = lesser.demand if lesser.demand is not None else lesser.rate
        return (
            f"serves {lesser.capacity:,.1f} of {wanted:,.1f} requests a second within the promises:"
            f" {lesser.bottleneck} is where it ends"
        )
    told = "keeps" if one.meets else "does not surely keep"
    return f"{told} every promise (probability {lesser.meets:.2f}, wanted {one.confidence:.2f})"


def nodes_of(layout: Layout) -> str:
    """Return the nodes of a layout in words."""
    return f"{layout.nodes} node{'s' if layout.nodes > 1 else ''}"


def _prefill_share(sizing: Sizing) -> list[Reason]:
    if sizing.pools is None or sizing.rival is None:
        return []
    share, given = sizing.rival.estimate.prefill_share, sizing.pools.layout.prefill_gpu_share
    return [
        Reason(
            topic="prefill share",
            weight=85,
            speaks=Speaks.FOR if share > given else Speaks.AGAINST,
            text=(
                f"prefill takes {share:.0%} of the engine time without disaggregation at this load;"
                f" two pools give it {given:.0%} of the GPUs, and win for each GPU where the first"
                " is larger"
            ),
        )
    ]


def _first_step(ask: Ask, sizing: Sizing, *, calibrated: bool) -> str:
    if calibrated and sizing.pools is not None and sizing.pools.layout.prefill is not None:
        first, second = sizing.pools.layout.prefill.worker, sizing.pools.layout.engines.worker
        return (
            f"step 2 of the playbook, the two-node prototype: prefill engines of {first} and decode"
            f" engines of {second} on two nodes beside the baseline, the same prompts, KV-aware"
            " routing on; put its figures under `measurements:` with `prefill:`"
        )
    kinds = dict.fromkeys(
        worker.tensor_parallel
        for one in (sizing.rival, sizing.pools)
        if one is not None
        for worker in (
            one.layout.engines.worker,
            *([one.layout.prefill.worker] if one.layout.prefill else []),
        )
    )
    shown = ", ".join(f"tp {tp}" for tp in sorted(kinds)) or "the tensor_parallel you plan"
    refused = [one.measure for one in ask.knowledge.refusals.values()]
    points = (
        refused[0]
        if refused
        else "concurrency 16 and 64 at 1,024 tokens in and out, and again at 8,192 in and 1,024 out"
    )
    return (
        f"step 1 of the playbook, the single-node baseline: for engines of {shown} measure"
        f" {points}, three runs each, and put the figures under `measurements:`"
    )
