"""The rehearsal on a real control plane: its API server, controllers and scheduler judge."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from disagg.artifacts import render
from disagg.checks.environment import Checked
from disagg.checks.rehearsal import NODES
from disagg.config.environment import Environment
from disagg.config.weights import FileSystem
from disagg.errors import CheckFailedError, DisaggError, Problem
from disagg.local.cluster.agents import agents
from disagg.local.cluster.apply import Manifests
from disagg.local.cluster.binaries import KUBERNETES, binaries
from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.hyperpod_nodes import hyperpod_nodes
from disagg.local.cluster.nodes import UnknownNodeError, make_nodes
from disagg.local.cluster.report import Report
from disagg.local.compare import Created
from disagg.local.compare_storage import TAG
from disagg.local.demo import Detail, Done, Step, Tell, deploy, write
from disagg.planner.add_ons import installed
from disagg.planner.layout import groups
from disagg.planner.weights import file_system_of


def rehearse(checked: Checked, dist: Path, tell: Tell) -> Report:
    """Write artifacts, deploy to an AWS endpoint of our own, and let a control plane judge.

    Raises:
        CheckFailedError: A rule refused the artifacts, or what was created makes no nodes. What the
            control plane finds is in the report.
        MissingToolError: The programs are not built, or an extra is not installed.
        DeployError: The CDK CLI failed.
    """
    programs = binaries()
    environment = checked.environment
    written = write(environment, dist, tell)
    created = deploy(environment, written, tell)
    return judge(environment, written.manifests, created, tell, programs)


def judge(
    environment: Environment,
    manifests: Manifests,
    created: Created,
    tell: Tell,
    programs: Mapping[str, Path],
) -> Report:
    """Let a control plane of our own judge manifests on nodes made from what was created.

    Args:
        environment: Asked for the largest size of HyperPod's groups only, which have no maximum.
        manifests: Objects by file name.
        created: What was read back.
        tell: Gets what happens.
        programs: The programs of the control plane.

    Raises:
        CheckFailedError: What was created makes no nodes.
        ProcessError: A program of the control plane failed; its log stays.
    """
    nodes = _nodes(environment, created)
    whole = completed(environment, manifests, created)
    if whole is not manifests:
        tell(Detail("the file states no file system of models: the one that was made is taken"))
    with _workplace(tell) as directory:
        tell(Step(f"Kubernetes {KUBERNETES} on this machine"))
        with ControlPlane(directory=directory, programs=programs) as plane:
            tell(Done(f"API server on 127.0.0.1:{plane.port}, scheduler, controllers, kwok"))
            if not KUBERNETES.startswith(f"{created.cluster.version}."):
                tell(Detail(f"the cluster will run {created.cluster.version}: close, not the same"))
            seconds = {"ready": plane.ready_seconds}
            subnet = ip_network(created.subnets[0].cidr)
            stand_ins = agents(created, installed(environment))
            stage = Stage(plane.cluster(), nodes, stand_ins, str(subnet[10]))
            with plane.alive():
                return examine(stage, whole, tell, seconds)


def completed(environment: Environment, manifests: Manifests, created: Created) -> Manifests:
    """Return the manifests with what a person writes into the file after the first deployment.

    Which file system of models was made: the file cannot state it before, and states the account's
    own afterwards, so it is not compared.
    """
    fsx = file_system_of(environment)
    made = [one for one in created.file_systems if one.tags.get(TAG) == environment.name]
    if fsx is None or fsx.file_system is not None or not made:
        return manifests
    stated = FileSystem(id=made[0].id, mount_name=made[0].mount_name)
    weights = replace(fsx, file_system=stated)
    return render(replace(environment, serving=replace(environment.serving, weights=weights)))


def _nodes(environment: Environment, created: Created) -> list[dict[str, Any]]:
    sizes = {name: one.nodes for name, one in groups(environment.capacity).items()}
    try:
        return [*make_nodes(created), *hyperpod_nodes(created.hyperpod, created.subnets, sizes)]
    except UnknownNodeError as error:
        problem = Problem(
            code=NODES,
            path="node groups",
            got=str(error),
            need="a type of the catalogue in a subnet that exists",
            fix="add the type to the catalogue, or change the stack",
        )
        raise CheckFailedError([problem]) from error


@contextmanager
def _workplace(tell: Tell) -> Iterator[Path]:
    """Yield a directory that is gone at the end, but for the logs when something of ours failed."""
    directory = Path(tempfile.mkdtemp(prefix="disagg-rehearse-"))
    try:
        yield directory
    except CheckFailedError:
        shutil.rmtree(directory)
        raise
    except DisaggError:
        tell(Detail(f"logs: {directory}"))
        raise
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory)
