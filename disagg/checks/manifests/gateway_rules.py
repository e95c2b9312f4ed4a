"""Rules about a Gateway in front of the picker: its objects are there and agree."""

from collections.abc import Iterator

from disagg.checks.manifests.gateway_objects import (
    data_plane,
    gateways,
    named,
    picker_service,
    pools,
    routes,
    row_of,
    rules_in,
    targets,
)
from disagg.checks.manifests.objects import At, Json, Manifests, selects, title
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_NAMESPACE = "kubernetes.io/metadata.name"


@rule("DISAGG-GTW-010")
def the_gateway_is_whole(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """There is one Gateway of its class, one route and one pool, or none where none is chosen.

    Every other rule about gateways says nothing when there is none.
    """
    wanted = row_of(environment).class_name
    classes = [one["spec"].get("gatewayClassName") for one in gateways(manifests)]
    count = 1 if wanted else 0
    found = (len(routes(manifests)), len(pools(manifests)))
    if classes != [wanted] * count or found != (count, count):
        yield Finding(
            at=("Gateway",),
            got=f"Gateways of class {classes}, {found[0]} routes, {found[1]} pools",
            need=f"one of each, of class {wanted}" if wanted else "none",
            fix="set serving.gateway.kind, or remove them",
        )


@rule("DISAGG-GTW-011")
def the_route_is_taken_and_no_other_is(manifests: Manifests) -> Iterator[Finding]:
    """Every route names a listener that exists and takes routes of its namespace, and of no other.

    A route that no listener takes is answered 404, and only its status says why. A listener that
    takes routes of all namespaces lets whoever may write one have the models' traffic.
    """
    for one in gateways(manifests):
        for listener in one["spec"].get("listeners", []):
            space = listener.get("allowedRoutes", {}).get("namespaces", {})
            labels = space.get("selector", {}).get("matchLabels", {})
            if space.get("from") != "Selector" or set(labels) != {_NAMESPACE}:
                yield Finding(
                    at=(title(one), "spec", "listeners"),
                    got=f"routes {space or 'of its own namespace'}",
                    need=f"from Selector, by {_NAMESPACE} alone",
                    fix="name the namespace of the model servers",
                )
    for route in routes(manifests):
        for ref in route["spec"].get("parentRefs", []):
            if not _takes(manifests, route, ref):
                yield Finding(
                    at=(title(route), "spec", "parentRefs"),
                    got=f"{ref.get('namespace')}/{ref.get('name')} {ref.get('sectionName')}",
                    need="a listener that takes routes of this namespace",
                    fix="name the Gateway, its namespace and its listener",
                )


def _takes(manifests: Manifests, route: Json, ref: Json) -> bool:
    home = route["metadata"]["namespace"]
    gateway = named(gateways(manifests), str(ref.get("namespace", home)), str(ref.get("name")))
    listeners = gateway["spec"]["listeners"] if gateway else []
    return any(
        one["name"] == ref.get("sectionName")
        and one.get("allowedRoutes", {})
        .get("namespaces", {})
        .get("selector", {})
        .get("matchLabels", {})
        .get(_NAMESPACE)
        == home
        for one in listeners
    )


@rule("DISAGG-GTW-012")
def the_route_ends_at_a_pool(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Every rule of a route sends to InferencePools of its namespace, and Istio's to one each.

    A Service in a pool's place is served round robin, past the picker. Of two pools in one rule
    istiod asks the picker of the last for the requests of both (istio 1.30.3, conversion.go,
    buildHTTPDestination), and sends those of the first to any of its pods.
    """
    for route in routes(manifests):
        home = route["metadata"]["namespace"]
        for at, one in rules_in(route):
            refs = one.get("backendRefs", [])
            bad = [
                ref.get("name")
                for ref in refs
                if ref.get("kind") != "InferencePool"
                or ref.get("namespace", home) != home
                or named(pools(manifests), home, str(ref.get("name"))) is None
            ]
            alone = row_of(environment).asks_every_pool or len(refs) == 1
            if bad or not refs or not alone:
                yield Finding(
                    at=(*at, "backendRefs"),
                    got=f"{[ref.get('name') for ref in refs]}",
                    need="one InferencePool of this namespace",
                    fix="name the pool that is rendered",
                )


@rule("DISAGG-GTW-013")
def the_pool_is_what_the_picker_picks(manifests: Manifests) -> Iterator[Finding]:
    """The pool selects the pods that the picker may pick, on the port that it names.

    A gateway sends nowhere else: what the picker chooses beyond that goes to any pod of the pool
    (Istio) or is an error (agentgateway).
    """
    for pool in pools(manifests):
        place, spec = pool["metadata"]["namespace"], pool["spec"]
        chosen = spec.get("selector", {}).get("matchLabels", {})
        found = {
            w.name
            for w in manifests.workloads
            if w.namespace == place and selects(chosen, w.labels)
        }
        wanted = {w.name for w in manifests.workloads if w.role}
        ports = [one.get("number") for one in spec.get("targetPorts", [])]
        asked = [picker.number("--endpoint-target-ports") for _, picker in manifests.pickers]
        if found != wanted or ports != asked:
            yield Finding(
                at=(title(pool), "spec"),
                got=f"{sorted(found)} on {ports}",
                need=f"{sorted(wanted)} on {asked}",
                fix="take selector and port from the picker's arguments",
            )


@rule("DISAGG-GTW-014")
def the_pool_fails_closed(manifests: Manifests) -> Iterator[Finding]:
    """The pool's failure mode is FailClose, and said.

    Failing open sends requests to any pod while the picker is away: to prefill pods, and with
    headers nobody checked. Every chart of llm-d says FailOpen.
    """
    for pool in pools(manifests):
        mode = pool["spec"].get("endpointPickerRef", {}).get("failureMode")
        if mode != "FailClose":
            yield Finding(
                at=(title(pool), "spec", "endpointPickerRef", "failureMode"),
                got=str(mode),
                need="FailClose",
                fix="set it",
            )


@rule("DISAGG-GTW-015")
def the_pool_finds_its_picker(manifests: Manifests) -> Iterator[Finding]:
    """The Service a pool names is there, has the port, and leads to the picker's gRPC port.

    With a picker that is not found every request is refused, and only the pool's status says why.
    """
    for pool in pools(manifests):
        number = pool["spec"].get("endpointPickerRef", {}).get("port", {}).get("number")
        service = picker_service(manifests, pool)
        ports = service["spec"].get("ports", []) if service else []
        chosen = service["spec"].get("selector", {}) if service else {}
        led = [
            picker.resolve(port.get("targetPort", port["port"]))
            for port in ports
            for workload, picker in manifests.pickers
            if port["port"] == number
            and workload.namespace == pool["metadata"]["namespace"]
            and chosen
            and selects(chosen, workload.labels)
        ]
        wanted = [picker.number("--grpc-port", 9002) for _, picker in manifests.pickers]
        if led != wanted:
            yield Finding(
                at=(title(pool), "spec", "endpointPickerRef"),
                got=f"port {number} leads to {led or 'nobody'}",
                need=f"the picker's port {wanted}",
                fix="name the picker's Service and port",
            )


@rule("DISAGG-GTW-023")
def the_load_balancer_leads_to_the_gateway(manifests: Manifests) -> Iterator[Finding]:
    """The load balancer sends to the gateway's pods, on the port of a listener.

    The Service an implementation makes for itself stays inside the cluster.
    """
    for one in gateways(manifests):
        pods = data_plane(one)
        listening = {listener["port"] for listener in one["spec"]["listeners"]}
        for service, _, behind in manifests.load_balancers():
            chosen = service["spec"].get("selector", {})
            place = service["metadata"]["namespace"]
            asked = {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]}
            right = chosen == pods.labels and place == pods.namespace
            if behind or not right or not asked <= listening:
                yield Finding(
                    at=_at(service),
                    got=f"{chosen} in {place}, port {sorted(map(str, asked))}",
                    need=f"{pods.labels} in {pods.namespace}, a port of {sorted(listening)}",
                    fix="select the gateway's pods",
                )


def _at(service: Json) -> At:
    return (title(service), "spec")


@rule("DISAGG-GTW-024")
def policies_have_a_target(manifests: Manifests) -> Iterator[Finding]:
    """Every policy of an implementation is about the Gateway that is rendered.

    One about nothing is accepted and does nothing, the removal of headers among them.
    """
    for one in manifests.kind("EnvoyFilter", "AgentgatewayPolicy"):
        if not any(targets(one, gateway) for gateway in gateways(manifests)):
            yield Finding(
                at=(title(one), "spec", "targetRefs"),
                got=f"{one['spec'].get('targetRefs', 'no target')}",
                need="the Gateway, in its own namespace",
                fix="name it",
            )
