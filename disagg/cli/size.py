"""`disagg size`."""

from pathlib import Path
from typing import Annotated

import typer

from disagg.bench.asking import Choice
from disagg.cli.output import Format, FormatOption, say, write_whole
from disagg.cli.planning import (
    HtmlOption,
    PredictorOption,
    PricesOption,
    QuestionFile,
    StaleOption,
    answer,
    check_plot_name,
    check_volume,
    load,
    write_plot,
)
from disagg.errors import Exit

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg size workload.yaml --plot pareto.svg --write env.yaml")
def size(
    workload: QuestionFile,
    output: FormatOption = Format.TABLE,
    predictor: PredictorOption = Choice.AUTO,
    prices: PricesOption = None,
    html: HtmlOption = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the Pareto plot here: .svg or .png.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Environment file that the best layout of two pools is written into."),
    ] = None,
    *,
    accept_stale: StaleOption = False,
) -> None:
    """Find the best layouts for a workload, with and without disaggregation.

    The cheapest that keep every promise come first. --write puts the best layout of two pools, its
    workload and its promises into an environment file, shown as a patch first; everything else in
    the file stays as it is.
    """
    from disagg.planner.decision.sizing import size as sized  # noqa: PLC0415
    from disagg.report.patch import best_to_write, patch, patched  # noqa: PLC0415
    from disagg.report.sizing import pareto_plot, size_json, size_report  # noqa: PLC0415

    if plot is not None:
        check_plot_name(plot)
    ask = load(workload, predictor, prices, accept_stale=accept_stale).ask
    found = sized(ask)
    check_volume(workload, ask, found)
    nodes = found.pools.layout.nodes if found.pools else 1
    drawn, fronts = pareto_plot(ask, nodes)
    report = size_report(ask, found, (drawn,))
    data = size_json(ask, found, fronts)
    made = None if write is None else patched(write, found, ask)
    best = best_to_write(found)
    data["patch"] = made.change if made else patch(best.layout) if best else None
    answer(report, data, output, html)
    if plot is not None:
        write_plot(report, plot)
    if write is not None and made is not None:
        say(made.difference.rstrip("\n") or f"{write.as_posix()}: already so")
        for one in made.warnings:
            say(f"warning: {one}")
        write_whole(write, made.text)
        say(f"wrote {write.as_posix()}")
    if not found.found or not found.found[0].meets:
        raise typer.Exit(Exit.FOUND)
