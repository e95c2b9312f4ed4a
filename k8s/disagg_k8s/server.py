"""The parts every vLLM pod is made of, whatever its role."""

from collections.abc import Callable

from disagg.catalog.instances import node_type
from disagg.catalog.model_loading import LONGEST_START_SECONDS
from disagg.catalog.models import MODELS
from disagg.catalog.resources import (
    GPU_TAINT,
    HEALTHY,
    HUGE_PAGES_2MI,
    LABEL_INSTANCE_TYPE,
    LABEL_NODE_ENVIRONMENT,
    LABEL_NODE_HEALTH,
    LABEL_NODE_ROLE,
    LABEL_ZONE_ID,
    NVME_ARRAY,
)
from disagg.config.environment import Environment
from disagg.planner.layout import PodPlan, Resources
from disagg_k8s import devices, names, weights
from disagg_k8s.manifest import Json, binary, cores

_CACHE = "/var/cache/disagg"
_KEEP_ALIVE_SECONDS = 120
"""Longer than the sidecar's connection pool (90 s): vLLM's own 5 s ends in resets (llm-d guide)."""
_QUIET_PATHS = "/health,/metrics,/v1/models"
_START_TRIES = LONGEST_START_SECONDS // 30
"""Of 30 s each, for loading weights over the network and compiling kernels."""

LONGEST_PREFILL_SECONDS = 60
"""Time a prompt may take on prefill [s]: assumed, for the longest context."""
LONGEST_ANSWER_SECONDS = 300
"""Time a stream may go on after its pod was told to stop [s]: assumed."""
NOTICE_SECONDS = 10
"""Time the router takes to see that a pod is going away [s], with much to spare."""
MARGIN_SECONDS = 30


def arguments(environment: Environment, plan: PodPlan, port: int) -> list[str]:
    """Return the vLLM arguments that do not depend on KV transfer."""
    serving = environment.serving
    limit = serving.max_context_tokens
    return [
        weights.model(environment),
        "--host=0.0.0.0",
        f"--port={port}",
        f"--tensor-parallel-size={plan.tensor_parallel}",
        f"--block-size={serving.kv_transfer.block_size}",
        *([f"--max-model-len={limit}"] if limit else []),
        f"--shutdown-timeout={LONGEST_ANSWER_SECONDS}",
        f"--disable-access-log-for-endpoints={_QUIET_PATHS}",
        *weights.arguments(environment, plan),
        *MODELS[serving.model].server_arguments,
    ]


def variables(environment: Environment, extra: dict[str, str]) -> list[Json]:
    """Return the environment of a server: its caches on the node's disk, how it gets its weights.

    Why PYTHONHASHSEED: prefix hashes must agree between pods.
    """
    fixed = {
        "HF_HOME": f"{_CACHE}/huggingface",
        "VLLM_CACHE_ROOT": f"{_CACHE}/vllm",
        "TRITON_CACHE_DIR": f"{_CACHE}/triton",
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(_KEEP_ALIVE_SECONDS),
        "VLLM_NO_USAGE_STATS": "1",
        "PYTHONHASHSEED": names.HASH_SEED,
        **extra,
    }
    return [
        *weights.variables(environment, _CACHE),
        *({"name": name, "value": value} for name, value in fixed.items()),
    ]


def resources(environment: Environment, amounts: Resources, role: str) -> Json:
    """Return requests and limits of a server, and the claims of its pod where devices are claimed.

    Memory, devices and huge pages: limits equal requests. CPU has no limit, because a throttled
    scheduler thread leaves GPUs idle.
    """
    fixed = {
        "memory": binary(amounts.memory_mib),
        **devices.counted(environment, gpus=amounts.gpus, efa_devices=amounts.efa_devices),
    }
    if amounts.huge_pages_mib:
        fixed[HUGE_PAGES_2MI] = binary(amounts.huge_pages_mib)
    return {
        "requests": {"cpu": cores(amounts.cpu_milli), **fixed},
        "limits": fixed,
        **devices.used_claims(environment, role),
    }


def probes() -> Json:
    """Return the probes of vLLM, on its own port: the sidecar answers 200 for a dead engine."""
    models = {"path": "/v1/models", "port": "modelserver"}
    health = {"path": "/health", "port": "modelserver"}
    return {
        "startupProbe": {
            "httpGet": models,
            "initialDelaySeconds": 15,
            "periodSeconds": 30,
            "timeoutSeconds": 5,
            "failureThreshold": _START_TRIES,
        },
        "livenessProbe": {
            "httpGet": health,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "readinessProbe": {
            "httpGet": models,
            "periodSeconds": 5,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
    }


def security(*, lock_memory: bool, privileged: bool) -> Json:
    """Return the security context of a server container.

    Why root: the image has no other user, and Kubernetes gives an added capability to root only, so
    under another user IPC_LOCK would be listed and missing.
    """
    if privileged:
        return {"privileged": True}
    added = {"add": ["IPC_LOCK"]} if lock_memory else {}
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], **added},
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def volumes(environment: Environment, shm_mib: int) -> list[Json]:
    """Return the volumes of a server.

    Why emptyDir for the caches: nodes put kubelet's directory on the NVMe array
    (`localStorage.strategy: RAID0`), so it is as fast as a hostPath, dies with the pod, and cannot
    reach into the node. A cache of the node is the array itself, of type `Directory`: with
    `DirectoryOrCreate` a node without its array would give the root volume, thirty times slower,
    and say nothing.
    """
    shared = {"hostPath": {"path": NVME_ARRAY, "type": "Directory"}}
    own: Json = {"emptyDir": {}}
    return [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": binary(shm_mib)}},
        {"name": "cache", **(shared if environment.serving.cache == "node" else own)},
        *weights.volumes(environment),
        *weights.vocabulary_volumes(environment),
    ]


def mounts(environment: Environment) -> list[Json]:
    """Return what a server mounts; of the node's array it sees one directory and no more."""
    part = {"subPath": f"disagg/{environment.name}"} if environment.serving.cache == "node" else {}
    return [
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108  Why: a path in the pod, not on this machine.
        {"name": "cache", "mountPath": _CACHE, **part},
        *weights.mounts(environment),
        *weights.vocabulary_mounts(environment),
    ]


_PLATFORM_LABELS: dict[str, Callable[[Environment], dict[str, list[str]]]] = {
    "eks": lambda one: {LABEL_ZONE_ID: [one.network.fabric_zone_id]},
    # Why no zone: no source says that HyperPod's nodes carry its id; their group has one subnet.
    "hyperpod": lambda _: {LABEL_NODE_HEALTH: [HEALTHY]},
}
"""What a GPU pod selects beside environment, role and type."""


def placement(environment: Environment, plan: PodPlan, instance_types: list[str]) -> Json:
    """Return what binds a pod to the nodes of its groups, in the fabric's zone.

    Why labels of nodes and no affinity between pods: with required anti-affinity of the roles the
    order of apply decides whether decode ever lands, and each pod costs the scheduler twice as
    much in a fleet of 300 nodes. A group for each role and one zone say the same (ADR 10).
    """
    key, value = GPU_TAINT
    platform = environment.cluster.platform
    chosen = {
        LABEL_NODE_ENVIRONMENT: [environment.name],
        LABEL_NODE_ROLE: list(plan.groups),
        LABEL_INSTANCE_TYPE: [node_type(one, platform) for one in instance_types],
        **_PLATFORM_LABELS[platform](environment),
    }
    single = {key: values[0] for key, values in chosen.items() if len(values) == 1}
    terms = [
        {"key": key, "operator": "In", "values": values}
        for key, values in chosen.items()
        if len(values) > 1
    ]
    bound: Json = {"nodeSelector": single}
    if terms:
        required = {"nodeSelectorTerms": [{"matchExpressions": terms}]}
        node = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        bound["affinity"] = {"nodeAffinity": node}
    toleration = {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}
    return {**bound, "tolerations": [toleration]}


def pod_base(environment: Environment, component: str) -> Json:
    """Return the fields of a server's pod that are the same for all."""
    return {
        "serviceAccountName": names.MODEL_SERVER,
        "automountServiceAccountToken": False,
        # Why: one variable for each port of each Service would end up in every server.
        "enableServiceLinks": False,
        "priorityClassName": names.priority_class(environment, component),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }


def server_deployment(
    replicas: int, selector: names.Labels, labels: names.Labels, spec: Json
) -> Json:
    """Return the spec of a Deployment of servers.

    Why no surge: every GPU of a node is taken, so a new pod fits only where an old one left.
    """
    return {
        "replicas": replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 30 * _START_TRIES + 900,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
        },
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
