"""`disagg render`."""

import typer

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.cli.output import DEFAULT_DIST, DistOption, EnvironmentFile, say, warn

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: disagg render environments/pilot.yaml && kubectl apply -f dist/pilot/manifests"
)
def render(env: EnvironmentFile, dist: DistOption = DEFAULT_DIST) -> None:
    """Write the Kubernetes manifests to <dist>/<name>/manifests, checked against every rule.

    That directory is replaced whole and the rest of <dist>/<name> stays as it was; when something
    is wrong, everything stays.
    """
    checked = load_environment(env)
    warn(checked.warnings)
    from disagg import artifacts  # noqa: PLC0415  Why: --help must not start Node.

    with lines_of(env):
        manifests = artifacts.render(checked.environment)
    directory = artifacts.write_manifests(manifests, dist / checked.environment.name / "manifests")
    for file in sorted(directory.iterdir()):
        typer.echo(file.as_posix())
    say(f"apply in this order: kubectl apply -f {directory.as_posix()}")
