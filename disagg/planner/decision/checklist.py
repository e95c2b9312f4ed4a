"""The article's checklist made computable: each line a figure and which way it points.

The article says when to pilot: a large monthly volume, many concurrent sessions, frequent prefix
reuse, mixture of experts, long prompts, and people who know Kubernetes and the fabric.
"""

from dataclasses import dataclass
from enum import StrEnum

from disagg.config.workload import DEFAULT_OPERATIONS_USD
from disagg.planner.ask import Ask
from disagg.planner.decision.sizing import Sizing
from disagg.planner.money.unit_cost import SECONDS_PER_MONTH
from disagg.planner.performance.estimate import Estimate

KUBERNETES, FABRIC = "Kubernetes skills", "fabric skills"
LONG_PROMPT_TOKENS = 1_024
"""Prompts from which the article sees a fit. Source: reference facts, "Fits": >= 512 to 1,024."""
PREFILL_HEAVY_RATIO = 10.0
"""Input to output tokens from which llm-d's guide expects a gain (10k/1k, not 200/200).
Source: llm-d P/D guide, planner facts §3."""
MANY_SESSIONS = 64
"""Requests in flight that count as many: assumed, 2026-11-27; below it an engine's batch is so
small that prefill hardly disturbs decode."""
BUSY_SHARE = 0.25
"""Share of what a layout could serve in a month from which a volume counts as large: assumed,
2026-11-28; below it most of the money pays for idle nodes, which no gain changes."""
FREQUENT_REUSE = 0.3
"""Share of prompt tokens found in a cache that counts as frequent: assumed, 2026-11-27."""


class Speaks(StrEnum):
    """Which way a reason points."""

    FOR = "for"
    AGAINST = "against"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One reason of a verdict."""

    topic: str
    weight: int
    """Reasons are listed from the largest."""
    speaks: Speaks
    text: str


def checklist(ask: Ask, sizing: Sizing) -> tuple[Reason, ...]:
    """Return the lines of the checklist that a workload and a team answer."""
    single = sizing.rival or sizing.single
    lines = [_experts(ask), _context(ask), *_team(ask)]
    if single is not None:
        lines += [
            _volume(ask, sizing),
            _concurrency(single.estimate),
            _reuse(single.estimate),
        ]
    if sizing.pools is not None:
        lines.append(_transfer(sizing.pools.estimate))
    return tuple(lines)


def _volume(ask: Ask, sizing: Sizing) -> Reason:
    best = sizing.single or sizing.pools
    assert best is not None  # noqa: S101  Why: only called with a layout.
    volume = ask.volume(best.estimate.wanted)
    tokens = ask.setting.traffic.outputs.mean
    capacity = best.degraded.goodput_tokens(tokens) * SECONDS_PER_MONTH
    share = volume / capacity if capacity > 0 else 1.0
    nodes = best.layout.nodes
    text = (
        f"{volume:,.0f} output tokens a month are {share:.0%} of what the cheapest layout"
        f" ({best.layout}, {nodes} node{'s' if nodes > 1 else ''}) could serve"
    )
    speaks = Speaks.FOR if nodes > 1 and share >= BUSY_SHARE else Speaks.AGAINST
    if not best.meets:
        speaks = Speaks.OPEN
    return Reason(topic="volume", weight=60, speaks=speaks, text=text)


def _concurrency(one: Estimate) -> Reason:
    in_flight = one.batch * one.layout.engines.count
    return Reason(
        topic="concurrency",
        weight=50,
        speaks=Speaks.FOR if in_flight >= MANY_SESSIONS else Speaks.AGAINST,
        text=f"about {in_flight:,.0f} requests decode at once; {MANY_SESSIONS} count as many",
    )


def _reuse(one: Estimate) -> Reason:
    share = one.hits.share
    return Reason(
        topic="prefix reuse",
        weight=40,
        speaks=Speaks.FOR if share >= FREQUENT_REUSE else Speaks.OPEN,
        text=(
            f"{share:.0%} of prompt tokens are found in a cache; prefix-aware routing saves their"
            " prefill with and without disaggregation"
        ),
    )


def _experts(ask: Ask) -> Reason:
    sparse = ask.model.mixture_of_experts
    return Reason(
        topic="mixture of experts",
        weight=35,
        speaks=Speaks.FOR if sparse else Speaks.OPEN,
        text=f"{ask.model.name} is {'a mixture of experts' if sparse else 'dense'}",
    )


def _context(ask: Ask) -> Reason:
    mean = ask.setting.traffic.inputs.mean
    ratio = mean / ask.setting.traffic.outputs.mean
    speaks = Speaks.AGAINST
    if mean >= LONG_PROMPT_TOKENS:
        speaks = Speaks.FOR if ratio >= PREFILL_HEAVY_RATIO else Speaks.OPEN
    return Reason(
        topic="context length",
        weight=30,
        speaks=speaks,
        text=(
            f"prompts of {mean:,.0f} tokens, {ratio:.1f} for each output token; gains were measured"
            f" near {PREFILL_HEAVY_RATIO:.0f} to 1"
        ),
    )


def _team(ask: Ask) -> list[Reason]:
    team, cost = ask.question.team, ask.question.operations.usd_per_month
    words = {"none": Speaks.AGAINST, "basic": Speaks.OPEN, "experienced": Speaks.FOR}
    return [
        Reason(
            topic=KUBERNETES,
            weight=25,
            speaks=words[team.kubernetes],
            text=f"Kubernetes: {team.kubernetes}{_default(team.kubernetes, 'basic')}",
        ),
        Reason(
            topic=FABRIC,
            weight=24,
            speaks=words[team.rdma],
            text=(
                f"EFA, NIXL, libfabric: {team.rdma}{_default(team.rdma, 'none')}; a transfer that"
                " falls back to TCP looks like a slow model"
            ),
        ),
        Reason(
            topic="cost of operations",
            weight=20,
            speaks=Speaks.OPEN if team.on_call else Speaks.AGAINST,
            text=f"${cost:,.0f} a month on top of the nodes"
            f"{_default(cost, DEFAULT_OPERATIONS_USD)};"
            + (" somebody is on call" if team.on_call else " nobody is on call (the default)"),
        ),
    ]


def _default(value: object, default: object) -> str:
    return " (the default)" if value == default else ""


def _transfer(one: Estimate) -> Reason:
    moved = one.transfer
    assert moved is not None  # noqa: S101  Why: two pools hand over.
    return Reason(
        topic="KV transfer",
        weight=28,
        speaks=Speaks.OPEN,
        text=(
            f"{moved.bytes / 2**20:,.0f} MiB a prompt: {moved.fast_ms:,.0f} to"
            f" {moved.slow_ms:,.0f} ms over EFA, {moved.tcp_ms:,.0f} ms or more should it fall back"
            " to TCP"
        ),
    )
