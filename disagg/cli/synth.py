"""`disagg synth`."""

from typing import Annotated

import typer

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.cli.next_steps import cdk_with
from disagg.cli.output import DEFAULT_DIST, DistOption, EnvironmentFile, say, warn
from disagg.errors import CheckFailedError

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg synth environments/pilot.yaml && ls dist/pilot/stacks")
def synth(
    env: EnvironmentFile,
    dist: DistOption = DEFAULT_DIST,
    *,
    engines: Annotated[
        bool, typer.Option(help="Let the engines of the `check` extra judge the result.")
    ] = True,
) -> None:
    """Write templates to <dist>/<name>/stacks and manifests beside them, and check both.

    No account is asked and nothing is looked up: the same file gives the same bytes everywhere.
    Exits 2 when a rule or an engine refuses something; each directory is replaced whole or left as
    it was.
    """
    checked = load_environment(env)
    warn(checked.warnings)
    from disagg import artifacts  # noqa: PLC0415  Why: --help must not import aws_cdk.

    def judge(fresh: artifacts.Written) -> None:
        for name, engine in artifacts.engines(checked.environment, fresh) if engines else ():
            problems = engine()
            if problems:
                raise CheckFailedError(problems)
            say(f"ok  {name}")

    with lines_of(env):
        written = artifacts.write_all(checked.environment, dist, judge=judge)
    stacks = written.directory / "stacks"
    for file in sorted(stacks.glob("*.template.json")):
        typer.echo(file.as_posix())
    say(f"deploy: {cdk_with('deploy --all', written.directory)}")
