"""The proxy in front of the endpoint picker: asks it where each request goes."""

from disagg.catalog.gateways import LONGEST_SECONDS, ROUTING_HEADERS
from disagg_k8s import names
from disagg_k8s.manifest import Json

IDLE_SECONDS = 600
"""A request may be silent this long [s]: an answer not streamed sends nothing until its end. So
may a connection between requests. The load balancer waits longer for both: Envoy closes first."""
MAX_BODY_BYTES = 10 * 1024 * 1024
KEEP_ALIVE_SECONDS = 120
"""How long a connection is silent before the kernel asks whether the client is there [s]."""
_CONNECTIONS = 40_000

_HTTP = "type.googleapis.com/envoy.extensions.filters.http."
MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network"
    ".http_connection_manager.v3.HttpConnectionManager"
)
_EARLY = (
    "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3"
    ".HeaderMutation"
)
_HTTP_OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ACCESS_LOG = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"


def envoy_config(*, behind_tls: bool = False) -> Json:
    """Return the bootstrap configuration of Envoy.

    Args:
        behind_tls: Whether the load balancer ends TLS in front of it.
    """
    return {
        "admin": {"address": _address("127.0.0.1", names.ADMIN_PORT)},
        "static_resources": {
            "listeners": [_inference_listener(behind_tls=behind_tls), _ready_listener()],
            "clusters": [_picker_cluster(), _destination_cluster(), _admin_cluster()],
        },
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _filter(name: str, type_: str, config: Json) -> Json:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_HTTP}{name}.v3.{type_}", **config},
    }


def _listener(name: str, port: int, manager: Json) -> Json:
    typed = {"@type": MANAGER, "stat_prefix": name, **manager}
    connection_manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": typed,
    }
    return {
        "name": name,
        "address": _address("0.0.0.0", port),  # noqa: S104  Why: the pod's address is not known here.
        "filter_chains": [{"filters": [connection_manager]}],
    }


def _routes(name: str, routes: list[Json]) -> Json:
    host = {"name": name, "domains": ["*"], "routes": routes}
    return {"name": name, "virtual_hosts": [host]}


def edge() -> Json:
    """Return how an HTTP connection manager treats clients, wherever its routes come from.

    Why the headers go early: on the route they would go after the picker wrote its own, and
    requests would be served without disaggregation and without an error. Left in, a client could
    aim a decode sidecar at any address.
    """
    strip = {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": _EARLY,
            "mutations": [{"remove": header} for header in ROUTING_HEADERS],
        },
    }
    return {
        "early_header_mutation_extensions": [strip],
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "REJECT_REQUEST",
            "idle_timeout": f"{IDLE_SECONDS}s",
        },
        "request_headers_timeout": "5s",
        "request_timeout": "60s",
        "stream_idle_timeout": f"{IDLE_SECONDS}s",
    }


def first_filters() -> list[Json]:
    """Return the HTTP filters that come before the picker is asked."""
    hidden = {"response_mutations": [{"remove": "x-went-into-resp-headers"}]}
    return [
        # Why first: the picker adds this header to every answer, local ones too.
        _filter("header_mutation", "HeaderMutation", {"mutations": hidden}),
        _filter("buffer", "Buffer", {"max_request_bytes": MAX_BODY_BYTES}),
    ]


def listener_limits(*, behind_tls: bool) -> Json:
    """Return what a listener for clients has beside its filters.

    Why the socket options behind TLS at the load balancer: it cuts connections that are silent for
    350 s, and that cannot be changed. They are Linux's SO_KEEPALIVE, TCP_KEEPIDLE and
    TCP_KEEPINTVL.
    """
    options = (
        ("keep connections alive", 1, 9, 1),
        ("silence before the first probe", 6, 4, KEEP_ALIVE_SECONDS),
        ("between probes", 6, 5, KEEP_ALIVE_SECONDS // 2),
    )
    alive = [
        {"description": text, "level": level, "name": name, "int_value": value}
        for text, level, name, value in options
    ]
    return {
        "per_connection_buffer_limit_bytes": MAX_BODY_BYTES,
        **({"socket_options": alive} if behind_tls else {}),
    }


def _inference_listener(*, behind_tls: bool) -> Json:
    """Return the listener for clients."""
    manager = {
        **edge(),
        "access_log": [_access_log()],
        "route_config": _routes("inference", _inference_routes()),
        "http_filters": [
            *first_filters(),
            _ext_proc(),
            _filter("router", "Router", {"suppress_envoy_headers": True}),
        ],
    }
    return {
        **_listener("inference", names.PROXY_PORT, manager),
        **listener_limits(behind_tls=behind_tls),
    }


def _inference_routes() -> list[Json]:
    """Return the routes: the API under /v1/, and 404 for all else without asking the picker.

    Why: engines answer /metrics and their administration on the same port.
    """
    served = {
        "match": {"prefix": "/v1/"},
        "route": {
            "cluster": "destination",
            "timeout": f"{LONGEST_SECONDS}s",
            "idle_timeout": f"{IDLE_SECONDS}s",
        },
    }
    no_picker = {"@type": f"{_HTTP}ext_proc.v3.ExtProcPerRoute", "disabled": True}
    refused = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": {"envoy.filters.http.ext_proc": no_picker},
    }
    return [served, refused]


def _ext_proc() -> Json:
    """Return the call to the picker.

    Why it never fails open: with the picker away, a request would go wherever its headers say.
    """
    return _filter(
        "ext_proc",
        "ExternalProcessor",
        {
            "failure_mode_allow": False,
            "grpc_service": {"envoy_grpc": {"cluster_name": "picker", "authority": "localhost"}},
            "processing_mode": {
                "request_header_mode": "SEND",
                "response_header_mode": "SEND",
                "request_body_mode": "FULL_DUPLEX_STREAMED",
                "response_body_mode": "FULL_DUPLEX_STREAMED",
                "request_trailer_mode": "SEND",
                "response_trailer_mode": "SEND",
            },
            "message_timeout": f"{IDLE_SECONDS}s",
        },
    )


def _access_log() -> Json:
    """Return one JSON line for each request; bodies and credentials are in none of the fields."""
    fields = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
        "code": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "duration_ms": "%DURATION%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "upstream": "%UPSTREAM_HOST%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {"@type": _ACCESS_LOG, "log_format": {"json_format": fields}},
    }


def _ready_listener() -> Json:
    """Return the listener that says whether Envoy lives, and whether both can serve."""
    ready = _filter(
        "health_check",
        "HealthCheck",
        {
            "pass_through_mode": False,
            "headers": [{"name": ":path", "string_match": {"exact": "/ready"}}],
            "cluster_min_healthy_percentages": {"picker": {"value": 100}},
        },
    )
    routes: list[Json] = [
        {"match": {"path": "/live"}, "direct_response": {"status": 200}},
        {"match": {"path": "/stats/prometheus"}, "route": {"cluster": "admin"}},
    ]
    manager = {
        "route_config": _routes("ready", routes),
        "http_filters": [ready, _filter("router", "Router", {})],
    }
    return _listener("ready", names.READY_PORT, manager)


def _limits() -> Json:
    threshold = {
        "max_connections": _CONNECTIONS,
        "max_pending_requests": _CONNECTIONS,
        "max_requests": _CONNECTIONS,
    }
    return {"thresholds": [threshold]}


def _picker_cluster() -> Json:
    """Return the way to the picker: plain HTTP/2 inside the pod.

    Why no TLS: the traffic stays on the loopback address, and the picker's own certificate is
    self-signed, so encrypting would prove nothing and cost a handshake at every reconnect.
    """
    check = {
        "timeout": "1s",
        "interval": "5s",
        "no_traffic_interval": "5s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "grpc_health_check": {"service_name": "inference-extension"},
    }
    endpoint = {
        "address": _address("127.0.0.1", names.PICKER_PORT),
        "health_check_config": {"port_value": names.PICKER_HEALTH_PORT},
    }
    return {
        "name": "picker",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": _limits(),
        "health_checks": [check],
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP_OPTIONS,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "picker",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }


def _destination_cluster() -> Json:
    """Return the way to whatever pod the picker named in the request's header."""
    return {
        "name": "destination",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "5s",
        "circuit_breakers": _limits(),
        "original_dst_lb_config": {
            "use_http_header": True,
            "http_header_name": "x-gateway-destination-endpoint",
        },
    }


def _admin_cluster() -> Json:
    endpoint = {"address": _address("127.0.0.1", names.ADMIN_PORT)}
    return {
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "admin",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
