"""Rules about weights that pods read from a store."""

import json
import re
from collections.abc import Iterator

from disagg.checks.manifests.objects import Container, Manifests, Workload, title, walk
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.planner.weights import MODELS_MOUNT, model_place, store_of, store_url

_GATE = "weights-gate"
_LOADER = "load_weights.py"
_STORES = ("s3://", f"{MODELS_MOUNT}/")
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")


def _reading(manifests: Manifests) -> Iterator[tuple[Workload, Container, str]]:
    """Yield the servers that load from a bucket or a file system, each with where from."""
    for workload, server in manifests.servers:
        given = server.data.get("args", [""])[0]
        if given.startswith(_STORES):
            yield workload, server, given


@rule("DISAGG-WGT-011")
def servers_wait_for_a_whole_model(manifests: Manifests) -> Iterator[Finding]:
    """Every server that reads a store has the gate before it, on the same place.

    A server that starts while the model is still copied loads what is there, and vLLM does not miss
    every tensor that is not.
    """
    for workload, server, place in _reading(manifests):
        gates = [one for one in workload.containers if one.init and one.name == _GATE]
        asked = [one.data.get("command", [""])[-1] for one in gates]
        if asked != [place]:
            yield Finding(
                at=(*workload.at, "initContainers"),
                got=f"{_GATE} on {', '.join(asked) or 'nothing'}, {server.name} reads {place}",
                need=f"one {_GATE} on {place}",
                fix="put the gate into the pod",
            )


@rule("DISAGG-WGT-012")
def servers_stream_and_keep_their_name(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Every server that reads a store streams, and answers to the model's id.

    vLLM reads a bucket with `runai_streamer` only, and files on a network one after the other
    without it. It is known by where it read from unless told: clients that ask for the model by its
    id would get 404.
    """
    for _, server, _ in _reading(manifests):
        wanted = {
            "--load-format": "runai_streamer",
            "--served-model-name": environment.serving.model,
        }
        for flag, need in wanted.items():
            got = server.flags.get(flag)
            if got != need:
                yield Finding(
                    at=(*server.at, "args"),
                    got=f"{flag}: {got}",
                    need=need,
                    fix=f"start it with {flag}={need}",
                )


@rule("DISAGG-WGT-013")
def the_stream_fits_into_memory(manifests: Manifests) -> Iterator[Finding]:
    """What the streamer may hold for all GPUs of a pod is at most half of the pod's memory.

    Without a limit it takes RAM for all of the weights, and the kernel kills the server in the
    middle of its start. With several GPUs each reads its part, or all would read everything.
    Source: run-ai/runai-model-streamer docs/src/usage.md, "CPU memory capping", "Distributed
    streaming".
    """
    for workload, server, _ in _reading(manifests):
        config = _loader_config(server)
        limit, gpus = config.get("memory_limit"), server.number("--tensor-parallel-size", 1) or 1
        volumes = sum(size or 0 for size in workload.memory_volumes(server))
        room = server.limits.get("memory", 0) - volumes
        fits = isinstance(limit, int) and 0 < limit * gpus * 2 <= room
        if not fits or (gpus > 1 and config.get("distributed") is not True):
            yield Finding(
                at=(*server.at, "args"),
                got=f"--model-loader-extra-config {config} with {gpus} GPUs and {room} B of RAM",
                need="a memory_limit of at most half of it, distributed with several GPUs",
                fix="take the settings from disagg.planner.weights",
            )


def _loader_config(server: Container) -> dict[str, object]:
    try:
        parsed = json.loads(server.flags.get("--model-loader-extra-config") or "{}")
    except json.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


@rule("DISAGG-WGT-014")
def what_servers_read_is_loaded(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """The store that servers read is the file's, and one Job fills it, at the file's revision.

    Servers of another place would wait at their gate for ever, on nodes that cost money. In a
    network without internet no Job could reach the hub: there is none, and people fill the store.
    """
    store = store_of(environment)
    filled_at = store_url(environment, store) if store else ""
    place = model_place(environment, store) if store else ""
    jobs = [
        one
        for workload in manifests.workloads
        if workload.data["kind"] == "Job"
        for one in workload.containers
        if any(part.endswith(_LOADER) for part in one.data.get("command", []))
    ]
    filled = [one.data.get("args", [])[:3] for one in jobs]
    job = [[environment.serving.model, store.revision, filled_at]] if store else []
    wanted = [] if environment.closed else job
    read = sorted({server.data.get("args", [""])[0] for _, server in manifests.servers})
    reading = [one for one in read if one.startswith(_STORES)]
    if filled != wanted or (read != [place] if store else reading):
        at = jobs[0].at if jobs else ("Job",)
        yield Finding(
            at=at,
            got=f"Jobs load {filled or 'nothing'}, servers read {', '.join(read)}",
            need=f"{filled_at} and {place}"
            if wanted
            else f"no Job, and servers that read {place or 'the hub'}",
            fix="render both from serving.weights",
        )


@rule("DISAGG-WGT-015")
def no_token_in_a_manifest(manifests: Manifests) -> Iterator[Finding]:
    """No manifest holds a token: no Secret, no HF_TOKEN with a value, nothing that looks like one.

    Manifests are committed, diffed and shown. A pod reads a token from Secrets Manager, or from a
    Kubernetes secret that a person made.
    """
    for one in manifests.kind("Secret"):
        yield Finding(at=(title(one),), got="a Secret", need="none", fix="leave it out")
    for workload in manifests.workloads:
        for container in workload.containers:
            if "value" in container.variables.get("HF_TOKEN", {}):
                yield Finding(
                    at=(*container.at, "env"),
                    got="HF_TOKEN with a value",
                    need="a reference to a secret",
                    fix="name the secret in Secrets Manager: serving.weights.token_secret",
                )
    for one in manifests.objects:
        for at, value in walk(one):
            if isinstance(value, str) and _TOKEN.search(value):
                yield Finding(
                    at=(title(one), *at),
                    got="what looks like a token of Hugging Face",
                    need="no token",
                    fix="revoke it, and name a secret in Secrets Manager",
                )


@rule("DISAGG-WGT-016")
def a_cache_of_the_node_is_its_array(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """A cache that outlives the pod is on the NVMe array, in a directory of the environment.

    `DirectoryOrCreate` on a node that has no array makes a directory on its root volume: 1 GB/s in
    place of 30, unseen. Without `subPath` a pod sees kubelet's and containerd's files too, which
    lie on the same array. Source: awslabs/ai-on-eks, guide on model caches; nodeadm, localStorage.
    """
    part = f"disagg/{environment.name}"
    for workload, server in manifests.servers:
        volumes = [v for v in workload.pod.get("volumes", []) if "hostPath" in v]
        names = {v["name"] for v in volumes}
        kinds = {v["hostPath"].get("type") for v in volumes}
        parts = {m.get("subPath") for m in server.data["volumeMounts"] if m["name"] in names}
        if volumes and (kinds, parts) != ({"Directory"}, {part}):
            yield Finding(
                at=(*workload.at, "volumes"),
                got=f"type {', '.join(map(str, kinds))}, subPath {', '.join(map(str, parts))}",
                need=f"type Directory, subPath {part}",
                fix="mount the array as server.volumes does",
            )
