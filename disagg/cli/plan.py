"""`disagg plan`."""

from collections import Counter
from typing import Any, Literal

import typer

from disagg.bench.asking import Choice
from disagg.catalog.amis import AL2023
from disagg.catalog.dra import DRA
from disagg.catalog.karpenter import KARPENTER
from disagg.catalog.prices import PRICED_REGION
from disagg.checks.environment import load_environment
from disagg.cli.output import EnvironmentFile, Format, FormatOption, emit, now, stdout, warn
from disagg.cli.planning import (
    HtmlOption,
    PredictorOption,
    PricesOption,
    StaleOption,
    check_age,
    print_table,
    write_page,
)
from disagg.config.prices import bundled_prices, load_prices
from disagg.errors import Problem
from disagg.planner.layout import NodePlan, PodPlan, Resources
from disagg.planner.plan import GroupPlan, Plan, make_plan
from disagg.units import bytes_to_gib

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg plan environments/pilot.yaml -o json")
def plan(
    env: EnvironmentFile,
    output: FormatOption = Format.TABLE,
    predictor: PredictorOption = Choice.AUTO,
    prices: PricesOption = None,
    html: HtmlOption = None,
    *,
    accept_stale: StaleOption = False,
) -> None:
    """Show nodes, GPUs, EFA devices, RAM, huge pages, IP addresses and $/hour, used of available.

    Also which pod lands on which node, and what speed to expect: time to the first token, time per
    token and throughput with bands, KV bandwidth against EFA, what breaks first and what relieves
    it. Nothing is created and no account is asked.
    """
    from disagg.bench.asking import asking  # noqa: PLC0415
    from disagg.checks.question import asked_by, check_measurements  # noqa: PLC0415
    from disagg.planner.ask import layout_of, one_type  # noqa: PLC0415
    from disagg.report.expected import (  # noqa: PLC0415
        expected_json,
        expected_lines,
        expected_table,
        plan_report,
    )

    checked = load_environment(env, now())
    table = load_prices(prices) if prices else bundled_prices()
    made = make_plan(checked.environment, table)
    warnings = [problem.to_json() for problem in checked.warnings]
    if not one_type(checked.environment):
        if output is Format.TABLE:
            show(made, checked.warnings)
            stdout().print(_TWO_TYPES, soft_wrap=True)
        else:
            emit(made.to_json() | {"expected": None, "warnings": warnings}, output)
        return
    asked = asked_by(checked.environment, env)
    check_measurements(env, asked)
    ask = asking(asked, table, predictor)
    check_age(table.file, ask, accept_stale=accept_stale)
    layout = layout_of(checked.environment)
    expected = ask.estimate(layout)
    if html is not None:
        write_page(plan_report(ask, layout, expected, made), html)
    if output is not Format.TABLE:
        data = made.to_json() | {"expected": expected_json(ask, layout, expected)}
        emit(data | {"warnings": warnings}, output)
        return
    show(made, checked.warnings)
    print_table(expected_table(ask, layout, expected))
    for line in expected_lines(ask, layout, expected):
        stdout().print(line, soft_wrap=True)


_TWO_TYPES = (
    "Speed is not predicted: the pools are on nodes of two types, and the model knows one"
    " (DISAGG-ASK-008)."
)


def show(made: Plan, warnings: list[Problem]) -> None:
    """Print a plan for people to stdout, its warnings to stderr."""
    console = stdout()
    console.print(
        f"{made.environment}: {made.model} in {made.region}, {made.placement.replace('_', ' ')}\n"
    )
    for part in (_nodes(made), _pods(made), _costs(made)):
        console.print(part)
        console.print()
    for line in _notes(made):
        console.print(line, soft_wrap=True)
    warn(warnings)


def _table(title: str, columns: list[str]) -> Any:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style="bold"
    )
    for number, column in enumerate(columns):
        justify: Literal["left", "right"] = "left" if number == 0 else "right"
        table.add_column(column, justify=justify, overflow="fold")
    return table


def _nodes(made: Plan) -> Any:
    table = _table(
        "Nodes: used of available",
        ["node", "GPUs", "EFA", "CPU", "RAM GiB", "huge pages MiB", "pods on it"],
    )
    for node in made.nodes:
        table.add_row(node.name, *_of(node.used, node.available), _on(node))
    used = sum((node.used for node in made.nodes), Resources())
    available = sum((node.available for node in made.nodes), Resources())
    table.add_section()
    table.add_row("all", *_of(used, available), f"{used.pods}")
    return table


def _of(used: Resources, available: Resources) -> tuple[str, ...]:
    return (
        f"{used.gpus} / {available.gpus}",
        f"{used.efa_devices} / {available.efa_devices}",
        f"{used.cpu_milli // 1000} / {available.cpu_milli // 1000}",
        f"{used.memory_mib // 1024:,} / {available.memory_mib // 1024:,}",
        f"{used.huge_pages_mib:,} / {available.huge_pages_mib:,}",
    )


def _on(node: NodePlan) -> str:
    counts = Counter((one.role, one.tensor_parallel) for one in node.pods)
    return ", ".join(f"{count} {role} tp{tp}" for (role, tp), count in counts.items()) or "none"


def _pods(made: Plan) -> Any:
    columns = [
        "pod",
        "count",
        "GPUs",
        "EFA",
        "CPU",
        "RAM GiB",
        "shm GiB",
        "KV GiB / GPU",
        "longest requests",
    ]
    table = _table("One pod of each role", columns)
    memory = dict(made.memory)
    for one, count in made.pods:
        table.add_row(
            *_pod(one, count),
            f"{bytes_to_gib(memory[one.role].kv_cache):.0f}",
            f"{memory[one.role].longest_requests:.0f}",
        )
    return table


def _pod(one: PodPlan, count: int) -> tuple[str, ...]:
    return (
        f"{one.role} tp{one.tensor_parallel}",
        f"{count}",
        f"{one.requests.gpus}",
        f"{one.requests.efa_devices}",
        f"{one.requests.cpu_milli / 1000:g}",
        f"{one.requests.memory_mib / 1024:g}",
        f"{one.shm_mib / 1024:g}",
    )


def _costs(made: Plan) -> Any:
    table = _table(
        "Cost by the hour, without data transfer and storage",
        ["item", "count", "$/h each", "$/h", "price is"],
    )
    for line in made.costs:
        each = "not sold" if line.usd_per_hour_each is None else f"{line.usd_per_hour_each:,.4f}"
        table.add_row(
            line.item,
            f"{line.count}",
            each,
            f"{line.usd_per_hour:,.2f}",
            f"{line.kind}, {line.date}" if line.date else "of your file",
        )
    table.add_section()
    table.add_row("all nodes running", "", "", f"{made.usd_per_hour:,.2f}", "derived")
    table.add_row("GPU groups empty", "", "", f"{made.usd_per_hour_without_gpus:,.2f}", "derived")
    if made.usd_per_hour_held:
        table.add_row("bought before, in both", "", "", f"{made.usd_per_hour_held:,.2f}", "derived")
    return table


def _bought(group: GroupPlan) -> str:
    if group.source == "on_demand":
        return "on demand"
    told = f"{group.source.replace('_', ' ')} {group.reservation}"
    return f"{told}, which ends {group.ends}" if group.ends else told


_SHORT = 12
"""Characters shown of a version that is a commit."""


def _loading(made: Plan) -> list[str]:
    """Return how long weights take to the GPUs of each role, and which link decides it."""
    lines = []
    for one in made.loading:
        slow = one.slowest
        shared = f", {slow.pods} downloads at once" if slow.pods > 1 else ""
        then = f", then {one.then.link} ({one.then.kind})" if one.then else ""
        lines.append(
            f"Weights of a {one.role} pod: {one.weight_bytes / 1e9:,.1f} GB in {one.seconds:,.0f} s"
            f" at best (derived); slowest link {slow.link}, {slow.gb_per_second:,.1f} GB/s each"
            f"{shared} ({slow.kind}, {slow.date}){then}."
        )
    return lines


def _about_nodes(made: Plan) -> list[str]:
    """Return what is particular about the nodes."""
    lines = []
    if made.node_test_hours:
        lines.append(
            f"HyperPod tests each new GPU node for about {made.node_test_hours:g} h before it takes"
            " pods (published)."
        )
    if made.provisioner == KARPENTER:
        lines.append(
            "Karpenter makes the GPU nodes, from a static node pool for each group; they are in no"
            " stack."
        )
    if made.device_exposure == DRA:
        lines.append("GPUs and EFA devices are claimed from DRA drivers, near each other.")
    return lines


def _notes(made: Plan) -> list[str]:
    fabric = made.subnets.fabric
    notes = [f"Running day and night: ${made.usd_per_month:,.0f} a month (derived)."]
    if made.region != PRICED_REGION:
        notes.append(
            f"Prices without a row for {made.region} are those of {PRICED_REGION}, assumed to be"
            " equal."
        )
    if made.extended_support_usd_per_hour is not None:
        notes.append(
            f"Kubernetes {made.kubernetes_version} leaves standard support on"
            f" {made.standard_support_ends}; the control plane then costs"
            f" ${made.extended_support_usd_per_hour:.2f}/h (assumed)."
        )
    for group in made.groups:
        cards = len(group.interfaces)
        ami = "" if group.ami == AL2023 else f" with {group.ami.capitalize()}"
        notes.append(
            f"Group {group.name}: {group.nodes} x {group.instance_type}{ami} in {group.zone_id},"
            f" {cards} interfaces a node ({cards - 1} EFA),"
            f" {group.desired_nodes} running after the first deploy; {_bought(group)}."
        )
    notes += _about_nodes(made)
    notes.append(
        f"Fabric subnet {fabric.cidr}: GPU nodes take at most {made.fabric_addresses_used:,} of"
        f" {fabric.usable_addresses:,} addresses."
    )
    charts = ", ".join(f"{name} {version[:_SHORT]}" for name, version in made.charts)
    notes.append(f"Charts to install: {charts}.")
    notes += _loading(made)
    if not made.idle:
        notes.append("No GPU is idle.")
    for waste in made.idle:
        price = "price unknown" if waste.usd_per_hour is None else f"${waste.usd_per_hour:,.2f}/h"
        notes.append(f"Idle: {waste.gpus} GPUs of group {waste.group}, {price}.")
    if made.suggestion:
        notes.append(f"To use them: {made.suggestion}.")
    if made.existing:
        notes.append("Exists already: not made, not changed, not in the cost. It needs:")
    notes += [f"  {one}" for one in made.existing]
    if made.overrides:
        notes.append("Overrides change what is rendered; this plan counts without them:")
    notes += [f"  {one}" for one in made.overrides]
    return notes
