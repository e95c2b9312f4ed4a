"""`disagg init`."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from disagg.cli.output import say
from disagg.errors import InvalidInputError, Problem

app = typer.Typer()


@app.command(epilog="Example: disagg init pilot --account 123456789012 --region us-west-2")
def init(
    name: Annotated[
        str, typer.Argument(help="Name of the environment: 1 to 30 of a-z, 0-9 and -.")
    ],
    account: Annotated[str, typer.Option(help="AWS account, twelve digits.")] = "123456789012",
    region: Annotated[str, typer.Option(help="AWS region that sells the GPU nodes.")] = "us-west-2",
    directory: Annotated[Path, typer.Option(help="Where to write <name>.yaml.")] = Path(
        "environments"
    ),
) -> None:
    """Write a commented environment file: two p6-b200 nodes, prefill and decode apart.

    The result is checked before it is written; an existing file is never overwritten (exit 64).
    """
    from disagg.checks.environment import check  # noqa: PLC0415
    from disagg.config.yaml_reader import read_text  # noqa: PLC0415

    target = directory / f"{name}.yaml"
    if target.exists():
        raise InvalidInputError(
            [
                Problem(
                    code="DISAGG-FILE-006",
                    file=target.as_posix(),
                    path="",
                    got="the file exists",
                    need="a new name",
                    fix="choose another name, or remove it",
                )
            ]
        )
    text = template(name, account, region)
    check(read_text(text, target.as_posix()))
    directory.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    typer.echo(target.as_posix())
    say(f"edit it, then: disagg plan {target.as_posix()}")


def template(name: str, account: str, region: str) -> str:
    """Return the commented file for an environment."""
    from disagg.catalog.regions import REGIONS  # noqa: PLC0415

    known = REGIONS.get(region)
    prefix, partition = (known.zone_id_prefix, known.partition) if known else ("usw2", "aws")
    text = (files("disagg.cli") / "environment.yaml.template").read_text("utf-8")
    values = {
        "name": name,
        "account": account,
        "region": region,
        "zone": prefix,
        "partition": partition,
    }
    for key, value in values.items():
        text = text.replace(f"<{key}>", value)
    return text
