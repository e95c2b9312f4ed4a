"""Rules about `--kv-transfer-config` and KV events, which vLLM reads late or not at all."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from disagg.catalog.kv_transfer import (
    KV_CONNECTORS,
    KV_LOAD_FAILURE_POLICIES,
    KV_TRANSFER_KEYS,
    KV_TRANSFER_KEYS_REMOVED,
    NIXL_BACKEND_EFA,
    OTHER_KV_CONNECTORS,
)
from disagg.catalog.resources import EFA, ROLE_DECODE, ROLE_PREFILL
from disagg.checks.manifests.objects import Container, Json, Manifests, Workload, walk
from disagg.checks.rule import Finding, rule

_KV_ROLES = {ROLE_PREFILL: "kv_producer", ROLE_DECODE: "kv_consumer"}


def _transfers(manifests: Manifests) -> Iterator[tuple[Workload, Container, Json]]:
    for role in _KV_ROLES:
        for workload, server in manifests.role(role):
            yield workload, server, server.kv_transfer or {}


@rule("DISAGG-KVT-001")
def kv_transfer_is_configured(manifests: Manifests) -> Iterator[Finding]:
    """Prefill produces KV and decode consumes it, each by a `--kv-transfer-config` that is JSON.

    `kv_both` is deprecated, and without the flag a server answers on its own: 200, and nothing is
    disaggregated.
    """
    for workload, server, config in _transfers(manifests):
        wanted = _KV_ROLES[str(workload.role)]
        if config.get("kv_role") != wanted:
            yield Finding(
                at=(*server.at, "args"),
                got=f"kv_role {config.get('kv_role')}",
                need=wanted,
                fix="write --kv-transfer-config with the role's kv_role",
            )


@rule("DISAGG-KVT-002")
def kv_transfer_keys_are_known(manifests: Manifests) -> Iterator[Finding]:
    """Every key of `--kv-transfer-config` is one vLLM or the connector reads.

    An unknown top-level key is a start-up error; an unknown key in `kv_connector_extra_config` is
    ignored without a word. Keys that newer engines removed are refused too.
    """
    for _, server, config in _transfers(manifests):
        connector = KV_CONNECTORS.get(str(config.get("kv_connector")))
        extra = config.get("kv_connector_extra_config", {})
        unknown = set(config) - (KV_TRANSFER_KEYS - KV_TRANSFER_KEYS_REMOVED)
        if connector is not None:
            unknown |= {
                f"kv_connector_extra_config.{k}" for k in set(extra) - connector.extra_config_keys
            }
        for key in sorted(unknown):
            yield Finding(
                at=(*server.at, "args"),
                got=f"key {key}",
                need="a key of the pinned vLLM",
                fix="remove it, or move it to where it is read",
            )


@rule("DISAGG-KVT-003")
def kv_connector_may_run_here(manifests: Manifests) -> Iterator[Finding]:
    """The connector is one vLLM registers, and not one that hangs over EFA.

    NixlPushConnector writes, and small writes over two or more EFA rails never complete
    (ai-dynamo/nixl#1862).
    """
    for workload, server, config in _transfers(manifests):
        name = str(config.get("kv_connector"))
        row = KV_CONNECTORS.get(name)
        refused = row.refused_on_efa if row and workload.requests.get(EFA) else None
        if refused or (row is None and name not in OTHER_KV_CONNECTORS):
            yield Finding(
                at=(*server.at, "args"),
                got=f"{name}: {refused or 'unknown'}",
                need="a connector that works over EFA",
                fix="use NixlConnector",
            )


@rule("DISAGG-KVT-004")
def nixl_uses_libfabric_on_efa(manifests: Manifests) -> Iterator[Finding]:
    """A pod with EFA devices names LIBFABRIC, and only it, as NIXL's backend.

    The default is UCX, which on EFA runs at TCP speed without an error: a first token after 98 s
    instead of 1 s (Dynamo docs, efa.md).
    """
    for workload, server, config in _transfers(manifests):
        backends = config.get("kv_connector_extra_config", {}).get("backends")
        if workload.requests.get(EFA) and backends != [NIXL_BACKEND_EFA]:
            yield Finding(
                at=(*server.at, "args"),
                got=f"backends {backends}",
                need=f'["{NIXL_BACKEND_EFA}"]',
                fix="set kv_connector_extra_config.backends",
            )


@rule("DISAGG-KVT-005")
def a_lost_transfer_is_decided_on(manifests: Manifests) -> Iterator[Finding]:
    """`kv_load_failure_policy` is written, at the top level, on both roles.

    Its default changed between versions, and inside `kv_connector_extra_config`, where AWS's own
    test puts it, it does nothing.
    """
    for _, server, config in _transfers(manifests):
        if config.get("kv_load_failure_policy") not in KV_LOAD_FAILURE_POLICIES:
            yield Finding(
                at=(*server.at, "args"),
                got=f"kv_load_failure_policy {config.get('kv_load_failure_policy')}",
                need=f"one of {', '.join(sorted(KV_LOAD_FAILURE_POLICIES))} at the top level",
                fix="write the policy beside kv_connector",
            )


@rule("DISAGG-KVT-006")
def kv_lease_is_equal(manifests: Manifests) -> Iterator[Finding]:
    """Prefill and decode name the same lease for a finished KV cache.

    Decode renews at a sixth of its own lease: a longer one on decode lets prefill free the cache
    first.
    """
    leases = {
        str(config.get("kv_connector_extra_config", {}).get("kv_lease_duration"))
        for _, _, config in _transfers(manifests)
    }
    if len(leases) > 1:
        yield Finding(
            at=("serving", "kv_transfer", "lease_seconds"),
            got=" and ".join(sorted(leases)),
            need="one lease",
            fix="render both roles from serving.kv_transfer.lease_seconds",
        )


@rule("DISAGG-KVT-007")
def kv_events_name_the_servers_port(manifests: Manifests) -> Iterator[Finding]:
    """KV events, where switched on, name the port the router sends requests to.

    The router finds the pod an event came from by the address and port in its topic: on decode that
    is the sidecar's port, not vLLM's.
    """
    targets = {
        port
        for _, picker in manifests.pickers
        for port in (picker.flags.get("--endpoint-target-ports") or "").split(",")
    }
    for _, server in manifests.servers:
        if "--kv-events-config" not in server.flags:
            continue
        config = server.mapping("--kv-events-config") or {}
        named = server.variables.get("POD_PORT", {}).get("value", "")
        topic = config.get("topic", "").replace("$(POD_PORT)", named)
        port = topic.partition("@")[2].partition("@")[0].rpartition(":")[2]
        if not config.get("enable_kv_cache_events") or port not in targets:
            yield Finding(
                at=(*server.at, "args"),
                got=f"topic {topic!r}",
                need=f"kv@<pod address>:<{' or '.join(sorted(targets))}>@<model>",
                fix="name the router's target port in the topic",
            )


_GIB = Decimal(1024**3)


def _amount(text: object) -> Decimal | None:
    try:
        given = Decimal(str(text))
    except InvalidOperation:
        return None
    return given if given.is_finite() else None


def _offloaded(server: Container) -> Iterator[tuple[str, Decimal | None]]:
    """Yield what keeps KV cache in a server's memory: its name and [B]; None for no number.

    A connector may stand inside another (MultiConnector), at any depth.
    """
    flag = "--kv-offloading-size"
    if flag in server.flags:
        size = _amount(server.flags[flag])
        yield flag, None if size is None else size * _GIB
    ranks = server.number("--tensor-parallel-size", 1) or 1
    shares = {"cpu_bytes_to_use": 1, "cpu_bytes_to_use_per_rank": ranks}
    for at, value in walk(server.kv_transfer or {}):
        name = str(at[-1])
        if name in shares and value != name:
            size = _amount(value)
            yield name, None if size is None else size * shares[name]


@rule("DISAGG-KVT-008")
def offloaded_cache_fits_the_memory(manifests: Manifests) -> Iterator[Finding]:
    """KV cache kept in a server's memory and its memory volumes are below its memory limit.

    vLLM takes the memory at start, pinned, and it counts against the container as /dev/shm does:
    above the limit the kernel kills the server. Source: llm-d guides/tiered-prefix-cache;
    --kv-offloading-size is in GiB for all ranks together, `cpu_bytes_to_use` in bytes.
    """
    for workload, server in manifests.servers:
        given = list(_offloaded(server))
        shared = sum((size for size in workload.memory_volumes(server) if size), Decimal(0))
        kept = sum((size for _, size in given if size is not None), Decimal(0))
        limit = server.limits.get("memory", Decimal(0))
        bad = [name for name, size in given if size is None]
        if given and (bad or kept + shared >= limit):
            yield Finding(
                at=(*server.at, "args"),
                got=f"{', '.join(bad)} without a number"
                if bad
                else f"{kept / _GIB:.1f} GiB of KV cache, {shared / _GIB:.1f} GiB of volumes",
                need=f"less than the memory limit of {limit / _GIB:.1f} GiB",
                fix="raise memory_gib of the pool, or offload less",
            )
