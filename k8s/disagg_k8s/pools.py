"""Prefill and decode: two Deployments of one engine that share nothing but the fabric."""

import json

from constructs import Construct

from disagg.config.environment import Environment
from disagg.config.serving import Pool
from disagg.planner.layout import (
    SIDECAR_CPU_MILLI,
    SIDECAR_MEMORY_MIB,
    PodPlan,
    pod,
    pool_instance,
    server_requests,
)
from disagg_k8s import devices, fabric, names, server, weights
from disagg_k8s.manifest import Concern, Json, binary, cores

_OWN_ADDRESS = "POD_IP"
_EVENTS_PORT: Json = {
    "name": "kv-events",
    "containerPort": names.KV_EVENTS_PORT,
    "protocol": "TCP",
}


class PrefillPool(Concern):
    """Servers that read prompts and keep the KV cache until decode has fetched it.

    A pod that must stop first waits out the longest prefill and the lease of its last KV cache:
    decode reads it from this pod's memory, and nothing else holds a copy.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        lease = environment.serving.kv_transfer.lease_seconds
        drain = server.NOTICE_SECONDS + server.LONGEST_PREFILL_SECONDS + lease
        spec = _pod_spec(
            environment, names.PREFILL, port=names.SERVER_PORT, drain_seconds=drain, sidecar=[]
        )
        _deploy(self, environment, names.PREFILL, spec)


class DecodePool(Concern):
    """Servers that fetch the KV cache and write the answer, each behind a routing sidecar.

    The sidecar is a native one: it starts before vLLM and outlives it, so that streams can end.
    Probes ask vLLM, never the sidecar. A pod that must stop gets no new requests after a few
    seconds, then vLLM finishes what it has (`--shutdown-timeout`).
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        spec = _pod_spec(
            environment,
            names.DECODE,
            port=names.DECODE_SERVER_PORT,
            drain_seconds=server.NOTICE_SECONDS,
            sidecar=[_sidecar(environment)],
        )
        _deploy(self, environment, names.DECODE, spec)


def _pool(environment: Environment, role: str) -> Pool:
    serving = environment.serving
    return serving.prefill if role == names.PREFILL else serving.decode


def _deploy(chart: Concern, environment: Environment, role: str, spec: Json) -> None:
    labels = names.server_labels(environment, role)
    body = server.server_deployment(
        _pool(environment, role).replicas, names.selector(environment, role), labels, spec
    )
    chart.add(
        "Deployment",
        role,
        api_version="apps/v1",
        namespace=environment.serving_namespace,
        labels=labels,
        body={"spec": body},
    )


def _pod_spec(
    environment: Environment, role: str, *, port: int, drain_seconds: int, sidecar: list[Json]
) -> Json:
    serving = environment.serving
    plan = pod(role, serving, environment.capacity)
    privilege = server.security(lock_memory=True, privileged=serving.pod_privilege == "privileged")
    instance = pool_instance(role, serving, environment.capacity).name
    grace = drain_seconds + server.LONGEST_ANSWER_SECONDS + server.MARGIN_SECONDS
    return {
        **server.pod_base(environment, role),
        **server.placement(environment, plan, [instance]),
        **devices.pod_claims(environment, role),
        "terminationGracePeriodSeconds": grace,
        "initContainers": [
            *fabric.fabric_gate(environment, plan),
            *weights.weights_gate(environment),
            *sidecar,
        ],
        "containers": [_server(environment, plan, port, drain_seconds, privilege)],
        "volumes": server.volumes(environment, plan.shm_mib),
    }


def _server(
    environment: Environment, plan: PodPlan, port: int, drain_seconds: int, privilege: Json
) -> Json:
    role = plan.role
    serving = environment.serving
    amounts = server_requests(
        _pool(environment, role), pool_instance(role, serving, environment.capacity)
    )
    precise = serving.router.policy == "prefix_precise"
    own_address = {"fieldRef": {"fieldPath": "status.podIP"}}
    return {
        "name": "modelserver",
        "image": names.images(environment).server,
        "imagePullPolicy": "IfNotPresent",
        "command": ["vllm", "serve"],
        "args": [
            *server.arguments(environment, plan, port),
            f"--kv-transfer-config={fabric.kv_transfer_config(environment, plan)}",
            *([f"--kv-events-config={_kv_events(environment)}"] if precise else []),
            # Why: beside a KV connector older engines switch it off, which halves the cache of
            # models with sliding-window layers (vllm#42024).
            "--no-disable-hybrid-kv-cache-manager",
        ],
        "env": [
            *([{"name": _OWN_ADDRESS, "valueFrom": own_address}] if precise else []),
            {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": own_address},
            {"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": str(names.NIXL_PORT)},
            *server.variables(environment, fabric.fabric_variables(plan)),
        ],
        "ports": [
            {"name": "modelserver", "containerPort": port, "protocol": "TCP"},
            {"name": "nixl", "containerPort": names.NIXL_PORT, "protocol": "TCP"},
            *([_EVENTS_PORT] if precise else []),
        ],
        "resources": server.resources(environment, amounts, role),
        "securityContext": privilege,
        "volumeMounts": server.mounts(environment),
        "lifecycle": {"preStop": {"sleep": {"seconds": drain_seconds}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **server.probes(),
    }


def _kv_events(environment: Environment) -> str:
    """Return what a server tells of its KV cache, to whoever listens.

    The topic names it as the picker does: the address and the port that requests are sent to, which
    on decode is the sidecar's. Why `*`: with an address vLLM connects where it should listen.
    Kubernetes puts the address in for `$(POD_IP)`.
    """
    place = f"$({_OWN_ADDRESS}):{names.SERVER_PORT}@{environment.serving.model}"
    config = {
        "enable_kv_cache_events": True,
        "publisher": "zmq",
        "endpoint": f"tcp://*:{names.KV_EVENTS_PORT}",
        "topic": f"{names.KV_EVENTS_TOPIC}{place}",
    }
    return json.dumps(config, separators=(",", ":"))


def _sidecar(environment: Environment) -> Json:
    memory = {"memory": binary(SIDECAR_MEMORY_MIB)}
    return {
        "name": "routing-proxy",
        "image": names.images(environment).sidecar,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": [
            f"--port={names.SERVER_PORT}",
            f"--model-server-port={names.DECODE_SERVER_PORT}",
            "--kv-connector=nixlv2",
            # Why plain HTTP: its own certificate would be self-signed and checked by nobody.
            "--secure-proxy=false",
            "--zap-log-level=1",
        ],
        "ports": [{"name": "sidecar", "containerPort": names.SERVER_PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": cores(SIDECAR_CPU_MILLI), **memory}, "limits": memory},
        # Why only that the port is open: the sidecar's /health answers 200 whatever vLLM does.
        "startupProbe": {
            "tcpSocket": {"port": "sidecar"},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
        "securityContext": names.HARDENED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
