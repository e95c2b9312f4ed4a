"""What becomes of running pods: a node is lost, a node is drained, a workload rolls out."""

from collections.abc import Mapping
from typing import Any

from disagg.local.cluster.api import Cluster
from disagg.local.cluster.state import State, apply_nodes, settle


def lose_node(cluster: Cluster, node: Mapping[str, Any]) -> State:
    """Delete a node with its pods, return what is left of the rest, and bring the node back."""
    api = cluster.api
    name = node["metadata"]["name"]
    api.must(api.delete(f"/api/v1/nodes/{name}"))
    for one in api.items(f"/api/v1/pods?fieldSelector=spec.nodeName={name}"):
        metadata = one["metadata"]
        # Why at once: the garbage collector would take 46 s to notice.
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        api.delete(path, grace_seconds=0)
    after = settle(cluster)
    apply_nodes(api, [node])
    settle(cluster)
    return after
