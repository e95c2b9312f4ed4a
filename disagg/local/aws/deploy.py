"""The real CDK CLI against the embedded endpoint: bootstrap, deploy, destroy.

An endpoint starts empty, so it must be bootstrapped once each time it is started.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disagg.errors import DisaggError
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.processes import run_to_end
from disagg.node import cdk_command

OnLine = Callable[[str], None]
"""Gets each line that the CLI prints, as it prints it."""
_COMMON = ("--no-notices", "--no-color", "--ci")
# Why: by change set, moto leaves a new stack without outputs and breaks on the next update.
_DIRECT = ("--method", "direct", "--require-approval", "never")
_DONE = re.compile(r"^\s*✅\s+(?P<stack>.+?)(?P<same> \(no changes\))?$")
_STACK = "aws:cloudformation:stack"


class DeployError(DisaggError):
    """The CDK CLI refused or failed; the message has its last lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackOutcome:
    """What a deployment did to one stack."""

    name: str
    changed: bool
    """False: the stack was there as the assembly wants it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A deployment that succeeded."""

    stacks: tuple[StackOutcome, ...]
    """All stacks of the assembly, in the order they were finished."""
    seconds: float
    """Wall time of the CLI [s]."""


def _stacks(assembly: Path) -> dict[str, str]:
    """Return the environment (`aws://ACCOUNT/REGION`) of each stack by the name the CLI prints.

    Raises:
        DeployError: there is no assembly, or no stack in it.
    """
    try:
        manifest: dict[str, Any] = json.loads((assembly / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise DeployError(
            f"{assembly} is not a CDK assembly: {error}\n  -> synthesize first: cdk synth"
        ) from error
    found = {
        artifact.get("displayName", name): artifact["environment"]
        for name, artifact in manifest.get("artifacts", {}).items()
        if artifact["type"] == _STACK
    }
    if not found:
        raise DeployError(f"{assembly} holds no stack, so deploying it would prove nothing")
    return found


def assembly_target(assembly: Path) -> Target:
    """Return the account and region that all stacks of the assembly are for.

    Raises:
        DeployError: they differ, or the assembly names none.
    """
    found = assembly_targets(assembly)
    if len(found) != 1:
        raise _nowhere(assembly)
    return found[0]


def assembly_targets(assembly: Path) -> tuple[Target, ...]:
    """Return every account and region that stacks of the assembly are for, in order.

    Raises:
        DeployError: a stack names none.
    """
    found = []
    for environment in sorted(set(_stacks(assembly).values())):
        match = re.fullmatch(r"aws://(\d{12})/([a-z0-9-]+)", environment)
        if match is None or match[2] == "unknown-region":
            raise _nowhere(assembly)
        found.append(Target(account=match[1], region=match[2]))
    return tuple(found)


def _nowhere(assembly: Path) -> DeployError:
    environments = sorted(set(_stacks(assembly).values()))
    return DeployError(
        f"{assembly}: the stacks are for {', '.join(environments)}; need one account and region"
        "\n  -> give every stack env=Environment(account=..., region=...)"
    )


def bootstrap(endpoint: AwsEndpoint, on_line: OnLine, *, qualifier: str | None = None) -> float:
    """Run `cdk bootstrap` for the endpoint's account and region; return how long it took [s].

    Args:
        endpoint: Where to.
        on_line: Gets each line of the CLI.
        qualifier: Of a bootstrap of one's own. Default: the CDK's.

    Raises:
        DeployError: the CLI failed.
    """
    target = endpoint.target
    started = time.monotonic()
    own = ("--qualifier", qualifier) if qualifier else ()
    _run(endpoint, on_line, "bootstrap", f"aws://{target.account}/{target.region}", *own, *_COMMON)
    return time.monotonic() - started


def deploy_all(endpoint: AwsEndpoint, assembly: Path, on_line: OnLine) -> Deployment:
    """Run `cdk deploy --all` of a synthesized assembly and return what happened to each stack.

    Raises:
        DeployError: the CLI failed, the assembly is for another account, or a stack is missing
            from what the CLI says it did.
    """
    wanted = _wanted(endpoint, assembly)
    started = time.monotonic()
    done: dict[str, StackOutcome] = {}

    def watch(line: str) -> None:
        match = _DONE.match(line)
        if match and match["stack"] in wanted:
            name = match["stack"]
            done[name] = StackOutcome(name=name, changed=match["same"] is None)
        on_line(line)

    _run(endpoint, watch, "deploy", "--all", "--app", str(assembly.resolve()), *_DIRECT, *_COMMON)
    if missing := sorted(wanted - done.keys()):
        raise DeployError(f"the CDK CLI ended well but did not deploy {', '.join(missing)}")
    return Deployment(stacks=tuple(done.values()), seconds=time.monotonic() - started)


def destroy_all(endpoint: AwsEndpoint, assembly: Path, on_line: OnLine) -> None:
    """Run `cdk destroy --all` of a synthesized assembly.

    Raises:
        DeployError: the CLI failed, or the assembly is for another account.
    """
    _wanted(endpoint, assembly)
    arguments = ("destroy", "--all", "--force", "--app", str(assembly.resolve()))
    _run(endpoint, on_line, *arguments, *_COMMON)


def _wanted(endpoint: AwsEndpoint, assembly: Path) -> set[str]:
    """Return the names of the assembly's stacks, all of them for targets of the endpoint."""
    for target in assembly_targets(assembly):
        if target not in endpoint.targets:
            stands = " and ".join(map(str, sorted(endpoint.targets, key=str)))
            raise DeployError(f"{assembly} is for {target}, the endpoint stands for {stands}")
    return set(_stacks(assembly))


def _run(endpoint: AwsEndpoint, on_line: OnLine, *arguments: str) -> None:
    run = run_to_end(
        cdk_command(*arguments),
        on_line=on_line,
        environment=endpoint.environment(),
        # Why: the CLI reads cdk.json and writes cdk.out where it is started.
        folder=endpoint.directory,
    )
    if run.status != 0:
        last = "\n".join(line for line in run.tail[-20:] if line)
        raise DeployError(f"cdk {arguments[0]} failed with status {run.status}\n{last}")
