"""`disagg init`."""

from dataclasses import replace
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from disagg.cli.output import say
from disagg.errors import InvalidInputError, refusal

app = typer.Typer(add_completion=False)

DEFAULT_MODEL = "openai/gpt-oss-120b"
_TENSOR_PARALLEL = (1, 2, 4, 8)
_PREFILL = "serving.prefill."


class Level(StrEnum):
    """Levels of maturity; the file of each is `disagg/cli/levels/<level>.yaml.template`."""

    PILOT = "pilot"
    POC = "poc"
    PRODUCTION = "production"


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
    level: Annotated[
        Level, typer.Option(help="How much an organisation asks of it: docs/levels.md.")
    ] = Level.PILOT,
    directory: Annotated[Path, typer.Option(help="Where to write <name>.yaml.")] = Path(
        "environments"
    ),
) -> None:
    """Write a commented environment file of a level of maturity, prefill and decode apart.

    `pilot` is two GPU nodes bought by the hour, `poc` three from a reservation, `production` four
    from a Capacity Block with what customers and auditors ask for.

    Prefill engines are the smallest that hold the model and its longest request. The result is
    checked before it is written; an existing file is never overwritten (exit 64).
    """
    from disagg.checks.environment import check  # noqa: PLC0415
    from disagg.config.yaml_reader import read_text  # noqa: PLC0415

    target = directory / f"{name}.yaml"
    if target.exists():
        raise refusal(
            "DISAGG-FILE-006",
            file=target.as_posix(),
            got="the file exists",
            need="a new name",
            fix="choose another name, or remove it",
        )
    values = {
        "name": name,
        "account": account,
        "region": region,
        "instance-type": instance_type,
        "model": model,
    }
    source = f"{level}.yaml.template"
    for tensor_parallel in _TENSOR_PARALLEL:
        text = template(source, values, tensor_parallel)
        try:
            check(read_text(text, target.as_posix()))
        except InvalidInputError as error:
            larger = any(one.path.startswith(_PREFILL) for one in error.problems)
            if larger and tensor_parallel < _TENSOR_PARALLEL[-1]:
                continue
            # Why: the file does not exist, so the options are what is wrong.
            raise InvalidInputError(
                [replace(one, file="disagg init", line=0, column=0) for one in error.problems]
            ) from error
        break
    directory.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    typer.echo(target.as_posix())
    say(f"edit it, then: disagg plan {target.as_posix()}")


def template(source: str, values: dict[str, str], tensor_parallel: int) -> str:
    """Return the commented file with the values of the options.

    Args:
        source: File of the level.
        values: By option.
        tensor_parallel: GPUs of a prefill engine; a node is filled with them. Decode engines have
            four, or as many.
    """
    from disagg.catalog.instances import INSTANCE_TYPES  # noqa: PLC0415
    from disagg.catalog.regions import REGIONS, ZONES_WITHOUT_EKS  # noqa: PLC0415

    known = REGIONS.get(values["region"])
    prefix, partition = (known.zone_id_prefix, known.partition) if known else ("usw2", "aws")
    instance = INSTANCE_TYPES.get(values["instance-type"])
    gpus = instance.gpus if instance else _TENSOR_PARALLEL[-1]
    engines: dict[str, str] = {}
    for role, each in (("prefill", tensor_parallel), ("decode", max(4, tensor_parallel))):
        fits = min(each, gpus)
        engines |= {f"{role}-tp": f"{fits}", f"{role}-replicas": f"{gpus // fits}"}
        engines[f"{role}-replicas-2"] = f"{2 * gpus // fits}"
    text = (files("disagg.cli") / "levels" / source).read_text("utf-8")
    # Why commented for others: the commit in the template is one of the default model.
    weights = "weights" if values["model"] == DEFAULT_MODEL else "# weights"
    every = (f"{prefix}-az{number}" for number in range(1, 7))
    zones = [zone for zone in every if zone not in ZONES_WITHOUT_EKS]
    named = zip(("first-zone", "second-zone", "third-zone"), zones, strict=False)
    known_here = {**dict(named), "partition": partition, "weights": weights}
    for key, value in {**values, **engines, **known_here}.items():
        text = text.replace(f"<{key}>", value)
    return text
