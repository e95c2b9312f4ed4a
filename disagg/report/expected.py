"""What `disagg plan` says about speed: expected latencies and throughput, the link, the limit."""

from typing import Any

from disagg.catalog.kv_links import EFA_EFFICIENCY
from disagg.planner.ask import Ask
from disagg.planner.performance.estimate import RELIEF, Estimate
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.startup import startup
from disagg.planner.performance.transfer import efa_link
from disagg.planner.plan import Plan
from disagg.report.parts import estimate_json, milliseconds, notes, origins, question, told, usd
from disagg.report.structure import Plot, Report, Series, Table


def expected_table(ask: Ask, layout: Layout, one: Estimate) -> Table:
    """Return the expected figures of a layout under the workload of its environment."""
    times, bands = one.latency, ask.bands(layout)
    tokens, tpot = one.output_tokens_per_second, times.tpot_mean_ms
    most = tokens * bands.disaggregated.high
    if one.demand is not None:
        # Why: no more comes out than is asked for.
        most = min(most, one.demand * ask.setting.traffic.outputs.mean)
    rows = [
        (
            "output tokens/s",
            f"{tokens:,.0f}",
            f"{tokens * bands.disaggregated.low:,.0f} to {most:,.0f}",
        ),
        ("TTFT p50 [ms]", "", milliseconds(times.ttft_p50_ms.low, times.ttft_p50_ms.high)),
        (
            "TTFT p95 [ms]",
            f"{times.ttft_p95_centre_ms:,.0f}",
            milliseconds(times.ttft_p95_ms.low, times.ttft_p95_ms.high),
        ),
        (
            "TPOT mean [ms]",
            f"{tpot:,.1f}",
            f"{tpot * bands.tpot.low:,.1f} to {tpot * bands.tpot.high:,.1f}",
        ),
        (
            "TPOT p95 [ms]",
            f"{times.tpot_p95_ms:,.1f}",
            f"{times.tpot_p95_band_ms.low:,.1f} to {times.tpot_p95_band_ms.high:,.1f}",
        ),
        ("prefill load", f"{one.prefill_load:.0%}", ""),
        ("sequences on a decode engine", f"{one.batch:,.0f} of {one.largest_batch:,.0f}", ""),
    ]
    return Table(
        title=f"Expected under the workload, by {told(ask)}",
        columns=("figure", "middle", "nine in ten"),
        rows=(*rows, *_link_rows(ask, layout, one)),
        note=(
            "calibrated on your measurements"
            if bands.calibrated
            else "uncalibrated: never measured on your nodes; the bands are the answer"
        ),
    )


def _link_rows(ask: Ask, layout: Layout, one: Estimate) -> list[tuple[str, str, str]]:
    moved = one.transfer
    if moved is None or layout.prefill is None:
        return []
    low, high = EFA_EFFICIENCY
    link = efa_link(ask.instance, layout.prefill.worker, layout.engines.worker)
    return [
        ("KV cache of a prompt", f"{moved.bytes / 2**20:,.0f} MiB", ""),
        (
            "its transfer over EFA [ms]",
            "",
            f"{moved.fast_ms:,.0f} to {moved.slow_ms:,.0f}; by TCP {moved.tcp_ms:,.0f} or more",
        ),
        *(
            (
                f"KV bandwidth of a {role} engine [GB/s]",
                f"{one.link_need_gb_per_second(engines):,.2f}",
                f"EFA gives {low * line:,.0f} to {high * line:,.0f} of {line:,.0f}",
            )
            for role, engines, line in (
                ("prefill", layout.prefill.count, link.prefill_gb_per_second),
                ("decode", layout.engines.count, link.decode_gb_per_second),
            )
        ),
    ]


def expected_lines(ask: Ask, layout: Layout, one: Estimate) -> list[str]:
    """Return the limit, what relieves it, and how long one more engine takes."""
    start = startup(ask.model, layout.engines.worker.gpus)
    lines = [
        (
            f"Breaks first: {one.bottleneck}, at {one.capacity:,.1f} requests/s"
            f" ({one.rate:,.1f} now). Relief: {RELIEF[one.bottleneck]}."
        ),
    ]
    if ask.slo is not None:
        lines.append(
            f"Both promises are kept with probability {one.meets:.2f}"
            f" ({ask.slo.confidence:g} wanted)."
        )
    lines.append(
        f"One more decode engine serves after about {start.on_a_ready_node:,.0f} s on a ready"
        f" node, {start.on_a_new_node / 60:,.0f} min on a new one (assumed)."
    )
    return lines


def expected_json(ask: Ask, layout: Layout, one: Estimate) -> dict[str, Any]:
    """Return the expected figures as plain data."""
    bands, said = ask.bands(layout), ask.knowledge.predictor.origin
    return {
        "predictor": ask.knowledge.predictor.name,
        "predictor_source": {
            "kind": str(said.kind),
            "reference": said.reference,
            "date": said.date,
        },
        "calibrated": bands.calibrated,
        "pair_was_measured": bands.known,
        **estimate_json(one),
    }


def plan_report(ask: Ask, layout: Layout, one: Estimate, made: Plan) -> Report:
    """Return a plan as a page: who lands where, what it costs, what speed to expect."""
    nodes = tuple(
        (
            node.name,
            f"{node.used.gpus} / {node.available.gpus}",
            f"{node.used.efa_devices} / {node.available.efa_devices}",
            f"{len(node.pods)}",
        )
        for node in made.nodes
    )
    lines = tuple(
        (
            line.item,
            f"{line.count}",
            f"{line.usd_per_hour:,.2f}",
            f"{line.kind}, {line.source}, {line.date}",
        )
        for line in made.costs
    )
    return Report(
        title=f"Plan of {made.environment}",
        question=question(ask),
        headline=(
            f"{layout} of {made.model} on {layout.nodes} x {ask.instance.name} in {made.region}:"
            f" ${made.usd_per_hour:,.2f}/h, {usd(made.usd_per_month)} a month."
        ),
        lines=tuple(expected_lines(ask, layout, one)),
        tables=(
            expected_table(ask, layout, one),
            Table(
                title="Nodes: used of available",
                columns=("node", "GPUs", "EFA", "pods"),
                rows=nodes,
            ),
            Table(
                title="Cost by the hour",
                columns=("item", "count", "$/h", "price is"),
                rows=lines,
            ),
        ),
        plots=(_limits_plot(one),),
        origins=origins(ask, layout) if ask.listed else (),
        notes=notes(ask, layout) if ask.listed else (),
    )


def _limits_plot(one: Estimate) -> Plot:
    ordered = sorted(one.limits.items(), key=lambda item: item[1])
    places = tuple(float(number) for number in range(1, len(ordered) + 1))
    return Plot(
        title="Requests/s at which each promise breaks",
        x_label=", ".join(f"{number} {name}" for number, (name, _) in enumerate(ordered, 1)),
        y_label="requests/s",
        series=(
            Series(name="breaks", x=places, y=tuple(rate for _, rate in ordered)),
            Series(name="now", x=places, y=(one.rate,) * len(places)),
        ),
    )
