"""`disagg demo`."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.cli.fleets import FleetOption, MaybeEnvironment, chosen
from disagg.cli.next_steps import next_steps
from disagg.cli.output import DEFAULT_DIST, DistOption, warn
from disagg.cli.plan import show
from disagg.config.prices import bundled_prices
from disagg.errors import CheckFailedError, MissingToolError
from disagg.planner.plan import make_plan

if TYPE_CHECKING:
    from disagg.artifacts import Written
    from disagg.config.environment import Environment
    from disagg.local.compare import Created
    from disagg.local.demo import Event

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: disagg demo environments/pilot.yaml")
def demo(
    env: MaybeEnvironment = None, fleet: FleetOption = None, dist: DistOption = DEFAULT_DIST
) -> None:
    """Rehearse the whole deployment on this machine: no account, no GPU, no network.

    Shows the plan, writes and checks manifests and templates, runs the real `cdk bootstrap` and
    `cdk deploy --all` against an AWS endpoint of its own, reads back what was created and compares
    it with the plan; then, where `make kube` has been run, lets a Kubernetes control plane judge as
    `disagg rehearse` does. With --fleet, one endpoint holds all accounts of the fleet and one
    `cdk deploy --all` fills them in the order of the stages; no control plane is asked. Every
    process is stopped at the end. It proves wiring and acceptance, never the speed of a GPU.
    """
    file, several = chosen("demo", env, fleet)
    (_fleet if several else _environment)(file, dist)


def _fleet(file: Path, dist: Path) -> None:
    from disagg.checks.fleet import load_fleet  # noqa: PLC0415
    from disagg.cli import fleet  # noqa: PLC0415
    from disagg.local.fleet import rehearse_fleet  # noqa: PLC0415  Why: as for one environment.

    started = time.monotonic()
    checked = load_fleet(file)
    fleet.show(checked)
    warn(checked.warnings)
    with Progress() as progress:
        rehearse_fleet(checked, dist, progress)
    typer.echo(
        f"\nRehearsed in {time.monotonic() - started:.0f} s; nothing was created in any account."
        " Kubernetes judges one environment at a time: disagg rehearse"
    )


def _environment(env: Path, dist: Path) -> None:
    started = time.monotonic()
    checked = load_environment(env)
    made = make_plan(checked.environment, bundled_prices())
    show(made, checked.warnings)
    from disagg.local.demo import rehearse  # noqa: PLC0415  Why: --help must not import aws_cdk.

    with lines_of(env), Progress() as progress:
        written, created = rehearse(checked, dist, progress)
        on_a_control_plane(checked.environment, written, created, progress)
    typer.echo("\nNext, against a real account:")
    for number, step in enumerate(next_steps(made, checked.environment, env, dist), 1):
        typer.echo(f"  {number}. " + "\n     ".join(step))
    typer.echo(
        f"\nRehearsed in {time.monotonic() - started:.0f} s; nothing was created in any account."
    )


def on_a_control_plane(
    environment: "Environment", written: "Written", created: "Created", progress: "Progress"
) -> None:
    """Let a control plane judge what the demo made, or say aloud that none did."""
    from disagg.local.cluster.binaries import binaries  # noqa: PLC0415
    from disagg.local.cluster.findings import findings  # noqa: PLC0415
    from disagg.local.cluster.tell import lines  # noqa: PLC0415
    from disagg.local.rehearse import judge  # noqa: PLC0415

    try:
        programs = binaries()
    except MissingToolError as error:
        typer.echo(f" SKIP  Kubernetes control plane: scheduling was not rehearsed\n{error}")
        return
    report = judge(environment, written.manifests, created, progress, programs)
    typer.echo("\n".join(lines(report)))
    problems = findings(report)
    if problems:
        raise CheckFailedError(problems)


class Progress:
    """Shows steps: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, *, stderr: bool = False) -> None:
        from rich.console import Console  # noqa: PLC0415

        self._console = Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)
        self._status: Any = None
        self._title, self._since = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if error is not None and self._title:
            self._console.print(
                f"FAIL  {self._title}" if kind is not KeyboardInterrupt else f"stop  {self._title}"
            )

    def __call__(self, event: "Event") -> None:
        """Show one event of the rehearsal."""
        from disagg.local.demo import Detail, Sign, Step  # noqa: PLC0415

        if isinstance(event, Step):
            self._title, self._since = event.title, time.monotonic()
            if self._console.is_terminal:
                self._status = self._console.status(event.title)
                self._status.start()
            else:
                self._console.print(f" ..   {event.title}")
                sys.stdout.flush()
        elif isinstance(event, Sign):
            if self._status:
                self._status.update(f"{self._title}: {event.line.strip()[:100]}")
        elif isinstance(event, Detail):
            self._console.print(f"      {event.line}")
        else:
            self._stop()
            self._console.print(
                f" ok   {self._title} ({time.monotonic() - self._since:.1f} s): {event.result}"
            )
            self._title = ""

    def _stop(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None
