"""What every verb shares: the environment argument, the output formats, where talk goes."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disagg.errors import Problem, refusal

if TYPE_CHECKING:
    from rich.console import Console


class Format(StrEnum):
    """Output formats of read verbs."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


EnvironmentFile = Annotated[
    Path, typer.Argument(metavar="ENV", help="Environment file, e.g. environments/pilot.yaml.")
]
FormatOption = Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")]
DistOption = Annotated[
    Path,
    typer.Option(
        "--dist",
        help="Directory to write to, below <dist>/<name>: environments of one name share it.",
    ),
]
DEFAULT_DIST = Path("dist")


def now() -> datetime:
    """Return the time, in UTC: the one place where verbs look at the clock for what has ended."""
    return datetime.now(tz=UTC)


def emit(data: dict[str, Any], output: Format) -> None:
    """Print data to stdout as JSON or YAML."""
    if output is Format.YAML:
        import yaml  # noqa: PLC0415

        sys.stdout.write(
            yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False, allow_unicode=True)
        )
    else:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """Print a line for people to stderr."""
    print(text, file=sys.stderr)  # noqa: T201


def warn(warnings: Iterable[Problem]) -> None:
    """Print warnings to stderr."""
    for warning in warnings:
        say(str(warning))


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; what was there before stays until then.

    Raises:
        InvalidInputError: DISAGG-FILE-002, a directory is there.
    """
    if target.is_dir():
        raise refusal(
            "DISAGG-FILE-002",
            file=target.as_posix(),
            got="a directory",
            need="a file to write",
            fix=f"name a file in it, such as {(target / 'report.html').as_posix()}",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


PLAIN_WIDTH = 10_000
"""Columns of a table that goes to a file or a pipe: wide enough that no cell is ever broken in two,
so that `grep` and `awk` find whole rows."""


def stdout() -> "Console":
    """Return the console of stdout: as wide as the terminal, else as its tables are."""
    from rich.console import Console  # noqa: PLC0415

    class Stdout(Console):
        def on_broken_pipe(self) -> None:
            # Why: a reader that has enough (`| head`) is no failure; rich would exit with 1.
            raise BrokenPipeError

    made = Stdout(highlight=False, markup=False)
    return made if made.is_terminal else Stdout(highlight=False, markup=False, width=PLAIN_WIDTH)
