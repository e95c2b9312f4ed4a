"""`disagg deploy`."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from disagg.checks.environment import Checked, load_environment
from disagg.checks.environment.clock_rules import ENDED
from disagg.checks.overriding import lines_of
from disagg.cli.demo import Progress
from disagg.cli.output import DEFAULT_DIST, DistOption, EnvironmentFile, now, say
from disagg.cli.plan import show
from disagg.config.prices import bundled_prices
from disagg.errors import Exit, InvalidInputError, Severity, refusal
from disagg.planner.plan import Plan, make_plan
from disagg.planner.runbook import DEPLOY_PAGE

if TYPE_CHECKING:
    from disagg.artifacts import Written
    from disagg.ops.deploy import Phase

app = typer.Typer(add_completion=False)

_FOR_EVER = (
    "Cannot be undone or changed later without a new cluster: cluster name, service_cidr, the key"
    " of its secrets. Keys and logs stay when the stacks are destroyed."
)


@app.command(epilog="Example: disagg deploy environments/pilot.yaml")
def deploy(
    env: EnvironmentFile,
    dist: DistOption = DEFAULT_DIST,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    packages_installed: Annotated[
        bool,
        typer.Option(
            "--packages-installed",
            help="On HyperPod: take its packages for installed, where helm cannot reach the API.",
        ),
    ] = False,
    ended_capacity: Annotated[
        bool,
        typer.Option(
            "--ended-capacity",
            help="Deploy although a Capacity Block or training plan has ended: no node comes of"
            " it.",
        ),
    ] = False,
    cdk_option: Annotated[
        list[str] | None,
        typer.Option(help="Told to `cdk deploy` too, such as --cdk-option=--profile=prod."),
    ] = None,
) -> None:
    """Deploy an environment to its AWS account, in the order its platform needs.

    Shows the plan and what it costs, asks, writes and checks templates and manifests, and runs
    `cdk deploy`. On HyperPod it stops before the nodes until the HyperPod packages are in the
    cluster, says how to install them, and goes on when it is run again. Charts and manifests are
    applied from inside the VPC afterwards: <dist>/<name>/deploy.md says how. Exits 2 when it
    stopped, 64 when capacity that was bought has ended.
    """
    checked = load_environment(env, now())
    if not ended_capacity:
        _refuse_what_ended(checked)
    made = make_plan(checked.environment, bundled_prices())
    show(made, checked.warnings)
    _ask(made, checked, yes=yes)
    from disagg.local.demo import write  # noqa: PLC0415  Why: --help must not import aws_cdk.
    from disagg.ops.deploy import packages_missing, phases  # noqa: PLC0415

    with lines_of(env), Progress() as progress:
        written = write(checked.environment, dist, progress, engines=True)
        for phase in phases(checked.environment, written.templates):
            ask = phase.needs_packages and not packages_installed
            if ask and (why := packages_missing(checked.environment)):
                _stop(checked, written, why, env)
            _run(phase, written, cdk_option or [], progress)
    say(f"deployed; next: charts and manifests, {(written.directory / DEPLOY_PAGE).as_posix()}")


def _refuse_what_ended(checked: Checked) -> None:
    """Refuse what AWS has no node for any more (DISAGG-RSV-012)."""
    ended = [one for one in checked.warnings if one.code == ENDED]
    if ended:
        raise InvalidInputError(
            [
                replace(
                    one,
                    severity=Severity.ERROR,
                    fix=f"{one.fix}; --ended-capacity deploys it all the same",
                )
                for one in ended
            ]
        )


def _ask(made: Plan, checked: Checked, *, yes: bool) -> None:
    aws = checked.environment.aws
    say(f"\nAccount {aws.account}, {aws.region}: ${made.usd_per_hour_without_gpus:,.2f}/h with the")
    say(f"GPU groups empty, ${made.usd_per_hour:,.2f}/h with every node running.")
    if made.usd_per_hour_held:
        say(f"Of both, ${made.usd_per_hour_held:,.2f}/h is what was bought before.")
    say(_FOR_EVER)
    if yes:
        return
    if not sys.stdin.isatty():
        raise refusal(
            "DISAGG-OPS-001",
            file="disagg deploy",
            got="no terminal to ask on",
            need="a yes",
            fix="give --yes where nobody can be asked",
        )
    typer.confirm("Deploy?", abort=True)


def _run(phase: "Phase", written: "Written", options: list[str], progress: Progress) -> None:
    from disagg.local.demo import Done, Sign, Step  # noqa: PLC0415
    from disagg.ops.deploy import deploy_stacks  # noqa: PLC0415

    progress(Step(f"cdk deploy: {phase.title}"))
    with tempfile.TemporaryDirectory(prefix="disagg-deploy-") as folder:
        deploy_stacks(
            phase,
            written.directory / "stacks",
            options,
            Path(folder),
            lambda line: progress(Sign(line)),
        )
    progress(Done(", ".join(phase.stacks)))


def _stop(checked: Checked, written: "Written", why: str, env: Path) -> None:
    from disagg.planner.steps import hyperpod_packages  # noqa: PLC0415

    say(f"\nStopped before the HyperPod nodes: {why}. SageMaker makes no cluster without them.")
    say("From inside the VPC, as an administrator:")
    for line in hyperpod_packages(checked.environment, written.directory.as_posix()):
        say(f"  {line}")
    say(f"then again: disagg deploy {env}")
    raise typer.Exit(Exit.FOUND)
