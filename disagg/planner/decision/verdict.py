"""Yes, no, or measure first: the decision with its reasons, in order of weight."""

from dataclasses import dataclass
from enum import StrEnum

from disagg.config.workload import LARGEST_SEARCH_GPUS
from disagg.planner.ask import Ask
from disagg.planner.decision.checklist import FABRIC, KUBERNETES, Reason, Speaks, checklist
from disagg.planner.decision.gain import LARGEST_GAIN, MeasuredPair
from disagg.planner.decision.sizing import Costs, Sizing, costs
from disagg.planner.decision.worth import Compared, Worth, compared, worth
from disagg.planner.money.savings import PilotStep, pilot_steps
from disagg.planner.performance.kv_room import largest_batch
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.search import Found

LEAST_GAIN = 1e-6
"""Below it two pools serve nothing at all, as predicted."""
MARGIN = 0.05
"""By how much the lower bound of the gain per dollar must exceed 1: assumed, 2026-11-27; a run
differs from the next by as much."""


GAIN, CALIBRATION, SAVINGS = "gain per dollar", "calibration", "savings"
PROMISES = "promises, two pools"


class Answer(StrEnum):
    """What the verdict is."""

    YES = "yes"
    NO = "no"
    MEASURE_FIRST = "measure first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The whole answer of `disagg decide`."""

    answer: Answer
    deciding: Reason
    """The reason without which the answer would be another."""
    reasons: tuple[Reason, ...]
    sizing: Sizing
    compared: Compared | None
    """None where a kind of layout does not exist on these nodes, or neither serves anything."""
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
    above 1 by a margin, money saved at that bound (by whole nodes too, where a layout without
    disaggregation keeps every promise), promises kept, and a team that can run it.
    No needs one of: an upper bound of the gain at most 1, or nothing to save even there, by whole
    nodes, while a layout without disaggregation keeps every promise (both only where something was
    measured: by the user, or rows of the pair of model and GPU); calibrated layouts of which none
    keeps every promise, with nodes left to search; nobody who knows Kubernetes. Else: measure
    first.
    """
    gain = compared(ask, sizing.pools, sizing.rival)
    measured = None if gain is None else gain.measured
    calibrated = measured is not None or _calibrated(sizing)
    pilot = pilot_steps(ask.price.usd_per_hour, sizing.pools.layout.nodes if sizing.pools else 2)
    money = None if gain is None else _worth(ask, sizing, gain, pilot)
    told = [
        *_gain(ask, sizing, gain),
        _sureness(ask, sizing, measured, calibrated=calibrated),
        *_money(money),
        *_promises(sizing),
        *_prefill_share(sizing),
    ]
    reasons = sorted([*told, *checklist(ask, sizing)], key=lambda one: -one.weight)
    answer, topic = answer_of(ask, sizing, gain, money, calibrated=calibrated)
    return Decision(
        answer=answer,
        deciding=next(one for one in reasons if one.topic == topic),
        reasons=tuple(reasons),
        sizing=sizing,
        compared=gain,
        calibrated=calibrated,
        worth=money,
        baseline_costs=None if sizing.single is None else costs(ask, sizing.single),
        pools_costs=None if sizing.pools is None else costs(ask, sizing.pools),
        pilot=pilot,
        first_step=_first_step(ask, sizing, measured),
    )


def _worth(ask: Ask, sizing: Sizing, gain: Compared, pilot: tuple[PilotStep, ...]) -> Worth:
    rival, pools = sizing.rival, sizing.pools
    assert rival is not None and pools is not None  # noqa: S101, PT018  Why: they were compared.
    return worth(ask, gain, pools, rival, sizing.single or rival, pilot)


def _calibrated(sizing: Sizing) -> bool:
    return all(one is not None and one.calibrated for one in (sizing.pools, sizing.rival))


def answer_of(
    ask: Ask,
    sizing: Sizing,
    gain: Compared | None,
    money: Worth | None,
    *,
    calibrated: bool,
) -> tuple[Answer, str]:
    """Return the answer and the topic of the reason that decided it."""
    if ask.question.team.kubernetes == "none":
        return Answer.NO, KUBERNETES
    if gain is None or money is None:
        if sizing.pools is None:
            return Answer.MEASURE_FIRST, GAIN
        return (Answer.NO, GAIN) if calibrated else (Answer.MEASURE_FIRST, CALIBRATION)
    single = sizing.single is not None and sizing.single.meets
    pools = sizing.pools is not None and sizing.pools.meets
    # Why: where no measured row is about the pair, even a no is a guess.
    told = calibrated or _known(ask, sizing)
    no_gain = told and gain.high <= 1 and (calibrated or gain.at_limit.absolute > LEAST_GAIN)
    no_money = told and single and money.whole_nodes_high_usd <= 0
    not_surely_money = money.low.usd_per_month <= 0 or (single and money.whole_nodes_low_usd <= 0)
    # Why again: a measured gain says nothing of the promises, which a prediction keeps.
    guessed = not calibrated or not _calibrated(sizing)
    in_the_way = (
        (no_gain, Answer.NO, GAIN),
        (no_money, Answer.NO, SAVINGS),
        (guessed, Answer.MEASURE_FIRST, CALIBRATION),
        (not pools and not single and not _at_the_cap(ask, sizing), Answer.NO, PROMISES),
        (not pools, Answer.MEASURE_FIRST, PROMISES),
        (gain.low <= 1 + MARGIN, Answer.MEASURE_FIRST, GAIN),
        (not_surely_money, Answer.MEASURE_FIRST, SAVINGS),
        (ask.question.team.rdma == "none", Answer.MEASURE_FIRST, FABRIC),
    )
    found = ((answer, topic) for true, answer, topic in in_the_way if true)
    return next(found, (Answer.YES, GAIN))


def _known(ask: Ask, sizing: Sizing) -> bool:
    """Tell whether measured rows are about the pair of model and GPU."""
    return sizing.rival is not None and ask.bands(sizing.rival.layout).known


def _at_the_cap(ask: Ask, sizing: Sizing) -> bool:
    """Tell whether more nodes than the search may take could still serve."""
    most = max(1, ask.question.search.gpus // ask.instance.gpus)
    found = [one for one in (sizing.single, sizing.pools) if one is not None]
    return any(one.layout.nodes >= most and one.degraded.capacity > 0 for one in found)


def _gain(ask: Ask, sizing: Sizing, gain: Compared | None) -> list[Reason]:
    if gain is None:
        text = (
            "no layout of two pools fits the nodes of the search"
            if sizing.pools is None
            else "no layout of either kind keeps the promises at any load, surely enough"
        )
        return [Reason(topic=GAIN, weight=100, speaks=Speaks.AGAINST, text=text)]
    low, high = gain.low, gain.high
    if gain.at_limit.absolute >= LARGEST_GAIN:
        text = "the best layout without disaggregation on the same nodes serves nothing in time"
        return [Reason(topic=GAIN, weight=100, speaks=Speaks.FOR, text=text)]
    speaks = Speaks.FOR if low > 1 + MARGIN else Speaks.AGAINST if high <= 1 else Speaks.OPEN
    how = "measured" if gain.measured else "predicted"
    text = (
        f"{gain.at_limit.per_usd:.2f} x tokens a dollar {how}, at least {low:.2f} and at most"
        f" {high:.2f} nine times in ten, against {_rival(sizing, gain)}"
    )
    if gain.measured is None and any(one.prefill for one in ask.question.measurements):
        text += (
            "; of your measured pools none has a point without them beside it at the question's"
            " lengths and a time per token within a tenth"
        )
    return [Reason(topic=GAIN, weight=100, speaks=speaks, text=text)]


def _rival(sizing: Sizing, gain: Compared) -> str:
    if gain.measured is not None:
        return gain.over
    best = "the best calibrated layout" if _calibrated(sizing) else "the best layout"
    return f"{best} without disaggregation on the same nodes"


def _sureness(
    ask: Ask, sizing: Sizing, measured: MeasuredPair | None, *, calibrated: bool
) -> Reason:
    name = ask.knowledge.predictor.name
    if measured is not None and not _calibrated(sizing):
        text = (
            f"the gain is measured, on two layouts of yours; sizes and promises are {name}, which"
            " is not calibrated for these engines"
        )
        return Reason(topic=CALIBRATION, weight=95, speaks=Speaks.OPEN, text=text)
    if calibrated:
        text = f"{name}, calibrated on {len(ask.question.measurements)} measured points"
        return Reason(topic=CALIBRATION, weight=95, speaks=Speaks.FOR, text=text)
    known = sizing.rival is not None and ask.bands(sizing.rival.layout).known
    refusals = [one.reason for one in ask.knowledge.refusals.values()]
    text = f"{name} without a measurement of yours; never a yes on that alone" + (
        "" if known else f", and no measured row of {ask.model.name} on {ask.instance.gpu_name}"
    )
    if refusals:
        text += f"; what was measured was refused: {refusals[0]}"
    return Reason(topic=CALIBRATION, weight=95, speaks=Speaks.OPEN, text=text)


def _money(money: Worth | None) -> list[Reason]:
    if money is None:
        return []
    low, middle, high = (one.usd_per_month for one in (money.low, money.middle, money.high))
    least, whole, most = (
        money.whole_nodes_low_usd,
        money.whole_nodes_middle_usd,
        money.whole_nodes_high_usd,
    )
    speaks = Speaks.FOR if min(low, least) > 0 else Speaks.OPEN if most > 0 else Speaks.AGAINST
    text = (
        f"{_usd(whole)} a month by whole nodes, as they are sold, between {_usd(least)} and"
        f" {_usd(most)}; as if capacity were sold by the token {_usd(middle)}, between {_usd(low)}"
        f" and {_usd(high)} ({money.middle.reason})"
    )
    return [Reason(topic=SAVINGS, weight=90, speaks=speaks, text=text)]


def _usd(value: float) -> str:
    return f"-${-value:,.0f}" if value < 0 else f"${value:,.0f}"


def _promises(sizing: Sizing) -> list[Reason]:
    single = sizing.single is not None and sizing.single.meets
    pools = sizing.pools is not None and sizing.pools.meets
    speaks = Speaks.OPEN
    if pools is not single:
        speaks = Speaks.FOR if pools else Speaks.AGAINST
    found = (("promises, one pool", 80, sizing.single), (PROMISES, 79, sizing.pools))
    return [
        Reason(
            topic=topic,
            weight=weight,
            speaks=speaks,
            text=f"{one.layout} on {nodes_of(one.layout)} {_kept(one)}",
        )
        for topic, weight, one in found
        if one is not None
    ]


def _kept(one: Found) -> str:
    lesser = one.degraded
    if not lesser.serves:
        return (
            f"surely enough (probability {one.confidence:g}) serves {lesser.capacity:,.1f} of"
            f" {lesser.wanted:,.1f} requests a second within the promises: {lesser.bottleneck} is"
            " where it ends"
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
                f"prefill takes {share:.0%} of the engine time of {sizing.rival.layout} at this"
                f" load; {sizing.pools.layout} gives it {given:.0%} of the GPUs, and wins for each"
                " GPU where the first is larger (at equal batches; a promise about TPOT shifts it)"
            ),
        )
    ]


def _first_step(ask: Ask, sizing: Sizing, measured: MeasuredPair | None) -> str:
    meets = any(one is not None and one.meets for one in (sizing.single, sizing.pools))
    if sizing.pools is None or (_calibrated(sizing) and not meets and _at_the_cap(ask, sizing)):
        return larger_search(ask)
    if measured is not None and _calibrated(sizing) and sizing.pools is not None:
        return (
            f"step 3 of the pilot, the scale test: {sizing.pools.layout} at the load of production,"
            " with KV transfer times, EFA bandwidth and the cost of a token beside the baseline's"
        )
    if _calibrated(sizing) and sizing.pools is not None and sizing.pools.layout.prefill:
        first, second = sizing.pools.layout.prefill.worker, sizing.pools.layout.engines.worker
        return (
            f"step 2 of the pilot, the two-node prototype: prefill engines of {first} and decode"
            f" engines of {second} on two nodes beside the baseline, the same prompts, KV-aware"
            " routing on; put its figures under `measurements:` with `prefill:`"
        )
    kinds = dict.fromkeys(
        worker.tensor_parallel
        for one in (sizing.rival or sizing.single, sizing.pools)
        if one is not None
        for worker in (
            one.layout.engines.worker,
            *([one.layout.prefill.worker] if one.layout.prefill else []),
        )
    )
    shown = ", ".join(f"tp {tp}" for tp in sorted(kinds)) or "the tensor_parallel you plan"
    refused = [one.measure for one in ask.knowledge.refusals.values()]
    points = refused[0] if refused else _baseline_points(ask, sorted(kinds))
    return (
        f"step 1 of the pilot, the single-node baseline: for engines of {shown} measure"
        f" {points}, three runs each, and put the figures under `measurements:`"
    )


def larger_search(ask: Ask) -> str:
    """Return what to do where the search ended before a layout served."""
    cap = ask.question.search.gpus
    if cap >= LARGEST_SEARCH_GPUS:
        return f"promise less, or split the load: {cap} GPUs are the most that is searched"
    return (
        f"raise search.gpus above {cap} in a workload file, and ask again: so few hold no layout"
        " that serves"
    )


def _baseline_points(ask: Ask, kinds: list[int]) -> str:
    """Return the points of a baseline that the smallest of the engines holds."""
    worker = Worker(tensor_parallel=min(kinds, default=ask.instance.gpus))
    told = []
    for inputs, outputs in ((1_024, 1_024), (8_192, 1_024)):
        hybrid = ask.setting.hybrid
        holds = largest_batch(ask.model, ask.instance, worker, inputs + outputs / 2, hybrid=hybrid)
        most = max(2, min(64, int(holds)))
        told.append(
            f"concurrency {min(16, most // 2)} and {most} at {inputs:,} tokens in and"
            f" {outputs:,} out"
        )
    return ", and ".join(told)
