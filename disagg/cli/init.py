"""`disagg init`."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from disagg.cli.output import say
from disagg.errors import InvalidInputError, Problem

app = typer.Typer(add_completion=False)

DEFAULT_MODEL = "openai/gpt-oss-120b"


@app.command(epilog="Example: disagg init pilot --account 123456789012 --region us-west-2")
def init(
    name: Annotated[
        str, typer.Argument(help="Name of the environment: 1 to 30 of a-z, 0-9 and -.")
    ],
    account: Annotated[str, typer.Option(help="AWS account, twelve digits.")] = "123456789012",
    region: Annotated[str, typer.Option(help="AWS region that sells the GPU nodes.")] = "us-west-2",
    instance_type: Annotated[
        str, typer.Option(help="GPU instance type of both groups.")
    ] = "p6-b200.48xlarge",
    model: Annotated[str, typer.Option(help="Model, by its Hugging Face id.")] = DEFAULT_MODEL,
    directory: Annotated[Path, typer.Option(help="Where to write <name>.yaml.")] = Path(
        "environments"
    ),
) -> None:
    """Write a commented environment file: two GPU nodes, prefill and decode apart.

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
    values = {
        "name": name,
        "account": account,
        "region": region,
        "instance-type": instance_type,
        "model": model,
    }
    text = template(values)
    try:
        check(read_text(text, target.as_posix()))
    except InvalidInputError as error:
        # Why: the file does not exist, so the options are what is wrong.
        raise InvalidInputError(
            [replace(one, file="disagg init", line=0, column=0) for one in error.problems]
        ) from error
    directory.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    typer.echo(target.as_posix())
    say(f"edit it, then: disagg plan {target.as_posix()}")


def template(values: dict[str, str]) -> str:
    """Return the commented file with the values of the options."""
    from disagg.catalog.regions import REGIONS  # noqa: PLC0415

    known = REGIONS.get(values["region"])
    prefix, partition = (known.zone_id_prefix, known.partition) if known else ("usw2", "aws")
    text = (files("disagg.cli") / "environment.yaml.template").read_text("utf-8")
    for key, value in {**values, "zone": prefix, "partition": partition}.items():
        text = text.replace(f"<{key}>", value)
    return text
