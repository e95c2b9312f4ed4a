"""Deploy an environment with the CDK CLI, in the order its platform needs."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from disagg.catalog.charts import HYPERPOD
from disagg.catalog.regions import REGIONS
from disagg.config.environment import Environment
from disagg.errors import DisaggError
from disagg.local.processes import run_to_end
from disagg.node import cdk_command, tool_environment

_DEPLOY_SECONDS = 3 * 3_600.0
_HELM_SECONDS = 60.0
_QUIET = ("--no-notices", "--no-color", "--ci", "--require-approval", "never")
OnLine = Callable[[str], None]


class DeployFailedError(DisaggError):
    """The CDK CLI failed; the message has its last lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """Stacks that are deployed together."""

    title: str
    stacks: tuple[str, ...]
    needs_packages: bool = False
    """Whether the HyperPod packages must be in the cluster before."""


def phases(environment: Environment, stacks: Iterable[str]) -> tuple[Phase, ...]:
    """Return what is deployed together, in order.

    On HyperPod the nodes come last, after a person or a pipeline inside the VPC has installed the
    packages; on EKS everything is one phase.
    """
    named = tuple(sorted(stacks))
    if environment.cluster.platform != "hyperpod":
        return (Phase(title="all stacks", stacks=named),)
    nodes = tuple(one for one in named if one.endswith("-Capacity"))
    before = tuple(one for one in named if one not in nodes)
    return (
        Phase(title="network and control plane", stacks=before),
        Phase(title="HyperPod nodes", stacks=nodes, needs_packages=True),
    )


def kube_context(environment: Environment) -> str:
    """Return the context that `aws eks update-kubeconfig` makes: the ARN of the cluster."""
    aws = environment.aws
    partition = REGIONS[aws.region].partition
    return f"arn:{partition}:eks:{aws.region}:{aws.account}:cluster/{environment.cluster_name}"


def packages_missing(environment: Environment) -> str:
    """Return why the HyperPod packages cannot be taken for installed; empty when they are."""
    helm = shutil.which("helm")
    if helm is None:
        return "helm is not on the path"
    command = [helm, "status", HYPERPOD.name, "--namespace", HYPERPOD.namespace, "-o", "json"]
    try:
        done = subprocess.run(  # noqa: S603  Why: a fixed command with names that were checked.
            [*command, "--kube-context", kube_context(environment)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_HELM_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"helm had no answer from the cluster in {_HELM_SECONDS:g} s"
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
        return f"helm: {last[0]}"
    try:
        status = json.loads(done.stdout)["info"]["status"]
    except (ValueError, KeyError, TypeError):
        return "helm's answer was not understood"
    return "" if status == "deployed" else f"the release is {status}, not deployed"


def deploy_stacks(
    phase: Phase, assembly: Path, options: Iterable[str], folder: Path, on_line: OnLine
) -> None:
    """Run `cdk deploy` for the stacks of a phase, with the credentials of the environment.

    Args:
        phase: What to deploy.
        assembly: The synthesized cloud assembly.
        options: What else the CDK CLI is told.
        folder: Where the CLI is started: it reads cdk.json and writes cdk.out there.
        on_line: Gets each line the CLI prints.

    Raises:
        DeployFailedError: The CLI failed.
        MissingToolError: Node or the CDK CLI is not installed.
    """
    run = run_to_end(
        cdk_command("deploy", *phase.stacks, "--app", str(assembly.resolve()), *_QUIET, *options),
        on_line=on_line,
        environment=tool_environment(os.environ),
        folder=folder,
        limit_seconds=_DEPLOY_SECONDS,
    )
    if run.status != 0:
        last = "\n".join(line for line in run.tail[-20:] if line)
        raise DeployFailedError(
            f"cdk deploy of {', '.join(phase.stacks)} failed with status {run.status}\n{last}"
        )
