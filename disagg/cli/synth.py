"""`disagg synth`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.cli.fleets import FleetOption, MaybeEnvironment, chosen, environments
from disagg.cli.next_steps import commands
from disagg.cli.output import DEFAULT_DIST, DistOption, now, say, warn
from disagg.config.environment import Environment
from disagg.errors import CheckFailedError
from disagg.planner.runbook import DEPLOY_PAGE

if TYPE_CHECKING:
    from disagg.artifacts import Written

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg synth environments/pilot.yaml && ls dist/pilot/stacks")
def synth(
    env: MaybeEnvironment = None,
    fleet: FleetOption = None,
    dist: DistOption = DEFAULT_DIST,
    *,
    engines: Annotated[
        bool, typer.Option(help="Let the engines of the `check` extra judge the result.")
    ] = True,
) -> None:
    """Write templates to <dist>/<name>/stacks and manifests beside them, and check both.

    With --fleet, <dist>/<fleet>/stacks holds the stacks of all environments in the order of the
    stages, and <dist>/<fleet>/<name> what each of them is by itself. No account is asked and
    nothing is looked up: the same file gives the same bytes everywhere. Exits 2 when a rule or an
    engine refuses something; each directory is replaced whole or left as it was.
    """
    file, several = chosen("synth", env, fleet)
    base = (_fleet if several else _environment)(file, dist, engines=engines)
    for template in sorted((base / "stacks").glob("*.template.json")):
        typer.echo(template.as_posix())
    say(f"deploy: {_how(file, base, several=several)}")


def _how(file: Path, base: Path, *, several: bool) -> str:
    """Return the command that deploys what was written, and where the steps around it are."""
    how = commands(file, base)
    if several:
        return how.cdk_with("deploy --all")
    return f"{how.verb('deploy')}; every step: {(base / DEPLOY_PAGE).as_posix()}"


def _environment(file: Path, dist: Path, *, engines: bool) -> Path:
    checked = load_environment(file, now())
    warn(checked.warnings)
    from disagg import artifacts  # noqa: PLC0415  Why: --help must not import aws_cdk.

    def judge(fresh: artifacts.Written) -> None:
        _judge(checked.environment, fresh, "", engines=engines)

    with lines_of(file):
        return artifacts.write_all(checked.environment, dist, judge=judge).directory


def _fleet(file: Path, dist: Path, *, engines: bool) -> Path:
    from disagg.checks.fleet import load_fleet  # noqa: PLC0415

    checked = load_fleet(file, now())
    warn(checked.warnings)
    from disagg import artifacts  # noqa: PLC0415  Why: as above.

    def judge(environment: Environment, fresh: artifacts.Written) -> None:
        _judge(environment, fresh, f"{environment.name}: ", engines=engines)

    files = {one.environment.name: one.file for one in checked.members}
    artifacts.write_fleet(
        checked.fleet.name,
        environments(checked),
        dist,
        judge=judge,
        within=lambda one: lines_of(files[one.name]),
    )
    return dist / checked.fleet.name


def _judge(environment: Environment, fresh: "Written", about: str, *, engines: bool) -> None:
    from disagg import artifacts  # noqa: PLC0415  Why: as above.

    for name, engine in artifacts.engines(environment, fresh) if engines else ():
        problems = engine()
        if problems:
            raise CheckFailedError(problems)
        say(f"ok  {about}{name}")
