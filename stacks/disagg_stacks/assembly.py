"""An environment to a cloud assembly, in this process and without the CDK CLI."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg_stacks.fleet import build_fleet
from disagg_stacks.layers import build


@cache
def settings() -> dict[str, Any]:
    """Return the context of `cdk.json`, so that `disagg synth` and `cdk synth` make equal bytes."""
    checkout = Path(__file__).resolve().parents[2] / "cdk.json"
    packaged = files(__package__) / "cdk.json"
    text = (checkout if checkout.exists() else packaged).read_text("utf-8")
    context: dict[str, Any] = json.loads(text)["context"]
    return context


def synthesize(environment: Environment, directory: Path) -> None:
    """Write the cloud assembly of an environment into `directory`.

    Nothing is looked up and no account is asked. `disagg.checks` judges the templates.
    """
    app = _app(directory)
    build(app, environment)
    app.synth()


def synthesize_fleet(stages: Sequence[Sequence[Environment]], directory: Path) -> None:
    """Write one cloud assembly of all environments into `directory`, stage after stage.

    Templates are those of `synthesize`, byte for byte: only the order is added.
    """
    app = _app(directory)
    build_fleet(app, stages)
    app.synth()


def _app(directory: Path) -> cdk.App:
    return cdk.App(
        # Why: Node has the working directory of when it was started, which may not be ours now.
        outdir=str(directory.resolve()),
        context=settings(),
        analytics_reporting=False,
        # Why: the same engine judges the written files in a tenth of the time (checks.engines).
        builtin_cloud_formation_validation=False,
    )
