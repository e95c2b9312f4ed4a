"""Rules about what a Gateway does with requests: nobody gets past the picker, no answer is cut."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from disagg.catalog.gateways import LONGEST_SECONDS, ROUTING_HEADERS
from disagg.checks.manifests.connection_rules import allowed, covers, peers
from disagg.checks.manifests.gateway_objects import (
    data_plane,
    first_probes,
    gateways,
    listens_on,
    picker_service,
    pools,
    removed_early,
    routes,
    row_of,
    rules_in,
    seconds,
    serves_tls,
)
from disagg.checks.manifests.objects import Json, Manifests, title, walk
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_REMOVES = frozenset({"request_headers_to_remove", "remove"})
_WRITES = frozenset({"request_headers_to_add", "append", "set", "add"})
_CUT_SECONDS = 350
"""Silence after which a TLS listener cuts a connection [s]. Source: Network Load Balancer guide,
"Update the TCP idle timeout", 2026-11: it can't be modified."""


@rule("DISAGG-GTW-016")
def routing_headers_are_removed_before_the_picker_is_asked(
    manifests: Manifests,
) -> Iterator[Finding]:
    """The gateway removes the five routing headers of clients before it asks the picker.

    Left in, `x-prefiller-host-port` makes a decode sidecar post the prompt to any address and give
    its answer back: reproduced against the real sidecar.
    """
    for one in gateways(manifests):
        missing = sorted(set(ROUTING_HEADERS) - removed_early(manifests, one))
        if missing:
            yield Finding(
                at=(title(one),),
                got=f"{', '.join(missing)} passed on",
                need="all five removed early, by a policy whose target is this Gateway",
                fix="Istio: early_header_mutation_extensions in an EnvoyFilter; agentgateway: a"
                " transformation of the phase PreRouting",
            )


@rule("DISAGG-GTW-017")
def routing_headers_are_the_pickers(manifests: Manifests) -> Iterator[Finding]:
    """No route and no policy writes a routing header, and none removes one later.

    It would undo what the picker wrote: requests stay 200, and nothing is disaggregated. Or it
    would let whoever writes a route aim a sidecar.
    """
    for one in (*routes(manifests), *manifests.kind("EnvoyFilter", "AgentgatewayPolicy")):
        before = one["spec"].get("traffic", {}).get("phase") == "PreRouting"
        for where, value in walk(one["spec"]):
            early = before or "early_header_mutation_extensions" in where
            touching = _WRITES if early else _WRITES | _REMOVES
            if touching & set(map(str, where)) and str(value).lower() in ROUTING_HEADERS:
                yield Finding(
                    at=(title(one), *where),
                    got=f"{value} written by somebody else, or removed after the picker wrote it",
                    need="routing headers removed early, and written by the picker only",
                    fix="leave it to the early policy",
                )


@rule("DISAGG-GTW-018")
def only_the_api_is_routed(manifests: Manifests) -> Iterator[Finding]:
    """Routes match paths under /v1/ and nothing else.

    Engines answer /metrics and administration on the same port. A rule without a match takes every
    path.
    """
    for route in routes(manifests):
        for at, one in rules_in(route):
            paths = [match.get("path", {}) for match in one.get("matches") or [{}]]
            kinds = {"PathPrefix", "Exact"}
            if any(
                path.get("type") not in kinds or not str(path.get("value")).startswith("/v1/")
                for path in paths
            ):
                yield Finding(
                    at=(*at, "matches"), got=f"{paths}", need="paths under /v1/", fix="narrow it"
                )


@rule("DISAGG-GTW-019")
def a_long_answer_is_not_cut(manifests: Manifests) -> Iterator[Finding]:
    """Every rule of a route allows a request as long as the standalone proxy does, or for ever.

    Without one the implementation's own default holds: 15 s in some, and a stream is cut in the
    middle.
    """
    for route in routes(manifests):
        for at, one in rules_in(route):
            given = one.get("timeouts", {})
            kept = [given.get("request"), *filter(None, [given.get("backendRequest")])]
            if any(text is None or seconds(text) < LONGEST_SECONDS for text in kept):
                yield Finding(
                    at=(*at, "timeouts"),
                    got=f"{given or 'none'}",
                    need=f"request: {LONGEST_SECONDS}s or more",
                    fix="set it",
                )


@rule("DISAGG-GTW-020")
def the_picker_is_called_by_tls(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """The picker serves TLS, and Istio is told so.

    agentgateway always calls by TLS and takes any certificate; Istio calls in the clear unless a
    DestinationRule says otherwise. Where the two disagree every request is a 500 without a body.
    """
    row = row_of(environment)
    if not row.class_name:
        return
    for _, picker in manifests.pickers:
        if not serves_tls(picker):
            yield Finding(
                at=(*picker.at, "args"),
                got="--secure-serving=false",
                need="TLS, as the gateway calls",
                fix="serve TLS",
            )
    for pool in pools(manifests) if row.name == "istio" else ():
        service = picker_service(manifests, pool)
        hosts = _host(service) if service else ""
        modes = [
            one["spec"].get("trafficPolicy", {}).get("tls", {}).get("mode")
            for one in manifests.kind("DestinationRule")
            if one["spec"].get("host") == hosts
        ]
        if modes != ["SIMPLE"]:
            yield Finding(
                at=(title(pool), "spec", "endpointPickerRef"),
                got=f"DestinationRules for {hosts}: {modes or 'none'}",
                need="one with tls mode SIMPLE",
                fix="render it with the Gateway",
            )


def _host(service: Json) -> str:
    metadata = service["metadata"]
    return f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"


@rule("DISAGG-GTW-021")
def the_gateway_gets_through_and_nobody_past_it(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Its pods reach the pool and the picker; clients reach its pods; nobody else the picker.

    A picker that answers anybody tells where prompts are cached, and takes load off nobody.
    """
    row = row_of(environment)
    for one in gateways(manifests):
        pods = data_plane(one)
        pickers = [(w, c.number("--grpc-port", 9002) or 9002) for w, c in manifests.pickers]
        served = [c.number("--endpoint-target-ports", 8000) or 8000 for _, c in manifests.pickers]
        wanted = [(w, port) for w in manifests.workloads if w.role for port in served]
        for target, port in (*wanted, *pickers):
            if not allowed(manifests, pods, target, port):
                yield Finding(
                    at=(title(target.data),),
                    got=f"the gateway's pods may not reach port {port}",
                    need="the gateway on the serving port and on the picker's",
                    fix="allow it in a NetworkPolicy",
                )
        for target, port in pickers:
            others = [w.name for w in manifests.workloads if allowed(manifests, w, target, port)]
            open_to_all = any("ipBlock" in peer for peer, _ in peers(manifests, target, port))
            if others or open_to_all:
                yield Finding(
                    at=(title(target.data),),
                    got=f"{others or 'any address'} may reach port {port}",
                    need="the gateway's pods only",
                    fix="narrow the NetworkPolicy",
                )
        yield from _from_outside(manifests, environment, one, listens_on(one, row))


def _from_outside(
    manifests: Manifests, environment: Environment, gateway: Json, ports: list[int]
) -> Iterator[Finding]:
    pods = data_plane(gateway)
    for port in ports:
        given = [peer for peer, _ in peers(manifests, pods, port)]
        for vpc in map(IPv4Network, environment.network.cidrs):
            if not any(covers(peer, vpc) for peer in given):
                yield Finding(
                    at=(title(gateway),),
                    got=f"the load balancer may not reach port {port}",
                    need=f"listeners and readiness open to {vpc}",
                    fix="allow them in a NetworkPolicy",
                )


@rule("DISAGG-GTW-022")
def no_filter_takes_the_picker_away(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Behind Istio no route has a CORS filter.

    istiod forgets the call to the picker on such a route (istio 1.30.3, core/route/route.go: a new
    map of per-filter settings is made after the call was put into it): requests then go round
    robin to any pod, and stay 200.
    """
    for route in routes(manifests) if row_of(environment).name == "istio" else ():
        for at, one in rules_in(route):
            if any(each.get("type") == "CORS" for each in one.get("filters", [])):
                yield Finding(
                    at=(*at, "filters"),
                    got="a CORS filter",
                    need="none behind Istio",
                    fix="answer preflight requests in front of the gateway",
                )


@rule("DISAGG-GTW-025")
def connections_outlive_the_load_balancers_patience(manifests: Manifests) -> Iterator[Finding]:
    """Where the load balancer ends TLS, what is behind it keeps connections alive.

    Its TLS listener cuts a connection that is silent for 350 s, which cannot be changed, and an
    answer that is not streamed is silent until its end.
    """
    for one, given, _ in manifests.load_balancers():
        probes = first_probes(manifests)
        if "ssl-cert" in given and (not probes or max(probes) >= _CUT_SECONDS):
            yield Finding(
                at=(title(one), "metadata", "annotations"),
                got=f"keep-alive after {max(probes):g} s" if probes else "no keep-alive",
                need=f"TCP keep-alive after less than {_CUT_SECONDS} s at the listener behind it",
                fix="Envoy: socket_options of the listener; agentgateway: frontend.tcp.keepalive",
            )
