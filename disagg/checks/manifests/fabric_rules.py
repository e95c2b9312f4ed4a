"""Rules about EFA: that a pod has its share of devices, and uses them."""

from collections.abc import Iterator
from decimal import Decimal

from disagg.catalog.instances import INSTANCE_TYPES, ec2_name
from disagg.catalog.resources import (
    EFA,
    HUGE_PAGES_2MI,
    LABEL_INSTANCE_TYPE,
    NVIDIA_GPU,
    ROLE_DECODE,
    ROLE_PREFILL,
)
from disagg.checks.manifests.objects import Container, Manifests, Workload
from disagg.checks.rule import Finding, rule

_ROLES = (ROLE_PREFILL, ROLE_DECODE)


def _both(manifests: Manifests) -> Iterator[tuple[Workload, Container]]:
    for role in _ROLES:
        yield from manifests.role(role)


@rule("DISAGG-SRV-008")
def efa_devices_follow_the_hardware(manifests: Manifests) -> Iterator[Finding]:
    """A prefill or decode pod asks for its share of the EFA devices; no other asks for any.

    Devices are whole and are split like the GPUs: one that asks for less leaves bandwidth unused,
    one that asks for more leaves GPUs without a card, and a pod without one cannot transfer.
    llm-d's overlay asks 2 for each GPU, p6-b200 has 1.
    """
    for workload in manifests.workloads:
        asked = workload.requests.get(EFA, Decimal(0))
        wanted = Decimal(0)
        if workload.role in _ROLES:
            type_name = workload.pod.get("nodeSelector", {}).get(LABEL_INSTANCE_TYPE)
            instance = INSTANCE_TYPES.get(ec2_name(str(type_name)))
            gpus = workload.requests.get(NVIDIA_GPU, Decimal(0))
            share = instance.efa_devices * gpus // instance.gpus if instance else Decimal(-1)
            wanted = max(share, Decimal(1)) if instance else share
        if asked != wanted:
            yield Finding(
                at=workload.at,
                got=f"{asked} EFA devices",
                need=f"{wanted}" if wanted >= 0 else "a node selector on a known instance type",
                fix="ask the planner for the pod's share",
            )


@rule("DISAGG-SRV-009")
def libfabric_uses_efa(manifests: Manifests) -> Iterator[Finding]:
    """A pod with EFA devices tells libfabric to use them, with RDMA and without shared memory.

    Without FI_PROVIDER libfabric may take TCP; shared memory transfer corrupts GPU buffers under
    load (ai-dynamo/dynamo#9712); huge pages switched on and not requested make allocation fail.
    """
    for workload, server in _both(manifests):
        if not workload.requests.get(EFA):
            continue
        wanted = {
            "FI_PROVIDER": "efa",
            "FI_EFA_USE_DEVICE_RDMA": "1",
            "FI_EFA_ENABLE_SHM_TRANSFER": "0",
            "FI_EFA_USE_HUGE_PAGE": "1" if server.requests.get(HUGE_PAGES_2MI) else "0",
        }
        for name, value in wanted.items():
            given = server.variables.get(name, {}).get("value")
            if given != value:
                yield Finding(
                    at=(*server.at, "env"),
                    got=f"{name}={given}",
                    need=f"{name}={value}",
                    fix="set the variable",
                )


@rule("DISAGG-SRV-010")
def a_gate_counts_the_devices(manifests: Manifests) -> Iterator[Finding]:
    """A pod with EFA devices has an init container that gets the same devices and runs `fi_info`.

    Without devices libfabric's plugin blocks for ever or falls to TCP, and the pod looks healthy
    (ai-dynamo/nixl#2205). The gate stops the pod with a message instead. It is never privileged,
    even where the server is: it would then count all devices of the host, and stop every pod.
    """
    for workload, server in _both(manifests):
        asked = server.requests.get(EFA, Decimal(0))
        gates = [
            c
            for c in workload.containers
            if not c.stays
            and c.requests.get(EFA) == asked
            and c.image == server.image
            and any(
                "fi_info -p efa" in part and "timeout " in part
                for part in c.data.get("command", [])
            )
        ]
        privileged = [
            c.name for c in gates if c.data.get("securityContext", {}).get("privileged", False)
        ]
        if asked and (privileged or not gates):
            yield Finding(
                at=(*workload.at, "initContainers"),
                got=f"{', '.join(privileged)} is privileged" if privileged else "no gate",
                need=f"an init container, not privileged, with {asked} EFA devices running fi_info"
                " under a timeout",
                fix="render the pool with its fabric gate",
            )


@rule("DISAGG-SRV-011")
def engines_introduce_themselves_by_address(manifests: Manifests) -> Iterator[Finding]:
    """Every engine announces its own pod's address and a port that is open for the NIXL handshake.

    The default host is `localhost`: decode then looks for prefill in its own pod (vllm#27083).
    """
    for _, server in _both(manifests):
        host = server.variables.get("VLLM_NIXL_SIDE_CHANNEL_HOST", {})
        path = host.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        port = server.variables.get("VLLM_NIXL_SIDE_CHANNEL_PORT", {}).get("value", "")
        if path != "status.podIP" or not port.isdecimal() or int(port) not in server.ports.values():
            yield Finding(
                at=(*server.at, "env"),
                got=f"host from {path}, port {port or 'not set'}",
                need="host from status.podIP, and a port of the container",
                fix="set VLLM_NIXL_SIDE_CHANNEL_HOST and VLLM_NIXL_SIDE_CHANNEL_PORT",
            )
