"""What verbs share that take an environment or a whole fleet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from disagg.errors import refusal

if TYPE_CHECKING:
    from disagg.checks.fleet import CheckedFleet
    from disagg.config.environment import Environment

MaybeEnvironment = Annotated[
    Path | None,
    typer.Argument(metavar="[ENV]", help="Environment file, e.g. environments/pilot.yaml."),
]
FleetOption = Annotated[
    Path | None, typer.Option("--fleet", help="Fleet file: all its environments, in place of ENV.")
]


def chosen(verb: str, env: Path | None, fleet: Path | None) -> tuple[Path, bool]:
    """Return the file that was given, and whether it is a fleet.

    Raises:
        InvalidInputError: DISAGG-FLT-010, both or none.
    """
    if env is not None and fleet is None:
        return env, False
    if fleet is not None and env is None:
        return fleet, True
    raise refusal(
        "DISAGG-FLT-010",
        file=f"disagg {verb}",
        got="an environment and a fleet" if env else "no file",
        need="an environment file, or --fleet and a fleet file",
        fix=f"disagg {verb} environments/pilot.yaml, or disagg {verb} --fleet fleet.yaml",
    )


def environments(checked: "CheckedFleet") -> "list[list[Environment]]":
    """Return the environments of each stage."""
    return [[one.environment for one in stage] for stage in checked.stages()]
