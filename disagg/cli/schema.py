"""`disagg schema`."""

import typer

from disagg.config.json_schema import generate

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg schema > schemas/environment.schema.json")
def schema() -> None:
    """Print the JSON schema of the environment file: editors complete and check with it."""
    typer.echo(generate(), nl=False)
