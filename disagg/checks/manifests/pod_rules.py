"""Rules every pod keeps, whatever runs in it."""

import re
from collections.abc import Iterator
from decimal import Decimal

from disagg.catalog.flags import ENDPOINT_PICKER, VLLM
from disagg.catalog.resources import EFA, HUGE_PAGES_2MI, NVIDIA_GPU, NVME_ARRAY
from disagg.checks.manifests.objects import Container, Manifests, Workload
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.quantities import quantity

_REMOVED_IMAGES = {
    "llm-d-inference-scheduler": "ghcr.io/llm-d/llm-d-router-endpoint-picker",
    "llm-d-routing-sidecar": "ghcr.io/llm-d/llm-d-router-disagg-sidecar",
    "llm-d/llm-d-aws": "the AWS Deep Learning Container",
}
_TAG = re.compile(r"[^/]:(?P<tag>[\w.-]+)$")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def _containers(manifests: Manifests) -> Iterator[tuple[Workload, Container]]:
    for workload in manifests.workloads:
        for container in workload.containers:
            yield workload, container


@rule("DISAGG-POD-001")
def images_are_pinned(manifests: Manifests) -> Iterator[Finding]:
    """Every image has a version tag or a digest, and none is `latest`.

    A moving tag gives prefill and decode different engines after the next pull, and the NIXL
    handshake between them is refused.
    """
    for _, container in _containers(manifests):
        tag = _TAG.search(container.image)
        pinned = _DIGEST.search(container.image) or (tag and tag["tag"] not in {"latest", "main"})
        if not pinned:
            yield Finding(
                at=(*container.at, "image"),
                got=container.image or "no image",
                need="a version tag or a digest",
                fix="take the image from an image profile",
            )


@rule("DISAGG-POD-002")
def images_can_be_pulled(manifests: Manifests) -> Iterator[Finding]:
    """No image is one that was removed upstream.

    Source: llm-d docs/api-reference/artifacts.md, read 2026-08-19.
    """
    for _, container in _containers(manifests):
        for part, instead in _REMOVED_IMAGES.items():
            if part in container.image:
                yield Finding(
                    at=(*container.at, "image"),
                    got=f"{container.image}, which was removed upstream",
                    need="an image that can be pulled",
                    fix=f"use {instead}",
                )


@rule("DISAGG-POD-003")
def cpu_and_memory_are_requested(manifests: Manifests) -> Iterator[Finding]:
    """Every container requests CPU and memory; memory is limited to that, CPU is not.

    Memory above the request is taken from a neighbour, and the kernel decides who dies. A CPU limit
    throttles the scheduler thread and leaves GPUs idle.
    """
    for _, container in _containers(manifests):
        resources = container.data.get("resources", {})
        asked, limits = resources.get("requests", {}), resources.get("limits", {})
        good = (
            "cpu" in asked
            and "cpu" not in limits
            and "memory" in asked
            and "memory" in limits
            and quantity(asked["memory"]) == quantity(limits["memory"])
        )
        if not good:
            yield Finding(
                at=(*container.at, "resources"),
                got=f"requests {asked}, limits {limits}",
                need="requests of cpu and memory, the same memory as limit, no cpu limit",
                fix="set resources in the chart",
            )


@rule("DISAGG-POD-004")
def devices_are_limited_to_what_is_requested(manifests: Manifests) -> Iterator[Finding]:
    """GPUs, EFA devices and huge pages have equal requests and limits, in whole numbers.

    The API server refuses anything else (422). Source: measured on a real API server 1.34.
    """
    for _, container in _containers(manifests):
        resources = container.data.get("resources", {})
        asked, limits = resources.get("requests", {}), resources.get("limits", {})
        for name in (NVIDIA_GPU, EFA, HUGE_PAGES_2MI):
            first, second = asked.get(name), limits.get(name)
            whole = first is None or quantity(first) == quantity(first).to_integral_value()
            if first != second or not whole:
                yield Finding(
                    at=(*container.at, "resources"),
                    got=f"{name}: requests {first}, limits {second}",
                    need="the same whole number in both",
                    fix="write the device in requests and in limits",
                )


@rule("DISAGG-POD-005")
def memory_covers_memory_volumes(manifests: Manifests) -> Iterator[Finding]:
    """The memory limit of a container covers the memory volumes it mounts, each with a size.

    `/dev/shm` counts against the container that writes to it: llm-d's guide limits memory to 16Gi
    beside a 20Gi volume, so a full volume kills the server.
    """
    for workload, container in _containers(manifests):
        mounted = workload.memory_volumes(container)
        total = sum((size for size in mounted if size), Decimal(0))
        if mounted and (None in mounted or total >= container.limits.get("memory", Decimal(0))):
            yield Finding(
                at=(*container.at, "resources", "limits", "memory"),
                got=f"{container.limits.get('memory')} B beside memory volumes of"
                f" {[str(size) for size in mounted]} B",
                need="more memory than its memory volumes, each with a sizeLimit",
                fix="raise memory_gib or lower shm_gib of the pool",
            )


@rule("DISAGG-POD-006")
def containers_are_probed(manifests: Manifests) -> Iterator[Finding]:
    """Every container has startup, liveness and readiness probes; a native sidecar a startup probe.

    Without readiness, requests go to a server that still loads its model; without startup, a long
    load is killed as dead. What runs to its end, a Job, serves nobody.
    """
    for workload, container in _containers(manifests):
        if workload.data["kind"] == "Job":
            continue
        wanted = (
            {"startupProbe"}
            if container.init
            else {"startupProbe", "livenessProbe", "readinessProbe"}
        )
        missing = sorted(wanted - set(container.data)) if container.stays else []
        if missing:
            yield Finding(
                at=container.at,
                got=f"no {', '.join(missing)}",
                need="a probe of each kind",
                fix="add the probes in the chart",
            )


@rule("DISAGG-POD-007")
def probes_ask_their_own_container(manifests: Manifests) -> Iterator[Finding]:
    """Every probe asks a port of the container it stands in.

    All containers of a pod share an address, so a probe on a neighbour's port answers for the
    neighbour.
    """
    for _, container in _containers(manifests):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            given = container.data.get(probe, {})
            for how in ("httpGet", "tcpSocket", "grpc"):
                port = given.get(how, {}).get("port")
                if port is not None and container.resolve(port) is None:
                    yield Finding(
                        at=(*container.at, probe, how, "port"),
                        got=f"{port}, which is no port of {container.name}",
                        need=f"one of {', '.join(container.ports) or 'its ports'}",
                        fix="name a port of the container itself",
                    )


@rule("DISAGG-POD-008")
def pods_have_a_priority(manifests: Manifests) -> Iterator[Finding]:
    """Every pod names a priority class.

    At equal priority, small prefill pods spread over all nodes and a large decode pod stays pending
    for ever. Source: measured on a real scheduler, 4 of 5 runs.
    """
    for workload in manifests.workloads:
        if not workload.pod.get("priorityClassName"):
            yield Finding(
                at=(*workload.at, "priorityClassName"),
                got="none",
                need="a priority class",
                fix="name one in the chart",
            )


@rule("DISAGG-POD-009")
def pods_stay_out_of_the_host(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """No pod mounts a host path or uses the host's network, processes or IPC.

    A host path to /dev/infiniband shows devices of other pods, fi_info fails and NIXL falls to TCP
    (aws-do-eks#63): the device plugin brings in what the pod was given. With `serving.cache: node`
    engines mount the NVMe array, which DISAGG-WGT-016 looks at.
    """
    own = {NVME_ARRAY} if environment.serving.cache == "node" else set()
    for workload in manifests.workloads:
        shared = [key for key in ("hostNetwork", "hostPID", "hostIPC") if workload.pod.get(key)]
        mounted = [
            v["hostPath"]["path"] for v in workload.pod.get("volumes", []) if "hostPath" in v
        ]
        paths = [one for one in mounted if not (one in own and workload.running(VLLM))]
        if shared or paths:
            yield Finding(
                at=workload.at,
                got=", ".join([*shared, *(f"hostPath {path}" for path in paths)]),
                need="nothing of the host",
                fix="request devices as resources and use emptyDir for scratch space",
            )


@rule("DISAGG-POD-010")
def containers_are_confined(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Every container drops all capabilities but IPC_LOCK; engines may be privileged by the file.

    IPC_LOCK lets RDMA pin memory; it is for root only, because Kubernetes gives other users no
    added capability. `serving.pod_privilege: privileged` is the way out where IPC_LOCK is
    refused, for prefill's and decode's vLLM only.
    """
    allowed = environment.serving.pod_privilege == "privileged"
    for workload, container in _containers(manifests):
        context = container.data.get("securityContext", {})
        given = context.get("capabilities", {})
        added = set(given.get("add", []))
        bare = (
            not context.get("privileged", False)
            and given.get("drop") == ["ALL"]
            and added <= {"IPC_LOCK"}
            and not (added and context.get("runAsNonRoot"))
            and context.get("allowPrivilegeEscalation") is False
            and context.get("seccompProfile", {}).get("type") == "RuntimeDefault"
        )
        engine = workload.role and container.program == VLLM
        if not bare and not (allowed and engine and context == {"privileged": True}):
            yield Finding(
                at=(*container.at, "securityContext"),
                got=str(context),
                need="drop ALL, add at most IPC_LOCK, no escalation, seccomp RuntimeDefault",
                fix="use the security context of the charts",
            )


@rule("DISAGG-POD-011")
def no_token_is_mounted_by_default(manifests: Manifests) -> Iterator[Finding]:
    """No pod mounts a service account's token unless a container needs the API and asks for it.

    Only the endpoint picker talks to the API server.
    """
    for workload in manifests.workloads:
        projected = {
            v["name"]
            for v in workload.pod.get("volumes", [])
            for source in v.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        }
        holders = [
            c.name
            for c in workload.containers
            if c.program != ENDPOINT_PICKER
            and any(m["name"] in projected for m in c.data.get("volumeMounts", []))
        ]
        if workload.pod.get("automountServiceAccountToken") is not False or holders:
            yield Finding(
                at=workload.at,
                got=f"a token in {', '.join(holders) or 'every container'}",
                need="automountServiceAccountToken: false, and a token for the picker only",
                fix="project the token into the container that needs it",
            )


@rule("DISAGG-POD-012")
def stopping_takes_longer_than_the_hook(manifests: Manifests) -> Iterator[Finding]:
    """The grace period is longer than each preStop hook and vLLM's own shutdown together.

    The hook counts against the grace period; when it is used up, the container is killed at once.
    """
    for workload in manifests.workloads:
        grace = workload.pod.get("terminationGracePeriodSeconds", 30)
        for container in workload.containers:
            hook = container.data.get("lifecycle", {}).get("preStop", {})
            wait = hook.get("sleep", {}).get("seconds", 0)
            drain = container.number("--shutdown-timeout", 0) if container.program == VLLM else 0
            if wait + (drain or 0) >= grace:
                yield Finding(
                    at=(*workload.at, "terminationGracePeriodSeconds"),
                    got=f"{grace} s, and {container.name} takes {wait} + {drain} s to stop",
                    need="more than that",
                    fix="raise the grace period",
                )
