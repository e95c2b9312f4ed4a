"""`disagg validate`."""

from pathlib import Path

import typer

from disagg.checks.environment import load_environment
from disagg.cli.output import EnvironmentFile, Format, FormatOption, emit, now, say, warn
from disagg.config.prices import bundled_prices
from disagg.config.yaml_reader import read
from disagg.errors import Exit, InvalidInputError, Problem

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg validate environments/pilot.yaml")
def validate(env: EnvironmentFile, output: FormatOption = Format.TABLE) -> None:
    """Check an environment, workload or fleet file: all that is wrong, with line and remedy.

    A fleet is checked with every environment of it. Exits 0 when the file is sound (warnings are
    shown) and 64 when it is not.
    """
    try:
        problems, valid = _warnings(env), True
    except InvalidInputError as error:
        problems, valid = error.problems, False
    if output is not Format.TABLE:
        shown = [problem.to_json() for problem in problems]
        emit(
            {"schema_version": 1, "file": env.as_posix(), "valid": valid, "problems": shown}, output
        )
    else:
        warn(problems)
        if valid:
            typer.echo(
                f"{env.as_posix()}: sound"
                + (f", {_count(len(problems), 'warning')}" if problems else "")
            )
        else:
            count = _count(len(problems), "problem")
            say(f"{count}; more about one: disagg explain {problems[0].code}")
    if not valid:
        raise typer.Exit(Exit.USAGE)


def _warnings(file: Path) -> list[Problem]:
    """Return the warnings of a sound file of any kind."""
    from disagg.checks.fleet import is_fleet, load_fleet  # noqa: PLC0415
    from disagg.checks.question import (  # noqa: PLC0415
        asked_by,
        check_measurements,
        load_question,
    )
    from disagg.planner.ask import one_type  # noqa: PLC0415

    if is_fleet(read(file)):
        return load_fleet(file, now()).warnings
    try:
        checked = load_environment(file, now())
    except InvalidInputError as error:
        if error.problems[0].code != "DISAGG-FILE-008":
            raise
        return list(load_question(file, bundled_prices()).warnings)
    if one_type(checked.environment):
        check_measurements(file, asked_by(checked.environment, file))
    return checked.warnings


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
