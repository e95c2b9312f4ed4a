"""Pieces that several answers share: a layout as a row and as data, origins, notes."""

import math
from dataclasses import asdict
from typing import Any

from disagg.catalog.kv_links import EFA_EFFICIENCY, KV_LINKS_SOURCE
from disagg.planner.ask import Ask
from disagg.planner.decision.sizing import Sizing, costs
from disagg.planner.decision.verdict import larger_search
from disagg.planner.decision.verdict import nodes_of as counted
from disagg.planner.decision.worth import Worth
from disagg.planner.performance.estimate import RELIEF, Estimate
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.prefix_cache import Hits
from disagg.planner.performance.queueing import LARGEST_LOAD
from disagg.planner.performance.search import Found
from disagg.planner.performance.setting import FRONT_END_MS, HAND_OVER_MS
from disagg.planner.performance.startup import STARTUP_SOURCE
from disagg.planner.performance.transfer import efa_link
from disagg.report.structure import Origin


def finite(value: float | None) -> float | None:
    """Return a number for JSON: None where it is infinite or unknown."""
    return None if value is None or not math.isfinite(value) else round(value, 6)


def told(ask: Ask) -> str:
    """Return who predicts, and that a roofline alone is not to be trusted far."""
    name = ask.knowledge.predictor.name
    return f"{name} (low confidence)" if name == "roofline" else name


def milliseconds(low: float, high: float) -> str:
    """Return a range of milliseconds as text."""
    if math.isinf(high):
        return "overloaded"
    return f"{low:,.0f} to {high:,.0f}"


def usd(value: float) -> str:
    """Return dollars as text."""
    return f"-${-value:,.0f}" if value < 0 else f"${value:,.0f}"


def nodes_of(layout: Layout) -> str:
    """Return how the nodes of a layout are shared, in words."""
    count = counted(layout)
    if layout.prefill is None:
        return count
    return f"{count}, {'shared' if layout.colocated else 'apart'}"


LAYOUT_COLUMNS = (
    "layout",
    "nodes",
    "GPUs",
    "$/h",
    "tokens/s",
    "TTFT p95 ms",
    "TPOT p95 ms",
    "kept with p",
    "most req/s",
    "$/Mtok out",
    "breaks first",
)


def layout_row(ask: Ask, one: Found) -> tuple[str, ...]:
    """Return a layout as a row of the table of layouts."""
    estimate, money = one.estimate, costs(ask, one)
    times = estimate.latency
    band = times.tpot_p95_band_ms
    each = "-" if money is None else f"{money.unit.usd_per_mtok_all_on_output:,.2f}"
    return (
        str(one.layout),
        nodes_of(one.layout),
        f"{one.layout.gpus_used} of {one.layout.gpus_billed}",
        f"{one.usd_per_hour:,.2f}",
        f"{estimate.output_tokens_per_second:,.0f}",
        milliseconds(times.ttft_p95_ms.low, times.ttft_p95_ms.high),
        f"{band.low:,.1f} to {band.high:,.1f}",
        f"{one.degraded.meets:.2f}" + _not_kept(one),
        f"{one.degraded.capacity:,.1f}",
        each,
        one.degraded.bottleneck,
    )


def _not_kept(one: Found) -> str:
    if one.meets:
        return ""
    if not one.survives:
        return " no: spare"
    return " no" if one.degraded.serves else " no: load"


def estimate_json(one: Estimate) -> dict[str, Any]:
    """Return an estimate as plain data."""
    times = one.latency

    def ends(value: Any) -> dict[str, Any]:
        return {"low": finite(value.low), "high": finite(value.high)}

    moved = one.transfer
    return {
        "requests_per_second": finite(one.rate),
        "output_tokens_per_second": finite(one.output_tokens_per_second),
        "output_tokens_per_second_per_gpu": finite(one.tokens_per_second_per_gpu),
        "ttft_p50_ms": ends(times.ttft_p50_ms),
        "ttft_p95_ms": ends(times.ttft_p95_ms),
        "ttft_of_a_wave_ms": finite(times.ttft_wave_ms),
        "tpot_mean_ms": finite(times.tpot_mean_ms),
        "tpot_p95_ms": finite(times.tpot_p95_ms),
        "tpot_p95_band_ms": ends(times.tpot_p95_band_ms),
        "batch_per_engine": finite(one.batch),
        "largest_batch_per_engine": finite(one.largest_batch),
        "prefill_load": finite(one.prefill_load),
        "prefill_share": finite(one.prefill_share),
        "prefix_hits": _hits(one.hits),
        "kv_transfer": None
        if moved is None
        else {**asdict(moved), "link_need_gb_per_second": _link_needs(one)},
        "limits_requests_per_second": {name: finite(rate) for name, rate in one.limits.items()},
        "bottleneck": one.bottleneck,
        "relief": RELIEF[one.bottleneck],
        "probability_kept": finite(one.meets),
    }


def _link_needs(one: Estimate) -> dict[str, float | None]:
    """Return what the links of one engine of each role must carry [GB/s]."""
    pools = {"prefill": one.layout.prefill, "decode": one.layout.engines}
    return {
        role: finite(one.link_need_gb_per_second(pool.count))
        for role, pool in pools.items()
        if pool
    }


def _hits(found: Hits) -> dict[str, Any]:
    return {
        "share": finite(found.share),
        "tiers": {tier.name: finite(tier.share) for tier in found.tiers},
    }


def found_json(ask: Ask, one: Found) -> dict[str, Any]:
    """Return a layout with its figures as plain data."""
    money = costs(ask, one)
    return {
        **layout_json(one.layout),
        "usd_per_hour": round(one.usd_per_hour, 4),
        "calibrated": one.calibrated,
        "meets": one.meets,
        "expected": estimate_json(one.estimate),
        "after_failures": estimate_json(one.degraded),
        "cost": None
        if money is None
        else {
            "output_tokens_per_month": round(money.volume),
            **{name: round(value, 6) for name, value in asdict(money.unit).items()},
            "continuous_usd_per_month": round(money.month.continuous_usd, 2),
            "whole_nodes_usd_per_month": round(money.month.stepped_usd, 2),
            "idle_usd_per_month": round(money.month.idle_usd, 2),
        },
    }


def savings_json(worth: Worth) -> dict[str, float]:
    """Return what disaggregation saves as plain data [USD/month]."""
    return {
        "low": worth.low.usd_per_month,
        "middle": worth.middle.usd_per_month,
        "high": worth.high.usd_per_month,
        "whole_nodes_middle": worth.whole_nodes_middle_usd,
        "whole_nodes_low": worth.whole_nodes_low_usd,
        "whole_nodes_high": worth.whole_nodes_high_usd,
    }


def margin_lines(ask: Ask, sizing: Sizing) -> list[str]:
    """Return how much of a layout is there because predictions are not exact."""
    best, exact = next(iter(sizing.found), None), sizing.exact
    if best is None:
        return []
    if exact is None:
        text = (
            f"Even if every prediction were exact, none of up to {ask.question.search.gpus} GPUs"
            f" would do: {larger_search(ask)}."
        )
        return [text]
    if best.meets and exact.usd_per_hour >= best.usd_per_hour:
        return []
    margin = (
        f"{best.layout.nodes - exact.layout.nodes} of {best.layout.nodes} nodes are"
        if best.meets
        else "the rest is"
    )
    text = (
        f"If every prediction were exact, {exact.layout} on {exact.layout.nodes} x"
        f" {ask.instance.name} would do: {margin} the price of not knowing, which measurements of"
        " yours make smaller."
    )
    return [text]


def layout_json(layout: Layout) -> dict[str, Any]:
    """Return a layout as plain data."""

    def pool(one: Any) -> dict[str, int] | None:
        if one is None:
            return None
        return {
            "replicas": one.count,
            "tensor_parallel": one.worker.tensor_parallel,
            "data_parallel": one.worker.data_parallel,
            "expert_parallel": one.worker.expert_parallel,
        }

    return {
        "layout": str(layout),
        "kind": str(layout.kind),
        "instance_type": layout.instance.name,
        "engines": pool(layout.engines),
        "prefill": pool(layout.prefill),
        "placement": None
        if layout.prefill is None
        else ("colocate" if layout.colocated else "separate_nodes"),
        "nodes": layout.nodes,
        "gpus_used": layout.gpus_used,
        "gpus_billed": layout.gpus_billed,
    }


def question(ask: Ask) -> tuple[tuple[str, str], ...]:
    """Return what was asked, in words."""
    asked, search = ask.question.workload, ask.question.search

    def length(mean: int, p95: int | None) -> str:
        return f"{mean:,} tokens" + (f", 95th percentile {p95:,}" if p95 else "")

    load = (
        f"{asked.requests_per_second:g} requests/s"
        if asked.requests_per_second is not None
        else f"{asked.concurrency:,} in flight"
    )
    promises = "none given"
    if ask.slo is not None:
        promises = (
            f"first token in {ask.slo.ttft_p95_ms:,} ms, each further one in"
            f" {ask.slo.tpot_p95_ms:,} ms, both at the 95th percentile, with probability"
            f" {ask.slo.confidence:g}"
        )
    return (
        ("model", f"{ask.model.name}, weights in {ask.model.weight_precision}"),
        ("nodes", f"{ask.instance.name}, {ask.question.region}"),
        ("prompts", length(asked.input_tokens, asked.input_tokens_p95)),
        ("answers", length(asked.output_tokens, asked.output_tokens_p95)),
        ("load at the peak", f"{load}; the mean is {asked.mean_over_peak:.0%} of it"),
        ("prompt tokens seen before", f"{ask.setting.traffic.reuse:.0%}"),
        ("promises", promises),
        ("searched", f"up to {search.gpus} GPUs, {search.spare_engines} spare engines a role"),
    )


def origins(ask: Ask, layout: Layout | None) -> tuple[Origin, ...]:
    """Return where the figures of an answer come from."""
    said = ask.knowledge.predictor.origin
    price, geometry = ask.price, ask.model.source
    found = [
        Origin(
            figure="step times",
            value=ask.knowledge.predictor.name,
            kind=str(said.kind),
            source=said.reference,
            date=said.date,
        ),
        Origin(
            figure="price of a node",
            value=f"${price.usd_per_hour:,.4f}/h, {price.how}",
            kind=str(price.kind),
            source=price.reference,
            date=price.date,
        ),
        Origin(
            figure="model",
            value=f"{ask.model.name}, weights in {ask.model.weight_precision}",
            kind=str(geometry.kind),
            source=geometry.reference,
            date=geometry.date,
        ),
        Origin(
            figure="front end",
            value=f"{FRONT_END_MS:g} ms",
            kind="derived",
            source="shortest TTFT of the aggregated training rows less the predicted prefill",
            date="2026-11-27",
        ),
        Origin(
            figure="largest prefill load",
            value=f"{LARGEST_LOAD:g}",
            kind="assumed",
            source="waiting grows as 1 / (1 - load)",
            date="2026-11-23",
        ),
        Origin(
            figure="start-up times",
            value="see docs/planner.md",
            kind=str(STARTUP_SOURCE.kind),
            source=STARTUP_SOURCE.reference,
            date=STARTUP_SOURCE.date,
        ),
    ]
    if layout is None:
        return tuple(found)
    bands = ask.bands(layout)
    found.append(
        Origin(
            figure="band of TPOT",
            value=f"x {bands.tpot.low:.2f} to x {bands.tpot.high:.2f}",
            kind=str(bands.origin.kind),
            source=bands.origin.reference
            + ("; your points" if bands.calibrated else "")
            + ("" if bands.known else "; no row of this pair, so all rows together"),
            date=bands.origin.date,
        )
    )
    if layout.prefill is not None:
        link = efa_link(ask.instance, layout.prefill.worker, layout.engines.worker)
        low, high = EFA_EFFICIENCY
        found += [
            Origin(
                figure="KV link of one prefill engine",
                value=f"{link.line_gb_per_second:g} GB/s line, {low:g} to {high:g} of it reached",
                kind=str(KV_LINKS_SOURCE.kind),
                source=KV_LINKS_SOURCE.reference,
                date=KV_LINKS_SOURCE.date,
            ),
            Origin(
                figure="hand-over beside the transfer",
                value=" / ".join(f"{one:g}" for one in HAND_OVER_MS) + " ms",
                kind="derived",
                source="TTFT of disaggregated training rows at low load; they ran under Dynamo",
                date="2026-11-27",
            ),
            Origin(
                figure="band of two pools' throughput",
                value=f"x {bands.disaggregated.low:.2f} to x {bands.disaggregated.high:.2f}",
                kind=str(bands.origin.kind),
                source=f"{bands.origin.reference}; none of them is of llm-d",
                date=bands.origin.date,
            ),
        ]
    return tuple(found)


def notes(ask: Ask, layout: Layout | None) -> tuple[str, ...]:
    """Return what a reader must know before acting on a layout."""
    found = []
    if layout is not None and not ask.knowledge.calibrated(layout):
        found.append(
            f"Uncalibrated: {told(ask)} was never told a measurement of yours."
            " Treat the bands as the answer, not the figures in their middle."
        )
    if layout is not None and layout.prefill is not None and layout.colocated:
        found.append(
            "Pools share nodes: EFA does not carry transfers inside a node reliably, so prefill and"
            " decode on one node must reach each other another way; test it before you rely on it."
        )
    if ask.slo is None:
        found.append("No promise (`slo:`) is given: layouts are limited by memory and load alone.")
    if ask.price.committed:
        found.append("The nodes are paid whether used or not: a gain buys capacity, no money.")
    return tuple(found)
