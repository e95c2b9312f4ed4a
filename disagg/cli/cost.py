"""`disagg cost`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from disagg.bench.asking import Choice
from disagg.cli.output import Format, FormatOption, emit, say, write_whole
from disagg.cli.planning import (
    HtmlOption,
    PredictorOption,
    PricesOption,
    QuestionFile,
    StaleOption,
    answer,
    check_volume,
    load,
    today,
)
from disagg.config.prices import bundled_prices, dump_prices, load_prices
from disagg.errors import InvalidInputError, Problem, refusal


class _FileOrRefresh(TyperGroup):
    """Takes `cost FILE` as well as `cost refresh`: what is no verb of its own is a file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the hidden verb `of` before anything that is not a verb; its help is that of all."""
        if args and args[0] not in self.commands:
            args = ["of", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(cls=_FileOrRefresh, add_completion=False, no_args_is_help=True)


@app.callback(epilog="Example: disagg cost environments/pilot.yaml")
def cost() -> None:
    """Show $/hour, $/million tokens, whole-node steps and break-even of ENV: disagg cost ENV.

    `disagg cost refresh` asks AWS for today's prices.
    """


@app.command(
    name="of", hidden=True, epilog="Example: disagg cost environments/pilot.yaml --volume 5e10"
)
def of(
    file: QuestionFile,
    volume: Annotated[
        float | None,
        typer.Option(
            min=1, max=1e18, help="Output tokens a month. Default: what the file says or its load."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
    predictor: PredictorOption = Choice.AUTO,
    prices: PricesOption = None,
    html: HtmlOption = None,
    *,
    accept_stale: StaleOption = False,
) -> None:
    """Show $/hour, $/million tokens, whole-node steps, break-even, idle and pilot of a file.

    An environment is counted with its own layout, a workload file with the best one of two pools.
    `disagg cost refresh` asks AWS for today's prices.
    """
    from disagg.config.prices import bundled_prices, load_prices  # noqa: PLC0415
    from disagg.planner.ask import layout_of  # noqa: PLC0415
    from disagg.planner.cost import cost_lines  # noqa: PLC0415
    from disagg.planner.decision.sizing import size  # noqa: PLC0415
    from disagg.planner.decision.spending import spending  # noqa: PLC0415
    from disagg.report.spending import cost_json, cost_report  # noqa: PLC0415

    loaded = load(file, predictor, prices, accept_stale=accept_stale)
    ask, environment = loaded.ask, loaded.asked.environment
    table = load_prices(prices) if prices else bundled_prices()
    lines = () if environment is None else cost_lines(environment, table)
    sizing = size(ask)
    check_volume(file, ask, sizing)
    best = None if environment else sizing.pools
    layout = layout_of(environment) if environment else best.layout if best else None
    made = None if layout is None else spending(ask, layout, volume)
    if made is None:
        raise InvalidInputError([_serves_nothing(file)])
    answer(cost_report(ask, made, lines), cost_json(ask, made, lines), output, html)


def _serves_nothing(file: Path) -> Problem:
    return Problem(
        code="DISAGG-SLO-003",
        file=file.as_posix(),
        path="slo",
        got="a layout that serves nothing within the promises",
        need="promises that some load keeps",
        fix="promise more time, measure a baseline, or see which layouts do: disagg size",
    )


@app.command(epilog="Example: disagg cost refresh --region us-west-2 --write prices.yaml")
def refresh(
    region: Annotated[str, typer.Option(help="AWS region whose prices are asked.")],
    prices: Annotated[
        Path | None, typer.Option(help="Price file to bring up to date. Default: the bundled one.")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write the price file here.")] = None,
    instance_type: Annotated[
        str, typer.Option(help="Type of the Capacity Block offers.")
    ] = "p6-b200.48xlarge",
    nodes: Annotated[int, typer.Option(min=1, max=64, help="Nodes of a Capacity Block.")] = 1,
    block_hours: Annotated[
        int, typer.Option(min=0, max=4368, help="Length of a Capacity Block [h]; 0 asks for none.")
    ] = 24,
    output: FormatOption = Format.TABLE,
) -> None:
    """Ask AWS for prices and Capacity Block offers: needs credentials, changes nothing there.

    Prints what differs from the price file; --write makes a new one for --prices of other verbs.
    Offers are not written: a block is bought once, so its price goes into `pricing:` of your file.
    """
    import boto3  # noqa: PLC0415  Why: an extra; every other use of this verb does without.

    from disagg.ops.prices import (  # noqa: PLC0415
        PRICE_LIST_REGION,
        block_offers,
        priced_types,
        refreshed,
        refusals_told,
    )

    old = load_prices(prices) if prices else bundled_prices()
    _region_is_known(region)
    with refusals_told():
        client = boto3.client("pricing", region_name=PRICE_LIST_REGION)
        new = refreshed(client, region, priced_types(region), today(), old)
        ec2 = boto3.client("ec2", region_name=region)
        offers = block_offers(ec2, instance_type, nodes, block_hours) if block_hours else []
    before = {(row.item, row.offer, row.region): row.usd_per_hour for row in old.rows}
    changed = [row for row in new.rows if row.source.date == today().isoformat()]
    if output is Format.TABLE:
        for row in changed:
            was = before.get((row.item, row.offer, row.region))
            known = "new" if was is None else f"was {was:,.4f}"
            typer.echo(f"{row.item} {row.offer} {row.region}: ${row.usd_per_hour:,.4f}/h ({known})")
        for one in offers:
            typer.echo(
                f"Capacity Block {one.offering_id}: {one.nodes} x {one.instance_type},"
                f" {one.hours} h from {one.start} in {one.zone}: ${one.upfront_usd:,.2f} up front,"
                f" ${one.usd_per_node_hour:,.2f} a node hour"
            )
    else:
        emit(_as_data(changed, offers, before), output)
    if write is not None:
        write_whole(write, dump_prices(new))
        say(f"wrote {write.as_posix()}; use it with --prices {write.as_posix()}")


def _as_data(changed: list[Any], offers: list[Any], before: dict[Any, float]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "prices": [
            {
                "item": row.item,
                "offer": row.offer,
                "region": row.region,
                "usd_per_hour": row.usd_per_hour,
                "usd_per_hour_before": before.get((row.item, row.offer, row.region)),
                "date": row.source.date,
                "source": row.source.reference,
            }
            for row in changed
        ],
        "capacity_blocks": [
            {
                "offering_id": one.offering_id,
                "instance_type": one.instance_type,
                "zone": one.zone,
                "start": one.start,
                "usd_per_node_hour": round(one.usd_per_node_hour, 4),
                "pricing": {"capacity_block": one.as_pricing()},
            }
            for one in offers
        ],
    }


def _region_is_known(region: str) -> None:
    from disagg.catalog.regions import REGIONS  # noqa: PLC0415

    if region not in REGIONS:
        raise refusal(
            "DISAGG-AWS-001",
            file="disagg cost refresh",
            path="--region",
            got=f"unknown region {region!r}",
            need="an AWS region",
            fix="for instance --region us-west-2",
        )
