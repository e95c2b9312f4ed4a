"""A control plane for the tests, and what was created of an environment, each made once."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

from disagg import artifacts
from disagg.config.environment import Environment
from disagg.errors import MissingToolError
from disagg.local.cluster.api import Api, Cluster, wait
from disagg.local.cluster.apply import Manifests
from disagg.local.cluster.binaries import binaries
from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.cluster.nodes import make_nodes
from disagg.local.compare import Created
from disagg.local.demo import deploy

Node = dict[str, Any]


@dataclass(frozen=True)
class Deployed:
    """An environment, what was rendered of it, and what was created of it."""

    environment: Environment
    manifests: Manifests
    created: Created

    @property
    def nodes(self) -> list[Node]:
        return make_nodes(self.created)


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    try:
        return binaries()
    except MissingToolError as error:
        return pytest.skip(f"no control plane on this machine: {error}")


@pytest.fixture(scope="session")
def deployed(
    programs: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Deployed]:
    """Deploy an environment to an AWS endpoint and read it back; each once a session."""
    del programs

    @cache
    def run(name: str = "pilot", **edits: Any) -> Deployed:
        environment = checked(name, **edits).environment
        written = artifacts.write_all(environment, tmp_path_factory.mktemp("dist"))
        created = deploy(environment, written, lambda _: None)
        return Deployed(environment, written.manifests, created)

    return run


@pytest.fixture(scope="module")
def plane(
    programs: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    directory = tmp_path_factory.mktemp("plane")
    with ControlPlane(directory=directory, programs=programs) as running:
        sys.stderr.write(f"control plane ready in {running.ready_seconds:.1f} s\n")
        yield running


@pytest.fixture
def cluster(plane: ControlPlane) -> Iterator[Cluster]:
    """Return clients; whatever a test puts into the server is gone afterwards."""
    clients = plane.cluster()
    yield clients
    emptied(clients.api)
    clients.close()


@pytest.fixture
def api(cluster: Cluster) -> Api:
    return cluster.api


@pytest.fixture
def empty() -> Callable[[Api], None]:
    return emptied


NAMESPACED = (
    *(f"/apis/apps/v1/{kind}" for kind in ("deployments", "daemonsets", "statefulsets")),
    "/apis/batch/v1/jobs",
    "/apis/apps/v1/replicasets",
    "/api/v1/pods",
    "/api/v1/resourcequotas",
    "/apis/networking.k8s.io/v1/networkpolicies",
)


def emptied(api: Api) -> None:
    """Remove workloads, pods, nodes and policies; namespaces stay, the next apply resets them."""
    for path in NAMESPACED:
        base, _, kind = path.rpartition("/")
        for namespace in {one["metadata"]["namespace"] for one in api.items(path)}:
            grace = 0 if kind == "pods" else None
            api.delete(f"{base}/namespaces/{namespace}/{kind}", grace_seconds=grace)
    api.delete("/api/v1/nodes", grace_seconds=0)
    for one in api.items("/apis/scheduling.k8s.io/v1/priorityclasses"):
        if not one["metadata"]["name"].startswith("system-"):
            api.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/{one['metadata']['name']}")
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    if api.items(definitions):
        api.delete(definitions)
    paths = ("/api/v1/pods", "/api/v1/nodes", "/apis/apps/v1/replicasets", definitions)
    wait("the control plane is empty", lambda: not any(api.items(path) for path in paths))
