"""`disagg schema`."""

from enum import StrEnum
from typing import Annotated

import typer

from disagg.config.json_schema import generate

app = typer.Typer(add_completion=False)


class File(StrEnum):
    """Files that have a schema."""

    ENVIRONMENT = "environment"
    WORKLOAD = "workload"
    FLEET = "fleet"


@app.command(epilog="Example: disagg schema workload > schemas/workload.schema.json")
def schema(
    file: Annotated[File, typer.Argument(help="Which file's schema.")] = File.ENVIRONMENT,
) -> None:
    """Print the JSON schema of a file: editors complete and check with it."""
    typer.echo(generate(file), nl=False)
