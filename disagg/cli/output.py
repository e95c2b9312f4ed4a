"""What every verb shares: the environment argument, the output formats, where talk goes."""

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from disagg.errors import Problem


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
    Path, typer.Option("--dist", help="Directory to write to; <dist>/<name> is replaced whole.")
]
DEFAULT_DIST = Path("dist")


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
