"""Stand-ins for what add-ons and charts run in a cluster, and the devices they advertise.

A stand-in has the requests, tolerations and node selection of the real workload and no program. A
node gives GPUs and EFA devices only once the stand-in of their device plugin, or of their DRA
driver, has been placed on it, as a real one does.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from disagg.catalog.chart import Chart
from disagg.catalog.charts import CHARTS, charts_for
from disagg.catalog.cluster_agents import AGENTS, Agent, tolerations
from disagg.catalog.dra import DRIVERS
from disagg.catalog.instances import INSTANCE_TYPES, node_type
from disagg.catalog.resources import LABEL_INSTANCE_TYPE
from disagg.local.cluster.api import Api, wait
from disagg.local.cluster.devices import claimed_on, groups_claim, make_classes, publish
from disagg.local.cluster.state import apply_nodes, is_daemon
from disagg.local.cluster.words import requests
from disagg.local.compare import Created
from disagg.planner.layout import NODE_AGENTS_CPU_MILLI, NODE_AGENTS_MEMORY_MIB
from disagg.quantities import quantity

NAMESPACE = "kube-system"
RESERVE = "room-for-monitoring"
_PATIENCE_SECONDS = 30.0
_PATIENCE_SECONDS_PER_NODE = 3.0
Object = dict[str, Any]
BASE_CHARTS = charts_for("eks", "device_plugin")
"""What is installed when a file switches nothing on."""


def agents(created: Created, charts: Sequence[Chart] = BASE_CHARTS) -> list[Object]:
    """Return a stand-in for each workload of the add-ons that were read back and of the charts.

    Where the labels of node groups say that devices are claimed, the DRA drivers stand in place of
    the device plugins. What a GPU node keeps free for daemons that are not pinned yet is a stand-in
    too.
    """
    there = {one.name for one in created.addons}
    there |= {name for one in charts for name in (one.name, *one.contains)}
    known = [one for one in AGENTS.values() if one.comes_with in there]
    if groups_claim(created):
        known = [*(one for one in known if not one.advertises), *DRIVERS.values()]
    platform = "eks" if created.hyperpod is None else "hyperpod"
    on_gpus = _on_types(sorted(node_type(name, platform) for name in INSTANCE_TYPES))
    return [*(_stand_in(one, on_gpus) for one in known), _reserve(known, on_gpus)]


def arrive(api: Api, nodes: Sequence[Mapping[str, Any]], stand_ins: Sequence[Object]) -> None:
    """Let nodes join: bare at first, with their devices where a device plugin has been placed.

    Where devices are claimed, they are published once their driver has been placed. Without
    stand-ins nodes have their devices at once.
    """
    if not stand_ins:
        apply_nodes(api, [_bare(one) if claimed_on(one) else one for one in nodes])
        make_classes(api, DRIVERS if any(claimed_on(one) for one in nodes) else ())
        for one in nodes:
            publish(api, one, DRIVERS)
        return
    apply_nodes(api, [_bare(one) for one in nodes])
    make_classes(api, [one["metadata"]["name"] for one in stand_ins])
    for one in stand_ins:
        api.must(api.apply(one))
    daemons = [one["metadata"]["name"] for one in stand_ins if one["kind"] == "DaemonSet"]
    seconds = _PATIENCE_SECONDS + _PATIENCE_SECONDS_PER_NODE * len(nodes)
    wait("the daemons are placed", lambda: _placed(api, daemons), seconds=seconds)
    running = {
        (one["metadata"]["labels"]["app"], one["spec"].get("nodeName"))
        for one in api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    }
    for node in nodes:
        name = node["metadata"]["name"]
        publish(api, node, [one for one in DRIVERS if (one, name) in running])
        devices = {
            agent.advertises: node["status"]["allocatable"][agent.advertises]
            for agent in AGENTS.values()
            if (agent.name, name) in running and agent.advertises in node["status"]["allocatable"]
        }
        if devices:
            status = {"status": {"allocatable": devices, "capacity": devices}}
            api.must(api.patch(f"/api/v1/nodes/{name}/status", status))


def less_daemons(
    nodes: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]
) -> list[Object]:
    """Return nodes that give only what their daemons leave to other pods."""
    taken: dict[str, dict[str, Decimal]] = {}
    for one in pods:
        if is_daemon(one):
            on_node = taken.setdefault(one["spec"].get("nodeName", ""), {"pods": Decimal(0)})
            for name, amount in {**requests(one["spec"]), "pods": Decimal(1)}.items():
                on_node[name] = on_node.get(name, Decimal(0)) + amount
    return [_less(one, taken.get(one["metadata"]["name"], {})) for one in nodes]


def _less(node: Mapping[str, Any], taken: Mapping[str, Decimal]) -> Object:
    given = node["status"]["allocatable"]
    left = {
        name: str(quantity(amount) - taken[name]) if name in taken else amount
        for name, amount in given.items()
    }
    return {**node, "status": {**node["status"], "allocatable": left}}


def _bare(node: Mapping[str, Any]) -> Object:
    devices = {one.advertises for one in AGENTS.values()}
    status = {
        key: {name: amount for name, amount in amounts.items() if name not in devices}
        for key, amounts in node["status"].items()
    }
    return {**node, "status": status}


def _placed(api: Api, names: Sequence[str]) -> bool:
    for one in api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"):
        status = one.get("status") or {}
        if one["metadata"]["name"] in names and (
            status.get("observedGeneration") != one["metadata"]["generation"]
            or status.get("numberReady", 0) < status.get("desiredNumberScheduled", 0)
        ):
            return False
    return True


def _stand_in(agent: Agent, on_gpus: Object) -> Object:
    chart = CHARTS.get(agent.comes_with)
    pod: Object = {
        **({"priorityClassName": agent.priority_class} if agent.priority_class else {}),
        "tolerations": [dict(one) for one in tolerations(agent)],
        "containers": [_container(agent.cpu_milli, agent.memory_mib)],
    }
    if agent.advertises or (chart and chart.values.get("affinity")):
        pod["affinity"] = on_gpus
    return _workload(agent.name, agent.replicas, pod)


def _reserve(known: Sequence[Agent], on_gpus: Object) -> Object:
    """Return what keeps the rest of the daemons' share of GPU nodes free."""
    daemons = [one for one in known if one.replicas is None]
    cpu = NODE_AGENTS_CPU_MILLI - sum(one.cpu_milli for one in daemons)
    memory = NODE_AGENTS_MEMORY_MIB - sum(one.memory_mib for one in daemons)
    pod = {
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "affinity": on_gpus,
        "containers": [_container(cpu, memory)],
    }
    return _workload(RESERVE, None, pod)


def _on_types(types: Sequence[str]) -> Object:
    term = {"key": LABEL_INSTANCE_TYPE, "operator": "In", "values": list(types)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def _container(cpu_milli: int, memory_mib: int) -> Object:
    amounts = {"cpu": f"{cpu_milli}m", "memory": f"{memory_mib}Mi"}
    requests = {key: value for key, value in amounts.items() if not value.startswith("0")}
    return {"name": "stand-in", "image": "stand-in", "resources": {"requests": requests}}


def _workload(name: str, replicas: int | None, pod: Object) -> Object:
    labels = {"app": name}
    spec: Object = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet" if replicas is None else "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": spec,
    }
