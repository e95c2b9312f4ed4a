"""`disagg explain`."""

from typing import Annotated

import typer

from disagg.checks.codes import explain as look_up
from disagg.checks.codes import known_codes
from disagg.cli.output import Format, FormatOption, emit

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg explain DISAGG-CAP-003")
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="Code in brackets at a problem's end.")
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Tell what a code means, why the rule is there and its source; without CODE list all.

    Exits 64 for a code that does not exist.
    """
    if code is None:
        rows = {name: look_up(name)[1] for name in known_codes()}
        if output is Format.TABLE:
            for name, title in rows.items():
                typer.echo(f"{name}  {title}")
        else:
            emit({"schema_version": 1, "codes": rows}, output)
        return
    found, title, text = look_up(code)
    if output is Format.TABLE:
        typer.echo(f"{found}  {title}\n\n{text}" if text else f"{found}  {title}")
    else:
        emit({"schema_version": 1, "code": found, "title": title, "text": text}, output)
