"""What the planner's verbs share: options, questions, prices of a usable age, output."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disagg.bench.asking import Choice
from disagg.catalog.prices import REFUSED_AFTER_DAYS, STALE_AFTER_DAYS
from disagg.cli.output import Format, emit, say, stdout, warn, write_whole
from disagg.errors import InvalidInputError, MissingToolError, Problem, Severity, refusal
from disagg.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from disagg.checks.question import Asked
    from disagg.planner.ask import Ask
    from disagg.planner.decision.sizing import Sizing
    from disagg.report.structure import Report, Table

PredictorOption = Annotated[
    Choice,
    typer.Option("--predictor", help="Who predicts: silicon where it is installed, else roofline."),
]
PricesOption = Annotated[
    Path | None, typer.Option("--prices", help="Price file. Default: the bundled one.")
]
StaleOption = Annotated[
    bool, typer.Option("--accept-stale", help="Count with prices older than a year.")
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Write a self-contained HTML report here.")
]
QuestionFile = Annotated[
    Path,
    typer.Argument(metavar="WORKLOAD", help="Workload file, or an environment file that asks."),
]


def today() -> date:
    """Return the day prices are aged by."""
    return datetime.now(tz=UTC).date()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A question from a file, ready to be answered."""

    asked: "Asked"
    ask: "Ask"


def load(file: Path, choice: Choice, prices_file: Path | None, *, accept_stale: bool) -> Loaded:
    """Return the question of a file; says what is old or worth knowing.

    Raises:
        InvalidInputError: The file, a file it names, or the age of the prices is wrong.
    """
    from disagg.bench.asking import asking  # noqa: PLC0415
    from disagg.checks.question import load_question  # noqa: PLC0415
    from disagg.config.prices import bundled_prices, load_prices  # noqa: PLC0415

    prices = load_prices(prices_file) if prices_file else bundled_prices()
    asked = load_question(file, prices)
    ask = asking(asked, prices, choice)
    warn(asked.warnings)
    check_age(prices.file, ask, accept_stale=accept_stale)
    return Loaded(asked, ask)


def check_age(file: str, ask: "Ask", *, accept_stale: bool) -> None:
    """Warn of an old price of a node.

    Raises:
        InvalidInputError: DISAGG-PRC-006, it is over a year old and not accepted.
    """
    day = "" if ask.listed is None else ask.listed.date
    if not day:
        return
    age = (today() - date.fromisoformat(day)).days
    if age <= STALE_AFTER_DAYS:
        return
    refused = age > REFUSED_AFTER_DAYS and not accept_stale
    problem = Problem(
        code="DISAGG-PRC-006" if refused else "DISAGG-PRC-007",
        file=file,
        path="sources",
        got=f"the price of a node is {age} days old ({day})",
        need=f"at most {REFUSED_AFTER_DAYS if refused else STALE_AFTER_DAYS} days",
        fix=f"disagg cost refresh --region {ask.question.region} --write prices.yaml, then"
        " --prices prices.yaml" + ("; or --accept-stale" if refused else ""),
        severity=Severity.ERROR if refused else Severity.WARNING,
    )
    if refused:
        raise InvalidInputError([problem])
    warn([problem])


def check_volume(file: Path, ask: "Ask", sizing: "Sizing") -> None:
    """Refuse a monthly volume that so many in flight never make, day and night.

    Raises:
        InvalidInputError: DISAGG-WRK-003; where a rate is given, the file was checked by itself.
    """
    volume = ask.question.workload.output_tokens_per_month
    if volume is None or ask.setting.traffic.concurrency is None or not sizing.found:
        return
    tokens = ask.setting.traffic.outputs.mean
    most = max(one.estimate.rate for one in sizing.found) * tokens * HOURS_PER_MONTH * 3_600
    if volume > most:
        raise refusal(
            "DISAGG-WRK-003",
            file=file.as_posix(),
            path="workload.output_tokens_per_month",
            got=f"{volume:,.0f} output tokens a month",
            need=f"at most {most:,.0f}, the peak load day and night as predicted",
            fix="correct it, or raise concurrency",
        )


def answer(report: "Report", data: dict[str, Any], output: Format, html_file: Path | None) -> None:
    """Print an answer, and write its page where one is asked for."""
    if html_file is not None:
        write_page(report, html_file)
    if output is Format.TABLE:
        show(report)
    else:
        emit(data, output)


def write_page(report: "Report", target: Path) -> None:
    """Write the HTML page of an answer.

    Raises:
        MissingToolError: The extra `report` is not installed.
    """
    from disagg import __version__  # noqa: PLC0415

    with _report_extra():
        from disagg.report.page import html  # noqa: PLC0415

        write_whole(target, html(report, __version__))
    say(f"wrote {target.as_posix()}")


def check_plot_name(target: Path) -> None:
    """Refuse a name that says no kind of picture.

    Raises:
        InvalidInputError: DISAGG-FILE-007, neither .svg nor .png.
    """
    if target.suffix not in {".svg", ".png"}:
        raise refusal(
            "DISAGG-FILE-007",
            file=target.as_posix(),
            path="--plot",
            got=f"a {target.suffix or 'nameless'} file",
            need=".svg or .png",
            fix="name the file pareto.svg, for instance",
        )


def write_plot(report: "Report", target: Path) -> None:
    """Write the first plot of an answer as SVG or PNG, by the name of the file.

    Raises:
        MissingToolError: The extra `report` is not installed.
    """
    with _report_extra():
        from disagg.report.plots import png, svg  # noqa: PLC0415

        drawn = report.plots[0]
        made = png(drawn) if target.suffix == ".png" else svg(drawn, of_page=False)
        write_whole(target, made)
    say(f"wrote {target.as_posix()}")


class _report_extra:  # noqa: N801  Why: read as a verb, `with _report_extra()`.
    """Tells which extra is missing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise MissingToolError(
                f"{error.name} is not installed\n  -> pip install 'disagg[report]'"
            ) from error


def show(report: "Report") -> None:
    """Print an answer for people."""
    console = stdout()
    console.print(report.headline, style="bold", soft_wrap=True)
    for line in report.lines:
        console.print(line, soft_wrap=True)
    for one in report.tables:
        print_table(one)
    for note in report.notes:
        console.print(f"Note: {note}", soft_wrap=True)
    console.print("\nWhere every figure comes from: -o json, or --html FILE.", soft_wrap=True)


def print_table(one: "Table") -> None:
    """Print a table for people."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table as RichTable  # noqa: PLC0415

    console = stdout()
    console.print()
    table = RichTable(
        title=one.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for number, name in enumerate(one.columns):
        left = number == 0 or name == "what was found"
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for row in one.rows:
        table.add_row(*row)
    console.print(table)
    if one.note:
        console.print(one.note, soft_wrap=True)
