"""Rules about the proxy in front of the picker and the load balancer in front of both."""

from collections.abc import Iterator
from math import inf

from disagg.catalog.gateways import GATEWAYS, ROUTING_HEADERS
from disagg.checks.manifests.objects import (
    ENVOY,
    At,
    Json,
    Manifests,
    title,
    walk,
)
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.quantities import quantity

_ROUTING_HEADERS = frozenset(ROUTING_HEADERS)
_DESTINATION = "x-gateway-destination-endpoint"
_LONGEST_CONNECT_SECONDS = 10


def _managers(config: Json) -> Iterator[tuple[At, Json]]:
    """Yield every HTTP connection manager of an Envoy bootstrap."""
    for index, listener in enumerate(config["static_resources"].get("listeners", [])):
        for chain in listener.get("filter_chains", []):
            for one in chain.get("filters", []):
                typed = one.get("typed_config", {})
                if str(typed.get("@type", "")).endswith("HttpConnectionManager"):
                    yield ("listeners", index), typed


def _asking(manifests: Manifests) -> Iterator[tuple[At, Json, Json, Json]]:
    """Yield what asks the picker: where, configuration, connection manager, ext_proc."""
    for at, config in manifests.envoy_configs():
        for where, manager in _managers(config):
            for one in manager.get("http_filters", []):
                if one.get("name") == "envoy.filters.http.ext_proc":
                    yield (*at, *where), config, manager, one["typed_config"]


def _clusters(config: Json) -> dict[str, Json]:
    return {c["name"]: c for c in config["static_resources"].get("clusters", [])}


def _seconds(text: object) -> float:
    return float(str(text).removesuffix("s"))


@rule("DISAGG-PRX-001")
def one_listener_asks_the_picker(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """One listener of the proxy asks the picker, and the proxy runs in the picker's pod.

    Every other rule about the proxy says nothing when there is none. Behind a Gateway there is no
    such proxy.
    """
    wanted = 0 if GATEWAYS[environment.serving.gateway.kind].class_name else 1
    found = list(_asking(manifests))
    together = [w.name for w, _ in manifests.pickers if w.running(ENVOY)]
    if len(found) != wanted or len(together) != wanted:
        yield Finding(
            at=("ConfigMap",),
            got=f"{len(found)} listeners with ext_proc, {len(together)} pods with both",
            need="one of each" if wanted else "none behind a Gateway",
            fix="render the router with its proxy" if wanted else "render the picker alone",
        )


@rule("DISAGG-PRX-002")
def routing_headers_are_removed_early(manifests: Manifests) -> Iterator[Finding]:
    """The proxy removes the five routing headers from clients' requests before anything reads them.

    A client that sends `x-prefiller-host-port` makes a decode sidecar post the prompt to that
    address and gets its answer: reproduced against the real sidecar.
    """
    for at, _, manager, _ in _asking(manifests):
        removed = {
            mutation.get("remove")
            for extension in manager.get("early_header_mutation_extensions", [])
            for mutation in extension.get("typed_config", {}).get("mutations", [])
        }
        missing = sorted(_ROUTING_HEADERS - removed)
        if missing:
            yield Finding(
                at=at,
                got=f"{', '.join(missing)} passed on",
                need="all five removed by an early header mutation",
                fix="add them to early_header_mutation_extensions",
            )


@rule("DISAGG-PRX-003")
def routing_headers_are_not_removed_on_the_route(manifests: Manifests) -> Iterator[Finding]:
    """No route, host or filter removes a routing header after the picker wrote it.

    It looks like the same protection and switches disaggregation off: requests stay 200, and no KV
    cache moves. Reproduced with the real chain.
    """
    for at, _, manager, _ in _asking(manifests):
        late = {
            key: value
            for key, value in manager.items()
            if key != "early_header_mutation_extensions"
        }
        for where, value in walk(late):
            removes = any(str(part) in {"request_headers_to_remove", "remove"} for part in where)
            if removes and value in _ROUTING_HEADERS:
                yield Finding(
                    at=(*at, *where),
                    got=f"{value} removed late",
                    need="routing headers removed early only",
                    fix="move it to early_header_mutation_extensions",
                )


@rule("DISAGG-PRX-004")
def the_proxy_fails_closed(manifests: Manifests) -> Iterator[Finding]:
    """A request is refused while the picker is away: `failure_mode_allow` is false.

    Failing open makes the proxy an open relay to any address a client names, and does not even
    serve POSTs. Reproduced with Envoy 1.40.
    """
    for at, _, _, ext_proc in _asking(manifests):
        if ext_proc.get("failure_mode_allow") is not False:
            yield Finding(
                at=at,
                got=f"failure_mode_allow {ext_proc.get('failure_mode_allow')}",
                need="false",
                fix="set it to false",
            )


@rule("DISAGG-PRX-005")
def only_the_api_is_served(manifests: Manifests) -> Iterator[Finding]:
    """Only paths under /v1/ reach a model server; every other path is answered 404 by the proxy.

    Engines answer /metrics and administration on the same port, and the picker sends any path on.
    """
    for at, _, manager, _ in _asking(manifests):
        routes = [
            route
            for host in manager["route_config"]["virtual_hosts"]
            for route in host.get("routes", [])
        ]
        for index, route in enumerate(routes):
            match = route.get("match", {})
            path = str(match.get("prefix", match.get("path", "")))
            refused = route.get("direct_response", {}).get("status") == 404  # noqa: PLR2004
            if not refused and not path.startswith("/v1/"):
                yield Finding(
                    at=(*at, "routes", index),
                    got=f"{match} is served",
                    need="paths under /v1/",
                    fix="answer it 404",
                )


@rule("DISAGG-PRX-006")
def destinations_come_from_the_picker(manifests: Manifests) -> Iterator[Finding]:
    """Requests go to the address in the picker's header, over a cluster that gives up soon.

    Upstream waits 1,000 s and a day for a connection: a lost node then holds requests for ever.
    """
    for at, config, manager, ext_proc in _asking(manifests):
        clusters = _clusters(config)
        served = {
            route["route"]["cluster"]
            for host in manager["route_config"]["virtual_hosts"]
            for route in host.get("routes", [])
            if "route" in route
        }
        picker = ext_proc["grpc_service"]["envoy_grpc"]["cluster_name"]
        for name in sorted(served | {picker}):
            cluster = clusters.get(name, {})
            header = cluster.get("original_dst_lb_config", {}).get("http_header_name")
            aimed = name == picker or (cluster.get("type"), header) == (
                "ORIGINAL_DST",
                _DESTINATION,
            )
            if (
                not aimed
                or _seconds(cluster.get("connect_timeout", "5s")) > _LONGEST_CONNECT_SECONDS
            ):
                yield Finding(
                    at=(*at, "clusters", name),
                    got=f"{cluster.get('type')} by {header}, {cluster.get('connect_timeout')}",
                    need=f"ORIGINAL_DST by {_DESTINATION}, within {_LONGEST_CONNECT_SECONDS}s",
                    fix="correct the cluster",
                )


@rule("DISAGG-PRX-007")
def the_proxy_finds_the_picker(manifests: Manifests) -> Iterator[Finding]:
    """The proxy calls the picker on the loopback address, with TLS only if it serves TLS.

    A plaintext call to a picker that serves TLS (its default) is answered 500 with an empty body.
    """
    for at, config, _, ext_proc in _asking(manifests):
        cluster = _clusters(config).get(ext_proc["grpc_service"]["envoy_grpc"]["cluster_name"], {})
        called = [
            endpoint["endpoint"]["address"]["socket_address"]
            for group in cluster.get("load_assignment", {}).get("endpoints", [])
            for endpoint in group["lb_endpoints"]
        ]
        for _, picker in manifests.pickers:
            port = picker.number("--grpc-port", 9002)
            secure = picker.flags.get("--secure-serving", "true") in {None, "true"}
            wanted = [{"address": "127.0.0.1", "port_value": port}]
            if called != wanted or ("transport_socket" in cluster) != secure:
                yield Finding(
                    at=(*at, "clusters"),
                    got=f"{called}, TLS: {'transport_socket' in cluster}",
                    need=f"{wanted}, TLS: {secure}",
                    fix="set the cluster's address and the picker's --secure-serving alike",
                )


@rule("DISAGG-PRX-008")
def the_load_balancer_is_internal(manifests: Manifests) -> Iterator[Finding]:
    """There is one load balancer; it is internal, sends to pods and serves named addresses.

    The API behind it has no authentication of its own.
    """
    found = list(manifests.load_balancers())
    if len(found) != 1:
        yield Finding(
            at=("Service",), got=f"{len(found)} load balancers", need="one", fix="render the router"
        )
    for one, given, _ in found:
        internal = (
            one["spec"].get("loadBalancerClass") == "service.k8s.aws/nlb"
            and given.get("scheme") == "internal"
            and given.get("nlb-target-type") == "ip"
            and one["spec"].get("loadBalancerSourceRanges")
            and "0.0.0.0/0" not in one["spec"]["loadBalancerSourceRanges"]
        )
        if not internal:
            yield Finding(
                at=(title(one), "metadata", "annotations"),
                got=f"{given}, from {one['spec'].get('loadBalancerSourceRanges')}",
                need="class service.k8s.aws/nlb, scheme internal, target type ip, source ranges",
                fix="annotate the Service",
            )


@rule("DISAGG-PRX-009")
def the_load_balancer_checks_the_proxy(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """The load balancer's health check asks the port and path that the proxy is ready by.

    A check of the serving port counts an open socket as healthy, with the picker dead behind it.
    """
    row = GATEWAYS[environment.serving.gateway.kind]
    made = [(str(row.ready_port), row.ready_path)] if row.class_name else []
    for one, given, behind in manifests.load_balancers():
        asked = (given.get("healthcheck-port"), given.get("healthcheck-path"))
        ready = made or [
            (str(c.resolve(probe["port"])), probe["path"])
            for w in behind
            for c in w.running(ENVOY)
            for probe in [c.data.get("readinessProbe", {}).get("httpGet")]
            if probe
        ]
        if [asked] != ready or given.get("healthcheck-protocol") != "http":
            yield Finding(
                at=(title(one), "metadata", "annotations"),
                got=f"{asked} by {given.get('healthcheck-protocol')}",
                need=f"{ready} by http",
                fix="check what the readiness probe asks",
            )


def _silences(manager: Json) -> Iterator[float]:
    """Yield how long a request, and a connection between requests, may be silent [s]; 0 is ever."""
    options = manager.get("common_http_protocol_options", {})
    for text in (
        manager.get("stream_idle_timeout", "300s"),
        options.get("idle_timeout", "3600s"),
    ):
        yield _seconds(text) or inf


@rule("DISAGG-PRX-010")
def the_load_balancer_waits_longer_than_the_proxy(manifests: Manifests) -> Iterator[Finding]:
    """The load balancer keeps silent connections longer than the proxy does, in a request or not.

    It drops them after 350 s by default, without a word to either side; an answer that is not
    streamed is silent until its end. The proxy keeps a connection between requests for an hour by
    default: a client's next request on one the load balancer forgot is reset. Of a TLS listener it
    cannot be changed: DISAGG-GTW-025 asks for keep-alive there.
    """
    idle = max((s for _, _, m, _ in _asking(manifests) for s in _silences(m)), default=0)
    for one, given, _ in manifests.load_balancers():
        for port in one["spec"]["ports"] if "ssl-cert" not in given else ():
            text = given.get(f"listener-attributes.TCP-{port['port']}", "")
            attributes = dict(part.partition("=")[::2] for part in text.split(","))
            waits = quantity(attributes.get("tcp.idle_timeout.seconds", 350))
            if idle and waits <= idle:
                yield Finding(
                    at=(title(one), "metadata", "annotations"),
                    got=f"{waits} s beside {idle} s",
                    need="longer than the proxy's stream_idle_timeout and idle_timeout",
                    fix="set tcp.idle_timeout.seconds of the listener, or lower the proxy's",
                )


@rule("DISAGG-PRX-011")
def the_router_passes_restricted(manifests: Manifests) -> Iterator[Finding]:
    """Every container of the router's pod is not root, on a read-only file system.

    Its namespace enforces Pod Security `restricted`; a pod that breaks it is not created, and the
    Deployment shows nothing but a warning.
    """
    for workload, _ in manifests.pickers:
        for container in workload.containers:
            context = container.data.get("securityContext", {})
            user = context.get("runAsUser", 0)
            if not (context.get("runAsNonRoot") and user and context.get("readOnlyRootFilesystem")):
                yield Finding(
                    at=(*container.at, "securityContext"),
                    got=str(context),
                    need="runAsNonRoot, a user, readOnlyRootFilesystem",
                    fix="use the hardened security context",
                )
