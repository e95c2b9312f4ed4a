"""`disagg compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from disagg.bench.asking import Choice
from disagg.cli.output import Format, FormatOption
from disagg.cli.planning import (
    HtmlOption,
    Loaded,
    PredictorOption,
    PricesOption,
    StaleOption,
    answer,
    load,
)
from disagg.errors import InvalidInputError, refusal

if TYPE_CHECKING:
    from disagg.planner.decision.versus import Contender

app = typer.Typer(add_completion=False)
Side = Annotated[
    str,
    typer.Argument(help="Environment file, or a layout: 2xtp4, 4xtp1+1xtp4, 8xtp1+2xtp4@separate."),
]


@app.command(epilog="Example: disagg compare 1xtp4 4xtp1+1xtp4 --workload workload.yaml")
def compare(
    a: Side,
    b: Side,
    workload: Annotated[
        Path | None,
        typer.Option(
            "--workload", "-w", help="Whose traffic counts. Default: that of the first file given."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
    predictor: PredictorOption = Choice.AUTO,
    prices: PricesOption = None,
    html: HtmlOption = None,
    *,
    accept_stale: StaleOption = False,
) -> None:
    """Compare two layouts or environments at equal GPUs, equal money and equal promises.

    Both are judged under one workload. Says what B does over A, with the band of the prediction.
    """
    from disagg.planner.decision.versus import versus  # noqa: PLC0415
    from disagg.report.versus import compare_json, compare_report  # noqa: PLC0415

    source = _workload(workload, a, b)
    loaded = load(source, predictor, prices, accept_stale=accept_stale)
    made = versus(loaded.ask, _contender(loaded, a), _contender(loaded, b))
    answer(compare_report(loaded.ask, made), compare_json(loaded.ask, made), output, html)


def _workload(given: Path | None, a: str, b: str) -> Path:
    from disagg.planner.decision.layout_text import is_layout  # noqa: PLC0415

    if given is not None:
        return given
    for one in (a, b):
        if not is_layout(one):
            return Path(one)
    raise _problem(
        "DISAGG-FILE-001",
        "two layouts and no workload",
        "a file that says the traffic",
        "add --workload FILE",
    )


def _contender(loaded: Loaded, text: str) -> "Contender":
    from disagg.checks.environment import load_environment  # noqa: PLC0415
    from disagg.planner.ask import layout_of  # noqa: PLC0415
    from disagg.planner.decision.layout_text import (  # noqa: PLC0415
        LayoutTextError,
        is_layout,
        parse_layout,
    )
    from disagg.planner.decision.versus import contender  # noqa: PLC0415
    from disagg.planner.layout import groups  # noqa: PLC0415

    ask = loaded.ask
    if is_layout(text):
        try:
            layout = parse_layout(text, ask.model, ask.instance)
        except LayoutTextError as error:
            raise _problem(error.code, error.got, error.need, error.fix) from error
        return contender(ask, text, layout)
    if not Path(text).exists():
        raise _problem(
            "DISAGG-FILE-001",
            f"{text!r} is no file and no layout",
            "an environment file, or a layout such as 2xtp4 or 4xtp1+1xtp4",
            "check the path, or write the layout as COUNTxtpSIZE",
        )
    environment = load_environment(Path(text)).environment
    layout = layout_of(environment)
    types = sorted({one.instance_type for one in groups(environment.capacity).values()})
    if (environment.serving.model, types) != (ask.model.name, [ask.instance.name]):
        raise _problem(
            "DISAGG-LAY-002",
            f"{text} runs {environment.serving.model} on {' and '.join(types)}",
            f"{ask.model.name} on {ask.instance.name}, as the workload says",
            "compare environments of one model and instance type",
        )
    return contender(ask, text, layout)


def _problem(code: str, got: str, need: str, fix: str) -> InvalidInputError:
    return refusal(code, file="disagg compare", got=got, need=need, fix=fix)
