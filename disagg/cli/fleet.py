"""`disagg fleet`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disagg.cli.output import Format, FormatOption, emit, now, stdout, warn

if TYPE_CHECKING:
    from disagg.checks.fleet import CheckedFleet
    from disagg.checks.fleet.rules import Member
    from disagg.planner.plan import Plan

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg fleet examples/06-two-accounts/fleet.yaml")
def fleet(
    file: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file.")],
    output: FormatOption = Format.TABLE,
) -> None:
    """Check every environment of a fleet, and show what goes where, in what order, and $/hour.

    Exits 64 with every problem of every file at once. Nothing is created and no account is asked.
    """
    from disagg.checks.fleet import load_fleet  # noqa: PLC0415

    checked = load_fleet(file, now())
    if output is Format.TABLE:
        show(checked)
    else:
        emit(_json(checked), output)
    warn(checked.warnings)


def show(checked: "CheckedFleet") -> None:
    """Print a fleet for people: environments by stage, and what they cost together."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from disagg.planner.layout import groups  # noqa: PLC0415

    table = Table(title=_title(checked), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("stage", "environment", "account", "region"):
        table.add_column(column, overflow="fold")
    for column in ("GPU nodes", "$/h, all nodes", "$/h, groups empty"):
        table.add_column(column, justify="right")
    again = _counted_again(checked)
    total = [0, -again, -again]
    for member, plan in _plans(checked):
        environment = member.environment
        nodes = sum(one.nodes for one in groups(environment.capacity).values())
        money = (plan.usd_per_hour, plan.usd_per_hour_without_gpus)
        total = [a + b for a, b in zip(total, (nodes, *money), strict=True)]
        table.add_row(
            member.stage,
            environment.name,
            f"{member.place.account}\n{environment.aws.account}",
            environment.aws.region,
            f"{nodes}",
            *(f"{one:,.2f}" for one in money),
        )
    table.add_section()
    if again:
        table.add_row("shared", "counted again", "", "", "", *[f"-{again:,.2f}"] * 2)
    table.add_row("all", "", "", "", f"{total[0]:.0f}", *(f"{one:,.2f}" for one in total[1:]))
    stdout().print(table)
    stdout().print(
        "Stages are deployed in this order; costs are without data transfer and storage.",
        soft_wrap=True,
    )


def _title(checked: "CheckedFleet") -> str:
    return f"Fleet {checked.fleet.name}: " + ", then ".join(
        stage.name for stage in checked.fleet.stages
    )


def _plans(checked: "CheckedFleet") -> "list[tuple[Member, Plan]]":
    from disagg.config.prices import bundled_prices  # noqa: PLC0415
    from disagg.planner.plan import make_plan  # noqa: PLC0415

    prices = bundled_prices()
    ordered = [one for stage in checked.stages() for one in stage]
    return [(one, make_plan(one.environment, prices)) for one in ordered]


def _counted_again(checked: "CheckedFleet") -> float:
    from disagg.config.prices import bundled_prices  # noqa: PLC0415
    from disagg.planner.cost import counted_again  # noqa: PLC0415

    return counted_again((one.environment for one in checked.members), bundled_prices())


def _json(checked: "CheckedFleet") -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "stage": member.stage,
            "environment": member.environment.name,
            "file": member.file.as_posix(),
            "alias": member.place.account,
            "account": member.environment.aws.account,
            "region": member.environment.aws.region,
            "cidr": member.environment.network.cidr,
            "usd_per_hour": round(plan.usd_per_hour, 4),
            "usd_per_hour_without_gpu_nodes": round(plan.usd_per_hour_without_gpus, 4),
        }
        for member, plan in _plans(checked)
    ]
    again = _counted_again(checked)
    return {
        "schema_version": 1,
        "fleet": checked.fleet.name,
        "stages": [one.name for one in checked.fleet.stages],
        "environments": rows,
        **{
            name: round(sum(row[name] for row in rows) - again, 4)
            for name in ("usd_per_hour", "usd_per_hour_without_gpu_nodes")
        },
        "warnings": [one.to_json() for one in checked.warnings],
    }
