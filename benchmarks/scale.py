"""What a large fleet costs the control plane, from 100 to 1,000 nodes of eight GPUs.

`make scale` places one large pair of pools, and many small pairs of 20 nodes each, on nodes that
exist only in the API; it prints a table and draws `docs/scale.svg`. CPU is what the processes used,
so it compares between runs; times and rates are those of this machine. kwok plays the kubelets: no
figure here says how fast a model is served. Needs what `make kube` builds.
"""

import argparse
import copy
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from disagg import artifacts
from disagg.checks.environment import check
from disagg.config.yaml_reader import read_text
from disagg.local.cluster.api import Api
from disagg.local.cluster.binaries import binaries
from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import nodes_ready
from disagg.local.demo import deploy

ROOT = Path(__file__).resolve().parent.parent
NAME = "pilot"
PAIR_NODES = 20
"""Nodes of one small pair of pools: ten of each role."""
GPUS, DECODE_GPUS = 8, 4
WRITERS = 4
PATIENCE_SECONDS = 1_800
# Why: EKS runs the control plane of a large fleet on machines larger than the defaults are for;
# with the clients' default limits the limits are measured.
FLAGS = {
    "kube-scheduler": ("--kube-api-qps=2000", "--kube-api-burst=4000"),
    "kube-controller-manager": (
        *("--kube-api-qps=2000", "--kube-api-burst=4000", "--node-monitor-grace-period=200s"),
        *("--concurrent-deployment-syncs=10", "--concurrent-replicaset-syncs=10"),
    ),
    "kwok": ("--node-lease-duration-seconds=200",),
}
Object = dict[str, Any]


def one_pair() -> tuple[list[Object], list[Object]]:
    """Return the objects of a small pair, and its nodes as the templates create them."""
    data = yaml.safe_load((ROOT / "environments" / f"{NAME}.yaml").read_text("utf-8"))
    half = PAIR_NODES // 2
    for role in ("prefill", "decode"):
        data["capacity"][role]["nodes"] = half
    data["serving"]["prefill"] = {"replicas": half * GPUS, "tensor_parallel": 1}
    data["serving"]["decode"] = {"replicas": half * GPUS // 4, "tensor_parallel": DECODE_GPUS}
    del data["budget"]
    environment = check(read_text(yaml.safe_dump(data), "scale.yaml")).environment
    with tempfile.TemporaryDirectory() as directory:
        written = artifacts.write_all(environment, Path(directory))
        nodes = make_nodes(deploy(environment, written, lambda _: None))
    return [one for group in written.manifests.values() for one in group], nodes


def fleet(nodes: Sequence[Object], pairs: int, *, large: bool) -> list[Object]:
    """Return the nodes of so many pairs; of one environment when the pair is a large one."""
    made = []
    for pair in range(pairs):
        for node in nodes:
            labels = node["metadata"]["labels"]
            if pair and "disagg/environment" not in labels:
                continue
            one = copy.deepcopy(node)
            name = f"{one['metadata']['name']}-{pair}"
            one["metadata"]["name"] = one["metadata"]["labels"]["kubernetes.io/hostname"] = name
            if not large and "disagg/environment" in labels:
                one["metadata"]["labels"]["disagg/environment"] = f"{NAME}-{pair}"
            if "disagg/environment" not in labels:
                _make_room(one)
            made.append(one)
    return made


def _make_room(system: Object) -> None:
    """Let a system node hold every router: they are not what is measured."""
    for amounts in system["status"].values():
        amounts |= {"cpu": "10000", "memory": "100000Gi", "pods": "2000"}


def workloads(objects: Sequence[Object], pairs: int, *, large: bool) -> list[Object]:
    """Return what is applied: one pair for all nodes, or one for each 20 of them."""
    if not large:
        text = json.dumps(list(objects))
        return [
            one for pair in range(pairs) for one in json.loads(text.replace(NAME, f"{NAME}-{pair}"))
        ]
    found = copy.deepcopy(list(objects))
    for one in found:
        if one["kind"] == "Deployment" and one["metadata"]["name"] in ("prefill", "decode"):
            one["spec"]["replicas"] *= pairs
    return found


def measure(objects: Sequence[Object], nodes: Sequence[Object]) -> dict[str, float]:
    """Return what it took to place everything: seconds, CPU of each program, memory, rates."""
    pods = sum(one["spec"]["replicas"] for one in objects if one["kind"] == "Deployment")
    with (
        tempfile.TemporaryDirectory() as directory,
        ControlPlane(directory=Path(directory), programs=binaries(), flags=FLAGS) as plane,
    ):
        api = plane.api()
        _parallel(plane, nodes)
        names = [one["metadata"]["name"] for one in nodes]
        nodes_ready(api, names, seconds=PATIENCE_SECONDS)
        before = {name: _cpu_seconds(pid) for name, pid in plane.pids.items()}
        began = time.monotonic()
        for one in objects:
            api.must(api.apply(one))
        applied = time.monotonic() - began
        _until_ready(api, pods, began)
        seconds = time.monotonic() - began
        cpu = {name: _cpu_seconds(pid) - before[name] for name, pid in plane.pids.items()}
        return {
            "nodes": len(nodes),
            "pods": pods,
            "seconds": round(seconds, 1),
            "pods_per_second": round(pods / seconds, 1),
            "objects_per_second": round(len(objects) / applied, 1),
            "scheduler_ms_per_pod": round(1e3 * cpu["kube-scheduler"] / pods, 2),
            "all_ms_per_pod": round(1e3 * sum(cpu.values()) / pods, 1),
            "memory_mib": round(sum(_memory_mib(pid) for pid in plane.pids.values())),
        }


def _parallel(plane: ControlPlane, nodes: Sequence[Object]) -> None:
    def write(part: Iterable[Object]) -> None:
        api = plane.api()
        for one in part:
            api.must(api.create(one))
        api.close()

    threads = [
        threading.Thread(target=write, args=(nodes[number::WRITERS],)) for number in range(WRITERS)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _until_ready(api: Api, pods: int, began: float) -> None:
    while True:
        counted: Counter[str] = Counter()
        for one in api.items("/apis/apps/v1/deployments"):
            counted += Counter({"ready": one.get("status", {}).get("readyReplicas", 0)})
        if counted["ready"] == pods:
            return
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise SystemExit(f"only {counted['ready']} of {pods} pods were ready in time")
        time.sleep(1)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used [s]. Source: proc(5), fields utime and stime."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("VmRSS")) / 1024


def draw(rows: Sequence[dict[str, Any]], target: Path) -> None:
    """Draw the scheduler's cost of a pod over the size of the fleet."""
    import matplotlib as mpl  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "disagg", "svg.fonttype": "none", "font.size": 10}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for layout, colour in (("one large pair", "#b5442f"), ("pairs of 20 nodes", "#2f6fb5")):
        some = [one for one in rows if one["layout"] == layout]
        sizes = [one["nodes"] for one in some]
        for axes, key in ((left, "scheduler_ms_per_pod"), (right, "pods_per_second")):
            axes.plot(sizes, [one[key] for one in some], "o-", color=colour, label=layout)
    for axes, title in (
        (left, "Scheduler CPU [ms per pod]"),
        (right, "Pods placed and ready per second"),
    ):
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("nodes in one cluster")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    left.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    """Measure every size and layout, print a table, write the figures and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--plot", type=Path, help="Where the plot is written (SVG).")
    given = parser.parse_args()
    objects, nodes = one_pair()
    rows: list[dict[str, Any]] = []
    for layout in ("one large pair", "pairs of 20 nodes"):
        for count in given.nodes:
            large, pairs = layout == "one large pair", count // PAIR_NODES
            made = fleet(nodes, pairs, large=large)
            row = measure(workloads(objects, pairs, large=large), made)
            rows.append({"layout": layout, **row, "nodes": count})
            print(json.dumps(rows[-1]), flush=True)
    print("\n| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for one in rows:
        print("| " + " | ".join(map(str, one.values())) + " |")
    if given.plot:
        draw(rows, given.plot)


if __name__ == "__main__":
    main()
