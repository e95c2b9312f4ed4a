"""`disagg rehearse`."""

import typer

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.cli.demo import Progress
from disagg.cli.output import (
    DEFAULT_DIST,
    DistOption,
    EnvironmentFile,
    Format,
    FormatOption,
    emit,
)
from disagg.cli.output import warn as show_warnings
from disagg.errors import CheckFailedError

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg rehearse environments/pilot.yaml -o json")
def rehearse(
    env: EnvironmentFile, dist: DistOption = DEFAULT_DIST, output: FormatOption = Format.TABLE
) -> None:
    """Let a real Kubernetes control plane judge the deployment: no account, no GPU, no network.

    Writes artifacts, deploys the stacks to an AWS endpoint on this machine, reads back what was
    created, makes nodes from it, and applies every manifest to an API server with its scheduler:
    what is accepted, where each pod lands, why one waits and what to change, and what the loss of a
    node does. Needs the programs that `make kube` builds once. Exits 2 on findings. Readiness means
    placed here: nothing is started on the nodes.
    """
    checked = load_environment(env)
    show_warnings(checked.warnings)
    from disagg.local.cluster.findings import findings, to_json  # noqa: PLC0415
    from disagg.local.cluster.tell import lines  # noqa: PLC0415
    from disagg.local.rehearse import rehearse as run  # noqa: PLC0415  Why: --help stays fast.

    with lines_of(env), Progress(stderr=True) as progress:
        report = run(checked, dist, progress)
    if output is Format.TABLE:
        typer.echo("\n".join(lines(report)))
    else:
        emit(to_json(report, checked.environment.name, env), output)
    problems = findings(report)
    if problems:
        raise CheckFailedError(problems)
