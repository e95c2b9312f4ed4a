"""The command line: one file for each verb, imported only when the verb is used."""

import os
import signal
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from disagg.errors import DisaggError, Exit, Problem

VERBS: dict[str, str] = {
    "init": "Write a commented environment file to start from.",
    "validate": "Check an environment file and say everything that is wrong with it.",
    "config": "Show every value of an environment with its origin, or what two say differently.",
    "plan": "Show nodes, GPUs, pods and $/hour before anything is made.",
    "size": "Find the best layouts for a workload, with and without disaggregation.",
    "decide": "Say whether to pilot disaggregation: yes, no, or measure first, and why.",
    "compare": "Compare two layouts at equal GPUs, equal money and equal promises.",
    "cost": "Show what a million tokens cost, at any volume, and when a change pays.",
    "render": "Write the Kubernetes manifests of an environment.",
    "synth": "Write the CloudFormation templates and the manifests, and check both.",
    "deploy": "Deploy to your AWS account, in the order the platform needs.",
    "fleet": "Check every environment of a fleet, and show what goes where and $/hour.",
    "demo": "Rehearse the whole deployment on this machine: no account, no GPU.",
    "rehearse": "Let a real Kubernetes control plane judge the deployment, on this machine.",
    "explain": "Tell more about the code of a problem.",
    "schema": "Print the JSON schema of the environment file.",
}
"""Verb and its line in the list; the code is `disagg/cli/<verb>.py`, its app `app`."""

_USAGE_EXIT_OF_TYPER = 2
_CUT = 141
"""What a shell gives a program whose reader went away: 128 + SIGPIPE."""
_OF_EXTRAS = {"boto3", "botocore", "cryptography", "moto", "werkzeug"}
"""Modules that a bare installation does not have; the engines of `check` say so themselves."""


class LazyGroup(TyperGroup):
    """Knows every verb by name and imports the one that is asked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, line in VERBS.items():
            self.commands.setdefault(name, TyperCommand(name=name, help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the verb and put it in the place of its stub."""
        if args and args[0] in VERBS:
            command = typer.main.get_command(import_module(f"disagg.cli.{args[0]}").app)
            command.name = args[0]
            self.commands[args[0]] = command
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order a newcomer uses them."""
        del ctx
        return list(VERBS)


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=True
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Why: Typer calls it by position.
    if wanted:
        from disagg import __version__  # noqa: PLC0415

        typer.echo(f"disagg {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


@app.callback()
def root(*, version: Version = False) -> None:
    """One environment file to a secure, disaggregated LLM inference platform on AWS.

    Exit codes: 0 done, 1 failed, 2 ran and found something, 64 wrong command or file,
    130 interrupted.
    """
    del version


def main(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code; users' mistakes print no traceback."""
    try:
        code = app(args, standalone_mode=False, prog_name="disagg")
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        _tell("interrupted")
        return Exit.INTERRUPTED
    except (DisaggError, typer.TyperException, ModuleNotFoundError, OSError) as error:
        return _told(error)
    return code if isinstance(code, int) else Exit.DONE


def _told(error: Exception) -> int:
    """Say what was wrong and return the exit code; what only we can have caused is raised again."""
    if isinstance(error, DisaggError):
        _tell(error)
        return error.exit_code
    if isinstance(error, typer.TyperException):
        show = getattr(error, "show", lambda: _tell(f"Error: {error.format_message()}"))
        show()
        return Exit.USAGE if error.exit_code == _USAGE_EXIT_OF_TYPER else error.exit_code
    if isinstance(error, BrokenPipeError):
        # Why: Python would complain once more when it exits. And not 0: `decide` means yes by it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CUT
    if isinstance(error, ModuleNotFoundError):
        if error.name not in _OF_EXTRAS:
            raise error
        _tell(f"{error.name} is not installed\n  -> pip install 'disagg[check,local]'")
    elif isinstance(error, OSError):
        _tell(_of_the_system(error))
    return Exit.FAILED


def _tell(what: object) -> None:
    print(what, file=sys.stderr)  # noqa: T201


def _of_the_system(error: OSError) -> Problem:
    return Problem(
        code="DISAGG-FILE-007",
        file=str(error.filename or "output"),
        path="",
        got=(error.strerror or str(error)).lower(),
        need="a place that can be read and written",
        fix="check the path, its permissions and the space left",
    )


def _stop(number: int, frame: object) -> NoReturn:
    """Unwind, so that everything that was started is stopped."""
    del number, frame
    # Why: what jsii had half made when the signal came complains as it goes.
    sys.unraisablehook = lambda _: None
    raise KeyboardInterrupt


def run() -> NoReturn:
    """Run the command line as a program."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    code = main()
    sys.stderr.flush()
    if code == Exit.INTERRUPTED:
        # Why: Ctrl-C reached jsii's Node too, and its clean-up would print that the pipe is broken.
        # What we started ourselves is stopped by now.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
