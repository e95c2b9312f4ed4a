"""The rehearsal on a real control plane: its API server, controllers and scheduler judge."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from disagg.checks.environment import Checked
from disagg.checks.rehearsal import NODES
from disagg.errors import CheckFailedError, DisaggError, Problem
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.apply import Manifests, apply_all
from disagg.local.cluster.binaries import KUBERNETES, binaries
from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.cluster.life import lose_node
from disagg.local.cluster.nodes import UnknownNodeError, group_of, make_nodes
from disagg.local.cluster.report import Loss, Report, make_report, waiting
from disagg.local.cluster.state import State, apply_nodes, settle
from disagg.local.compare import Created
from disagg.local.demo import Detail, Done, Step, Tell, deploy, write

Node = Mapping[str, Any]


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
    return judge(written.manifests, created, tell, programs)


def judge(
    manifests: Manifests, created: Created, tell: Tell, programs: Mapping[str, Path]
) -> Report:
    """Let a control plane of our own judge manifests on nodes made from what was created.

    Raises:
        CheckFailedError: What was created makes no nodes.
        ProcessError: A program of the control plane failed; its log stays.
    """
    nodes = _nodes(created)
    with _workplace(tell) as directory:
        tell(Step(f"Kubernetes {KUBERNETES} on this machine"))
        with ControlPlane(directory=directory, programs=programs) as plane:
            tell(Done(f"API server on 127.0.0.1:{plane.port}, scheduler, controllers, kwok"))
            if not KUBERNETES.startswith(f"{created.cluster.version}."):
                tell(Detail(f"the cluster will run {created.cluster.version}: close, not the same"))
            seconds = {"ready": plane.ready_seconds}
            return examine(plane.cluster(), manifests, nodes, tell, seconds)


def examine(
    cluster: Cluster,
    manifests: Manifests,
    nodes: Sequence[Node],
    tell: Tell,
    seconds: dict[str, float],
    *,
    lose_nodes: bool = True,
) -> Report:
    """Let a running, empty control plane judge manifests on nodes."""
    api = cluster.api
    with _timed(seconds, "nodes"):
        tell(Step("Nodes, from what was read back"))
        apply_nodes(api, nodes)
        tell(Done(", ".join(one["metadata"]["name"] for one in nodes)))
    with _timed(seconds, "apply"):
        tell(Step("Apply every manifest, strictly"))
        applied = apply_all(api, manifests)
        tell(Done(f"{applied.accepted} accepted, {len(applied.refusals)} refused"))
    with _timed(seconds, "place"):
        tell(Step("The scheduler places the pods"))
        state = settle(cluster)
        tell(Done(f"{len(state.pods) - len(state.pending)} of {len(state.pods)} have a place"))
    quotas = api.items("/api/v1/resourcequotas")
    whole = state.settled and not (state.pending or state.unmade)
    tried = lose_nodes and whole
    with _timed(seconds, "losses"):
        losses = _losses(cluster, nodes, tell) if tried else ()
    return make_report(
        kubernetes=KUBERNETES,
        nodes=nodes,
        manifests=manifests,
        applied=applied,
        state=state,
        losses=losses,
        quotas=quotas,
        seconds=seconds,
    )


def _losses(cluster: Cluster, nodes: Sequence[Node], tell: Tell) -> tuple[Loss, ...]:
    """Delete one node of each group that has pods, one after the other, and bring each back."""
    tell(Step("One node of each group is lost"))
    used = {one.node for one in settle(cluster).pods}
    chosen: dict[str, Node] = {}
    for one in nodes:
        if one["metadata"]["name"] in used:
            chosen.setdefault(group_of(one), one)
    found = []
    for group, node in chosen.items():
        rest = [one for one in nodes if one is not node]
        after: State = lose_node(cluster, node)
        name = node["metadata"]["name"]
        found.append(Loss(node=name, group=group, waiting=waiting(after, rest, node)))
    homeless = sum(one.pods for loss in found for one in loss.waiting)
    tell(Done(f"{len(found)} nodes tried, {homeless} pods would wait"))
    return tuple(found)


def _nodes(created: Created) -> list[dict[str, Any]]:
    try:
        return make_nodes(created)
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


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = time.monotonic() - began
