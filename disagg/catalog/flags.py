"""Command line flags each program knows, by version; rendered arguments are checked against it."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source
from disagg.catalog.vllm_flags import (
    BOOLEAN_FLAGS,
    SHORT_FLAGS,
    SWITCH_FLAGS,
    VALUE_FLAGS,
    VLLM_0_26_SOURCE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FlagTable:
    """Every flag of one program at one version."""

    program: str
    version: str
    flags: frozenset[str]
    """Long flags with the leading `--`, `--no-` forms included."""
    takes_value: frozenset[str]
    """The flags among them that need a value."""
    short_flags: frozenset[str] = frozenset()
    switch_takes_equals: bool
    """Whether a flag without a value may be written `--flag=false` (Go) or never (argparse)."""
    deprecated: frozenset[str] = frozenset()
    """Accepted, and said to go away."""
    refused: frozenset[str] = frozenset()
    """Known to the parser, but the program stops when one is set."""
    source: Source


VLLM = "vllm"
ENDPOINT_PICKER = "epp"
SIDECAR = "pd-sidecar"


def _long(names: str) -> frozenset[str]:
    return frozenset(f"--{name}" for name in names.split())


_ROUTER_SOURCE = Source(
    kind=Kind.DERIVED,
    reference=(
        "llm-d/llm-d-router pkg/epp/server/options.go, pkg/sidecar/proxy/options.go,"
        " pkg/common/observability/logging/options.go: flag names equal at v0.10.0-rc.1"
        " (2026-08-11) and at ebab687 (2026-08-22), which enclose v0.10.0 (2026-08-17); zap flags:"
        " sigs.k8s.io/controller-runtime v0.23.3 pkg/log/zap"
    ),
    date="2026-08-22",
)

_ZAP_VALUES = _long("zap-encoder zap-log-level zap-stacktrace-level zap-time-encoding")
_ZAP_SWITCHES = _long("zap-devel")

_EPP_METRIC_FLAGS = _long(
    "total-queued-requests-metric total-running-requests-metric kv-cache-usage-percentage-metric"
    " lora-info-metric cache-info-metric"
)
_EPP_VALUES = (
    _EPP_METRIC_FLAGS
    | _ZAP_VALUES
    | _long(
        "cert-path config-file config-text drain-timeout endpoint-selector endpoint-target-ports"
        " grpc-health-port grpc-max-recv-msg-size grpc-max-send-msg-size grpc-port metrics-cert-dir"
        " metrics-client-ca-file metrics-port metrics-staleness-threshold pool-group pool-name"
        " pool-namespace refresh-metrics-interval refresh-prometheus-metrics-interval"
        " tls-cipher-suites tls-min-version v"
    )
)
_EPP_SWITCHES = _ZAP_SWITCHES | _long(
    "allow-experimental-plugins disable-endpoint-subset-filter emit-endpoint-scores"
    " enable-cert-reload enable-grpc-stream-metrics enable-pprof ha-enable-leader-election"
    " health-checking metrics-endpoint-auth secure-serving tracing"
)

_SIDECAR_VALUES = _ZAP_VALUES | _long(
    "cert-path configuration configuration-file data-parallel-size decode-chunk-size ec-connector"
    " enable-tls inference-pool kv-connector max-idle-conns-per-host metrics-port"
    " model-server-port mooncake-bootstrap-port moriio-decode-handshake-port moriio-decode-hosts"
    " moriio-decode-notify-port moriio-dp-size moriio-dp-size-local moriio-local-pod-ip"
    " moriio-parallel-decode-wait-timeout moriio-prefill-handshake-port"
    " moriio-prefill-notify-port moriio-remote-hosts moriio-tp-size p2p-connector-port pool-group"
    " port prefill-max-retries prefill-retry-backoff tls-insecure-skip-verify vllm-port"
)
_SIDECAR_SWITCHES = _ZAP_SWITCHES | _long(
    "enable-p2p-pull enable-prefiller-sampling enable-ssrf-protection moriio-parallel-dispatch"
    " moriio-write-mode secure-proxy tracing"
)

_TABLES = (
    FlagTable(
        program=VLLM,
        version="0.26.0",
        flags=frozenset(
            f"--{name}"
            for name in (
                *VALUE_FLAGS,
                *BOOLEAN_FLAGS,
                *(f"no-{name}" for name in BOOLEAN_FLAGS),
                *SWITCH_FLAGS,
            )
        ),
        takes_value=frozenset(f"--{name}" for name in VALUE_FLAGS),
        short_flags=frozenset(SHORT_FLAGS),
        switch_takes_equals=False,
        source=VLLM_0_26_SOURCE,
    ),
    FlagTable(
        program=ENDPOINT_PICKER,
        version="0.10.0",
        flags=_EPP_VALUES | _EPP_SWITCHES,
        takes_value=_EPP_VALUES,
        short_flags=frozenset({"-v"}),
        switch_takes_equals=True,
        deprecated=_EPP_METRIC_FLAGS,
        refused=_EPP_METRIC_FLAGS,
        source=_ROUTER_SOURCE,
    ),
    FlagTable(
        program=SIDECAR,
        version="0.10.0",
        flags=_SIDECAR_VALUES | _SIDECAR_SWITCHES,
        takes_value=_SIDECAR_VALUES,
        switch_takes_equals=True,
        deprecated=_long("vllm-port"),
        source=_ROUTER_SOURCE,
    ),
)

FLAG_TABLES: dict[tuple[str, str], FlagTable] = {
    (table.program, table.version): table for table in _TABLES
}
"""Flag tables by (program, version)."""


def flag_table(program: str, version: str) -> FlagTable:
    """Return the flags `program` knows at `version`.

    Raises:
        KeyError: Nothing is known about that program at that version.

    Example:
        >>> "--model-server-port" in flag_table("pd-sidecar", "0.10.0").flags
        True
    """
    return FLAG_TABLES[program, version]
