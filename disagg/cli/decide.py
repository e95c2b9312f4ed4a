"""`disagg decide`."""

import typer

from disagg.bench.asking import Choice
from disagg.cli.output import Format, FormatOption
from disagg.cli.planning import (
    HtmlOption,
    PredictorOption,
    PricesOption,
    QuestionFile,
    StaleOption,
    answer,
    check_volume,
    load,
)
from disagg.errors import Exit

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg decide environments/pilot.yaml --html decision.html")
def decide(
    workload: QuestionFile,
    output: FormatOption = Format.TABLE,
    predictor: PredictorOption = Choice.AUTO,
    prices: PricesOption = None,
    html: HtmlOption = None,
    *,
    accept_stale: StaleOption = False,
) -> None:
    """Say whether to pilot disaggregation: yes, no, or measure first, with the reasons by weight.

    Exit 0 is yes; 2 is no and measure first. Never yes without a measurement of yours.
    """
    from disagg.planner.decision.sizing import size  # noqa: PLC0415
    from disagg.planner.decision.verdict import Answer  # noqa: PLC0415
    from disagg.planner.decision.verdict import decide as decided  # noqa: PLC0415
    from disagg.report.decision import decide_json, decide_report  # noqa: PLC0415
    from disagg.report.sizing import pareto_plot  # noqa: PLC0415

    ask = load(workload, predictor, prices, accept_stale=accept_stale).ask
    found = size(ask)
    check_volume(workload, ask, found)
    verdict = decided(ask, found)
    nodes = found.pools.layout.nodes if found.pools else 1
    plots = (pareto_plot(ask, nodes)[0],) if html else ()
    answer(decide_report(ask, verdict, plots), decide_json(ask, verdict), output, html)
    if verdict.answer is not Answer.YES:
        raise typer.Exit(Exit.FOUND)
