"""Rules about the model servers: that prefill and decode can hand over a KV cache, over EFA."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from disagg.catalog.flags import SIDECAR
from disagg.catalog.models import MODELS, Attention
from disagg.catalog.resources import (
    EFA,
    LABEL_NODE_ROLE,
    LABEL_ZONE_ID,
    NVIDIA_GPU,
    ROLE_DECODE,
    ROLE_PREFILL,
)
from disagg.checks.manifests.objects import Container, Manifests, Workload
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_ROLES = (ROLE_PREFILL, ROLE_DECODE)
_SIDECAR_POOL_SECONDS = 90
"""How long the sidecar keeps an idle connection. Source: Go's default transport."""


def _pairs(manifests: Manifests) -> Iterator[tuple[Container, Container]]:
    for _, prefill in manifests.role(ROLE_PREFILL):
        for _, decode in manifests.role(ROLE_DECODE):
            yield prefill, decode


def _both(manifests: Manifests) -> Iterator[tuple[Workload, Container]]:
    for role in _ROLES:
        yield from manifests.role(role)


@rule("DISAGG-SRV-001")
def both_roles_are_rendered(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Prefill and decode are rendered once each, with the replicas of the file.

    Every other rule about a pair says nothing when one half is missing.
    """
    wanted = {
        ROLE_PREFILL: environment.serving.prefill.replicas,
        ROLE_DECODE: environment.serving.decode.replicas,
    }
    for role, replicas in wanted.items():
        found = [workload.replicas for workload, _ in manifests.role(role)]
        if found != [replicas]:
            yield Finding(
                at=("serving", role, "replicas"),
                got=f"Deployments with {found or 'no'} replicas",
                need=f"one with {replicas}",
                fix="render the pool from the file",
            )


@rule("DISAGG-SRV-002")
def decode_is_at_least_as_parallel(manifests: Manifests) -> Iterator[Finding]:
    """Decode's tensor parallelism is a multiple of prefill's.

    Each decode rank reads its share of one prefill rank's cache; with more prefill ranks than
    decode ranks vLLM's NixlConnector asserts at the handshake. Source: vLLM docs, nixl connector
    compatibility.
    """
    for prefill, decode in _pairs(manifests):
        first = prefill.number("--tensor-parallel-size", 1) or 1
        second = decode.number("--tensor-parallel-size", 1) or 1
        if second < first or second % first:
            yield Finding(
                at=(*decode.at, "args"),
                got=f"decode {second}, prefill {first}",
                need="decode a multiple of prefill",
                fix="raise serving.decode.tensor_parallel",
            )


@rule("DISAGG-SRV-003")
def parallelism_is_the_gpus_asked_for(manifests: Manifests) -> Iterator[Finding]:
    """Every server's tensor parallelism is the number of GPUs it requests.

    With fewer it does not start; with more it pays for idle ones.
    """
    for _, server in manifests.servers:
        ranks = server.number("--tensor-parallel-size", 1)
        gpus = server.requests.get(NVIDIA_GPU, Decimal(0))
        if ranks != gpus:
            yield Finding(
                at=(*server.at, "args"),
                got=f"{ranks} ranks on {gpus} GPUs",
                need="as many ranks as GPUs",
                fix=f"set --tensor-parallel-size and {NVIDIA_GPU} alike",
            )


@rule("DISAGG-SRV-004")
def one_image_for_all_servers(manifests: Manifests) -> Iterator[Finding]:
    """Prefill, decode and the baseline run the same image.

    The handshake compares versions of vLLM and NIXL and refuses a difference (llm-d#499); and a
    comparison of two engines would say nothing about disaggregation.
    """
    images = {server.image: server for _, server in manifests.servers}
    for image, server in list(images.items())[1:]:
        yield Finding(
            at=(*server.at, "image"),
            got=f"{image} beside {next(iter(images))}",
            need="one image",
            fix="take both from serving.image_profile",
        )


@rule("DISAGG-SRV-005")
def cache_geometry_is_equal(manifests: Manifests) -> Iterator[Finding]:
    """Prefill and decode have the same block size, cache type, model and context length.

    Blocks are copied as they are: with the hybrid cache manager different sizes cannot be mapped,
    and a different element type is another meaning for the same bytes.
    """
    for prefill, decode in _pairs(manifests):
        for flag in (
            "--block-size",
            "--kv-cache-dtype",
            "--dtype",
            "--max-model-len",
            "--quantization",
        ):
            first, second = prefill.flags.get(flag), decode.flags.get(flag)
            if first != second:
                yield Finding(
                    at=(*decode.at, "args"),
                    got=f"{flag}: decode {second}, prefill {first}",
                    need="the same on both",
                    fix="set it for both roles",
                )
        first, second = prefill.data.get("args", [""])[0], decode.data.get("args", [""])[0]
        if first != second:
            yield Finding(
                at=(*decode.at, "args"),
                got=f"decode serves {second}, prefill {first}",
                need="one model",
                fix="render both from serving.model",
            )


@rule("DISAGG-SRV-006")
def pools_stand_in_the_fabric_zone(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Every prefill and decode pod is bound to nodes of the fabric's zone.

    EFA traffic does not leave an availability zone: across zones a transfer fails. HyperPod's nodes
    carry no zone id that is known; there the instance group has one subnet, and pods are bound to
    the group.
    """
    if environment.cluster.platform == "hyperpod":
        return
    zone = environment.network.fabric_zone_id
    for workload, _ in _both(manifests):
        given = workload.pod.get("nodeSelector", {}).get(LABEL_ZONE_ID)
        if given != zone:
            yield Finding(
                at=(*workload.at, "nodeSelector", LABEL_ZONE_ID),
                got=str(given),
                need=zone,
                fix="select the zone of network.fabric_zone_id",
            )


@rule("DISAGG-SRV-007")
def roles_stand_apart(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Prefill and decode are bound to different node groups, unless `placement` is `colocate`.

    Between pods of one node there is no NVLink path, and LIBFABRIC to the same node stalls.
    Affinity between pods is no substitute: "preferred" put both roles on one node in 11 of 24 runs
    (measured, llm-d's overlay), and "required" lets the order of apply decide whether decode ever
    lands (4 of 5 runs stuck).
    """
    if environment.serving.placement == "colocate":
        return
    for role in _ROLES:
        for workload, _ in manifests.role(role):
            given = workload.pod.get("nodeSelector", {}).get(LABEL_NODE_ROLE)
            if given != role:
                yield Finding(
                    at=(*workload.at, "nodeSelector", LABEL_NODE_ROLE),
                    got=str(given),
                    need=f"{role}, the group of its own role",
                    fix="bind the pool to its own node group",
                )


@rule("DISAGG-SRV-012")
def probes_ask_the_engine(manifests: Manifests) -> Iterator[Finding]:
    """Every probe of a server asks vLLM's own port.

    The sidecar answers 200 on /health whatever vLLM does: a probe there keeps a dead decode in
    service. Source: llm-d-router pkg/sidecar/proxy, and measured.
    """
    for _, server in manifests.servers:
        own = server.number("--port", 8000)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            given = server.data.get(probe, {}).get("httpGet", {})
            asked = server.resolve(given.get("port", -1))
            if asked != own or given.get("path") not in {"/health", "/v1/models"}:
                yield Finding(
                    at=(*server.at, probe),
                    got=f"port {asked}, path {given.get('path')}",
                    need=f"port {own}, path /health or /v1/models",
                    fix="probe the port vLLM listens on",
                )


@rule("DISAGG-SRV-013")
def decode_is_behind_its_sidecar(manifests: Manifests) -> Iterator[Finding]:
    """Every decode pod has one native routing sidecar that reaches its engine; no other has.

    The sidecar calls localhost on --model-server-port, so the engine must listen there; as a native
    sidecar it starts first and ends last, so no request meets a pod without one.
    """
    for workload, server in manifests.servers:
        sidecars = workload.running(SIDECAR)
        if workload.role != ROLE_DECODE:
            wrong = bool(sidecars)
        else:
            wrong = (
                len(sidecars) != 1
                or not (sidecars[0].init and sidecars[0].stays)
                or sidecars[0].number("--model-server-port", 8200) != server.number("--port", 8000)
                or sidecars[0].number("--port", 8000) == server.number("--port", 8000)
                or server.flags.get("--host") not in {None, "0.0.0.0"}  # noqa: S104
            )
        if wrong:
            yield Finding(
                at=workload.at,
                got=f"{len(sidecars)} sidecars, {[one.flags for one in sidecars]}",
                need="one native sidecar on decode that points at vLLM's port, none elsewhere",
                fix="render the pool with its sidecar",
            )


@rule("DISAGG-SRV-014")
def prefill_outlives_its_last_cache(manifests: Manifests) -> Iterator[Finding]:
    """A prefill pod that must stop first waits longer than the lease of its KV cache.

    Decode reads the cache from the prefill pod's memory: gone is gone, and the request fails or is
    computed again. vLLM has no drain for that.
    """
    for _, server in manifests.role(ROLE_PREFILL):
        extra = (server.kv_transfer or {}).get("kv_connector_extra_config", {})
        lease = extra.get("kv_lease_duration", 30)
        hook = server.data.get("lifecycle", {}).get("preStop", {})
        wait = hook.get("sleep", {}).get("seconds", 0)
        if wait <= lease:
            yield Finding(
                at=(*server.at, "lifecycle", "preStop"),
                got=f"{wait} s beside a lease of {lease} s",
                need="longer than the lease",
                fix="raise the preStop wait, or lower serving.kv_transfer.lease_seconds",
            )


@rule("DISAGG-SRV-015")
def sliding_window_models_keep_their_cache(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Models with sliding-window layers run with the hybrid KV cache manager on.

    Beside a KV connector it is off in older engines, which halves the cache (vllm#42024).
    """
    model = MODELS.get(environment.serving.model)
    if model is None or all(run.attention is not Attention.SLIDING for run in model.layers):
        return
    for _, server in _both(manifests):
        if "--no-disable-hybrid-kv-cache-manager" not in server.flags:
            yield Finding(
                at=(*server.at, "args"),
                got="no --no-disable-hybrid-kv-cache-manager",
                need="it",
                fix="add the flag",
            )


@rule("DISAGG-SRV-016")
def decode_comes_first(manifests: Manifests) -> Iterator[Finding]:
    """Decode's priority is above prefill's, and prefill's above the baseline's.

    A decode pod needs several GPUs of one node: placed last, it finds them scattered.
    """
    values = {c["metadata"]["name"]: c["value"] for c in manifests.kind("PriorityClass")}

    def priority(role: str | None) -> list[int]:
        return [
            values.get(w.pod.get("priorityClassName", ""), 0)
            for w, _ in manifests.servers
            if w.role == role
        ]

    order = (priority(ROLE_DECODE), priority(ROLE_PREFILL), priority(None))
    for higher, lower in pairwise(order):
        if higher and lower and min(higher) <= max(lower):
            yield Finding(
                at=("PriorityClass",),
                got=f"decode {order[0]}, prefill {order[1]}, baseline {order[2]}",
                need="decode above prefill above baseline",
                fix="correct the values of the priority classes",
            )


@rule("DISAGG-SRV-017")
def the_baseline_is_plain(manifests: Manifests) -> Iterator[Finding]:
    """The baseline has no role label, no KV transfer and no EFA device.

    It is what disaggregation is compared with: one that the router picks, or that transfers, is not
    one.
    """
    for workload, server in manifests.servers:
        plain = "--kv-transfer-config" not in server.flags and EFA not in workload.requests
        if workload.role is None and not plain:
            yield Finding(
                at=server.at,
                got=f"KV transfer or EFA in {workload.name}, which has no role",
                need="plain vLLM",
                fix="leave both out of the baseline",
            )


@rule("DISAGG-SRV-018")
def hashes_and_connections_agree(manifests: Manifests) -> Iterator[Finding]:
    """Every server has the same hash seed, and keeps connections longer than the sidecar.

    With random seeds equal prefixes get different hashes. vLLM closes idle connections after 5 s by
    default, which the sidecar, keeping them 90 s, meets as resets.
    """
    for _, server in manifests.servers:
        seed = server.variables.get("PYTHONHASHSEED", {}).get("value")
        alive = server.variables.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", {}).get("value", "5")
        if seed != "0" or not alive.isdecimal() or int(alive) <= _SIDECAR_POOL_SECONDS:
            yield Finding(
                at=(*server.at, "env"),
                got=f"PYTHONHASHSEED={seed}, VLLM_HTTP_TIMEOUT_KEEP_ALIVE={alive}",
                need=f"PYTHONHASHSEED=0, keep-alive above {_SIDECAR_POOL_SECONDS}",
                fix="set both variables",
            )
