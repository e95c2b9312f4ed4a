"""What a pod needs so that its KV cache travels over EFA, and what stops it when it would not."""

import json

from disagg.catalog.kv_transfer import NIXL_BACKEND_EFA
from disagg.config.environment import Environment
from disagg.planner.layout import PodPlan
from disagg_k8s import devices, names, server
from disagg_k8s.manifest import Json

_KV_ROLES = {names.PREFILL: "kv_producer", names.DECODE: "kv_consumer"}

_GATE_LINES = (
    "set -u",
    "wanted={wanted}",
    'PATH="$PATH:/opt/amazon/efa/bin"',
    "listing=$(timeout {seconds} fi_info -p efa 2>&1)",
    "status=$?",
    # Why without the endpoint type: a device shows up once for each type and once for efa-direct.
    "domains=$(printf '%s\\n' \"$listing\" | sed -n 's/^ *domain: *//p' | sed 's/-[a-z]*$//')",
    "found=$(printf '%s\\n' \"$domains\" | sort -u | grep -c .)",
    'if [ "$found" -eq "$wanted" ]; then',
    '  echo "fabric gate: $found of $wanted EFA devices, as asked"',
    "  exit 0",
    "fi",
    'echo "fabric gate: libfabric sees $found EFA devices, this pod asked for $wanted."',
    'echo "(fi_info exit $status.) KV transfer would hang or fall to TCP without an error."',
    'echo "Look at: the EFA {giver} on this node, the network interfaces of the node,"',
    'echo "and mounts of /dev/infiniband in this pod."',
    "printf '%s\\n' \"$listing\" | head -n 20",
    "exit 1",
    "",
)
_GATE_SECONDS = 60
"""Limit for listing devices [s]: libfabric blocks for ever on some half-configured nodes."""


def kv_transfer_config(environment: Environment, plan: PodPlan) -> str:
    """Return the value of vLLM's `--kv-transfer-config` for one role.

    Why the failure policy is always written: its default changed from `recompute` to `fail` between
    vLLM versions, and it is read at the top level only. Without the backend NIXL takes UCX, which
    on EFA is slower by two orders of magnitude and reports nothing.
    """
    transfer = environment.serving.kv_transfer
    extra: Json = {"backends": [NIXL_BACKEND_EFA]} if plan.requests.efa_devices else {}
    config = {
        "kv_connector": "NixlConnector",
        "kv_role": _KV_ROLES[plan.role],
        "kv_buffer_device": "cuda",
        "kv_load_failure_policy": transfer.failure_policy,
        "kv_connector_extra_config": {**extra, "kv_lease_duration": transfer.lease_seconds},
    }
    return json.dumps(config, separators=(",", ":"))


def fabric_variables(plan: PodPlan) -> dict[str, str]:
    """Return the libfabric settings of a pod; none without EFA.

    Why no shared memory transfer: it corrupts GPU buffers under load (ai-dynamo/dynamo#9712).
    """
    if not plan.requests.efa_devices:
        return {}
    return {
        "FI_PROVIDER": "efa",
        "FI_EFA_USE_DEVICE_RDMA": "1",
        "FI_EFA_ENABLE_SHM_TRANSFER": "0",
        "FI_EFA_USE_HUGE_PAGE": "1" if plan.requests.huge_pages_mib else "0",
    }


def fabric_gate(environment: Environment, plan: PodPlan) -> list[Json]:
    """Return the init container that refuses to start a pod whose EFA devices are not all there.

    It asks for the same devices as the server, or names the same claim: kubelet hands an init
    container's devices on to the containers after it, and a claim is given to the pod, so this
    costs nothing and sees exactly what the server was given.
    Why never privileged, whatever the server is: a privileged container sees all devices of the
    host, and the count would never be the pod's.
    """
    wanted = plan.requests.efa_devices
    if not wanted:
        return []
    giver = "DRA driver" if devices.by_claim(environment) else "device plugin"
    script = "\n".join(_GATE_LINES).format(wanted=wanted, seconds=_GATE_SECONDS, giver=giver)
    asked = devices.counted(environment, efa_devices=wanted)
    return [
        {
            "name": "fabric-gate",
            "image": names.images(environment).server,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", script],
            "env": [{"name": "FI_PROVIDER", "value": "efa"}],
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi", **asked},
                "limits": {"memory": "256Mi", **asked},
                **devices.used_claims(environment, plan.role),
            },
            "securityContext": server.security(lock_memory=True, privileged=False),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
    ]
