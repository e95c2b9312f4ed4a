"""`disagg config`: what an environment says as a whole, and what two of them say differently."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disagg.cli.output import EnvironmentFile, Format, FormatOption, emit, say, stdout
from disagg.errors import Exit

if TYPE_CHECKING:
    from disagg.config.effective import Setting

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback(epilog="Example: disagg config show environments/pilot.yaml")
def config() -> None:
    """Show what an environment says as a whole, and what two of them say differently."""


@app.command(epilog="Example: disagg config show environments/pilot.yaml -o yaml > whole.yaml")
def show(env: EnvironmentFile, output: FormatOption = Format.TABLE) -> None:
    """Print every value of an environment, what it extends and defaults too, and its origin.

    An origin is a file and line, or `default`. YAML is an environment file again, equal to this one
    and extending nothing; origins are comments in it.
    """
    from disagg.config.effective import to_yaml, tree  # noqa: PLC0415
    from disagg.config.inherit import chain  # noqa: PLC0415

    found = _settings(env)
    files = chain(env)
    if output is Format.YAML:
        sys.stdout.write(f"# {' extends '.join(files)}\n{to_yaml(found)}")
    elif output is Format.JSON:
        emit(
            {
                "schema_version": 1,
                "files": files,
                "environment": tree(found),
                "origins": {one.path: one.origin for one in found},
            },
            output,
        )
    else:
        stdout().print(" extends ".join(files) + "\n", soft_wrap=True)
        rows = [(one.path, _shown(one.value), one.origin) for one in found]
        _print_table(["key", "value", "from"], rows)


@app.command(epilog="Example: disagg config diff environments/pilot.yaml environments/prod.yaml")
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Environment file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Environment file.")],
    output: FormatOption = Format.TABLE,
) -> None:
    """Print every value that differs between two environments, with the origin of both.

    Files are compared by what they mean: what they extend and defaults count, order and comments do
    not. Exits 0 when they are equal and 2 when they differ.
    """
    left, right = ({one.at: one for one in _settings(file)} for file in (a, b))
    # Why not a set: the order of the schema is the order of the file.
    keys = [*left, *(at for at in right if at not in left)]
    found = [
        (left.get(at), right.get(at))
        for at in keys
        if _value(left.get(at)) != _value(right.get(at))
    ]
    if output is Format.TABLE:
        _print_difference(a, b, found)
    else:
        emit(
            {
                "schema_version": 1,
                "a": a.as_posix(),
                "b": b.as_posix(),
                "differences": [_both(one, other) for one, other in found],
            },
            output,
        )
    if found:
        raise typer.Exit(Exit.FOUND)


Pair = tuple["Setting | None", "Setting | None"]


def _print_difference(a: Path, b: Path, found: list[Pair]) -> None:
    if not found:
        say(f"{a.as_posix()} and {b.as_posix()} mean the same")
        return
    rows = []
    for one, other in found:
        path = next(each.path for each in (one, other) if each)
        sides = [f"{_shown(each.value)}\n{each.origin}" if each else "-" for each in (one, other)]
        rows.append((path, *sides))
    _print_table(["key", a.as_posix(), b.as_posix()], rows)


def _both(one: "Setting | None", other: "Setting | None") -> dict[str, Any]:
    path = next(each.path for each in (one, other) if each)
    sides = {
        side: {"value": each.value, "origin": each.origin} if each else None
        for side, each in (("a", one), ("b", other))
    }
    return {"path": path, **sides}


def _value(one: "Setting | None") -> Any:
    # Why: a key that one side cannot have, and one that says nothing, mean the same.
    return one.value if one else None


def _settings(file: Path) -> "list[Setting]":
    from disagg.checks.environment import check  # noqa: PLC0415
    from disagg.config.effective import settings  # noqa: PLC0415
    from disagg.config.inherit import read_inherited  # noqa: PLC0415

    document = read_inherited(file)
    checked = check(document)
    for warning in checked.warnings:
        say(str(warning))
    return settings(checked.environment, document)


def _shown(value: Any) -> str:
    from disagg.config.effective import in_flow  # noqa: PLC0415

    return "none" if value is None else in_flow(value)


def _print_table(columns: list[str], rows: Sequence[tuple[str, ...]]) -> None:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    stdout().print(table)
