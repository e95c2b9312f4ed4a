"""`disagg validate`."""

import typer

from disagg.checks.environment import load_environment
from disagg.cli.output import EnvironmentFile, Format, FormatOption, emit, say, warn
from disagg.errors import Exit, InvalidInputError

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg validate environments/pilot.yaml")
def validate(env: EnvironmentFile, output: FormatOption = Format.TABLE) -> None:
    """Check an environment file and say all that is wrong with it, each with line and remedy.

    Exits 0 when the file is sound (warnings are shown) and 64 when it is not.
    """
    try:
        checked = load_environment(env)
        problems, valid = checked.warnings, True
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
