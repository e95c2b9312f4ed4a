"""`disagg init`."""

import os
from dataclasses import replace
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from disagg.cli.output import say
from disagg.errors import InvalidInputError, refusal
from disagg.node import CHECKOUT

if TYPE_CHECKING:
    from disagg.catalog.instances import InstanceType

app = typer.Typer(add_completion=False)

DEFAULT_MODEL = "openai/gpt-oss-120b"
_TENSOR_PARALLEL = (1, 2, 4, 8)
_PREFILL = "serving.prefill."


class Platform(StrEnum):
    """What brings the nodes."""

    EKS = "eks"
    HYPERPOD = "hyperpod"


class Level(StrEnum):
    """Levels of maturity; the file of each is `disagg/cli/levels/<level>.yaml.template`."""

    PILOT = "pilot"
    POC = "poc"
    PRODUCTION = "production"


@app.command(epilog="Example: disagg init pilot --account 123456789012 --region us-west-2")
def init(  # noqa: PLR0917  Why: Typer makes an option of each.
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
    platform: Annotated[
        Platform, typer.Option(help="EKS node groups, or SageMaker HyperPod.")
    ] = Platform.EKS,
    directory: Annotated[Path, typer.Option(help="Where to write <name>.yaml.")] = Path(
        "environments"
    ),
) -> None:
    """Write a commented environment file of a level of maturity, prefill and decode apart.

    `pilot` is two GPU nodes bought by the hour, `poc` three from a reservation, `production` four
    from a Capacity Block with what customers and auditors ask for. On HyperPod both are from a
    training plan; what AWS does not sell of a type is replaced by what it does.

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
        "platform": platform,
        "schema": schema_line(directory),
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
    bought = _bought(Level(source.partition(".")[0]), values["platform"], instance)
    text = _chosen((files("disagg.cli") / "levels" / source).read_text("utf-8"), bought, values)
    # Why commented for others: the commit in the template is one of the default model.
    weights = "weights" if values["model"] == DEFAULT_MODEL else "# weights"
    every = (f"{prefix}-az{number}" for number in range(1, 7))
    zones = [zone for zone in every if zone not in ZONES_WITHOUT_EKS]
    named = zip(("first-zone", "second-zone", "third-zone"), zones, strict=False)
    # Why: without internet pods read a bucket, and another model's commit is to be named first.
    internet = "internet" if values["model"] == DEFAULT_MODEL else "# internet"
    known_here = {**dict(named), "partition": partition, "weights": weights, "internet": internet}
    known_here |= {"bought": bought, "bought-in-words": _IN_WORDS[bought]}
    for key, value in {**values, **engines, **known_here}.items():
        text = text.replace(f"<{key}>", value)
    return text


_IN_WORDS = {
    "on_demand": "nodes bought by the hour",
    "reservation": "nodes from a reservation",
    "capacity_block": "nodes from a Capacity Block bought ahead",
    "training_plan": "nodes from a training plan bought ahead",
}


def _bought(level: Level, platform: str, instance: "InstanceType | None") -> str:
    """Return the kind of source of a level, among what AWS sells of the type on the platform."""
    sold_ahead = instance is None or instance.sold_ahead
    if level is Level.PILOT:
        return "on_demand"
    if platform == Platform.HYPERPOD:
        return "training_plan" if sold_ahead else "on_demand"
    return "capacity_block" if level is Level.PRODUCTION and sold_ahead else "reservation"


def _chosen(text: str, bought: str, values: dict[str, str]) -> str:
    """Return the lines that hold: those after `<if WORD>` for a word that does."""
    holds = {
        bought,
        values["platform"],
        "not on_demand" if bought != "on_demand" else "",
        "ends" if bought in {"capacity_block", "training_plan"} else "",
        "cr" if bought in {"capacity_block", "reservation"} else "",
    }
    lines = []
    for line in text.splitlines(keepends=True):
        condition, _, rest = line.removeprefix("<if ").partition(">")
        if not line.startswith("<if "):
            lines.append(line)
        elif condition in holds:
            lines.append(rest)
    return "".join(lines)


def schema_line(directory: Path) -> str:
    """Return the comment that tells editors where the schema is, from a file in `directory`.

    Relative within this checkout, so that the file can be committed; absolute outside of it; and
    how to have the schema written where there is no checkout.
    """
    schema = CHECKOUT / "schemas" / "environment.schema.json"
    if not schema.is_file():
        return "# For your editor: disagg schema environment > environment.schema.json"
    place = directory.resolve()
    inside = place.is_relative_to(CHECKOUT)
    path = Path(os.path.relpath(schema, place)) if inside else schema
    return f"# yaml-language-server: $schema={path.as_posix()}"
