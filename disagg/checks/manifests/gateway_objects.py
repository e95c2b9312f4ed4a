"""A typed view of what stands for a Gateway in manifests; the rules of `gateway_rules` read it."""

import re
from collections.abc import Iterator, Mapping
from math import inf

from disagg.catalog.gateways import GATEWAY_NAME_LABEL, GATEWAYS, GatewayRow
from disagg.checks.manifests.objects import At, Container, Json, Manifests, Workload, title
from disagg.config.environment import Environment

_PART = re.compile(r"(\d{1,5})(h|ms|m|s)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600}


def row_of(environment: Environment) -> GatewayRow:
    """Return what is known of the environment's gateway."""
    return GATEWAYS[environment.serving.gateway.kind]


def gateways(manifests: Manifests) -> tuple[Json, ...]:
    """Return every Gateway."""
    return manifests.kind("Gateway")


def routes(manifests: Manifests) -> tuple[Json, ...]:
    """Return every HTTPRoute."""
    return manifests.kind("HTTPRoute")


def pools(manifests: Manifests) -> tuple[Json, ...]:
    """Return every InferencePool."""
    return manifests.kind("InferencePool")


def rules_in(route: Json) -> Iterator[tuple[At, Json]]:
    """Yield the rules of a route with their places."""
    for index, one in enumerate(route["spec"].get("rules", [])):
        yield (title(route), "spec", "rules", index), one


def named(objects: tuple[Json, ...], namespace: str, name: str) -> Json | None:
    """Return the object of a name in a namespace."""
    for one in objects:
        if (one["metadata"].get("namespace"), one["metadata"]["name"]) == (namespace, name):
            return one
    return None


def data_plane(gateway: Json) -> Workload:
    """Return the pods that its controller makes for a Gateway: of them, namespace and labels."""
    metadata = gateway["metadata"]
    labels = {GATEWAY_NAME_LABEL: metadata["name"]}
    template = {"metadata": {"labels": labels}, "spec": {}}
    named_alike = {"name": metadata["name"], "namespace": metadata["namespace"]}
    return Workload({"kind": "Gateway", "metadata": named_alike, "spec": {"template": template}})


def listens_on(gateway: Json, row: GatewayRow) -> list[int]:
    """Return the ports of a Gateway's pods that are called from outside."""
    return [*(one["port"] for one in gateway["spec"]["listeners"]), row.ready_port]


def targets(one: Json, gateway: Json) -> bool:
    """Return whether a policy of an implementation is about a Gateway."""
    wanted = {"kind": "Gateway", "name": gateway["metadata"]["name"]}
    near = one["metadata"].get("namespace") == gateway["metadata"]["namespace"]
    refs: list[Mapping[str, str]] = one["spec"].get("targetRefs", [])
    return near and any(wanted.items() <= dict(ref).items() for ref in refs)


def removed_early(manifests: Manifests, gateway: Json) -> set[str]:
    """Return the headers that are taken from requests before the picker can be asked.

    By Envoy's early header mutation (Istio), or by a policy of the phase before routing
    (agentgateway).
    """
    found: set[str] = set()
    for one in manifests.kind("EnvoyFilter"):
        if targets(one, gateway):
            for patch in one["spec"].get("configPatches", []):
                found |= set(_early(patch))
    for one in manifests.kind("AgentgatewayPolicy"):
        traffic = one["spec"].get("traffic", {})
        if targets(one, gateway) and traffic.get("phase") == "PreRouting":
            request = traffic.get("transformation", {}).get("request", {})
            found |= set(request.get("remove", []))
    return found


def _early(patch: Json) -> Iterator[str]:
    merged = patch.get("applyTo") == "NETWORK_FILTER" and patch["patch"]["operation"] == "MERGE"
    manager = patch["patch"].get("value", {}).get("typed_config", {}) if merged else {}
    for extension in manager.get("early_header_mutation_extensions", []):
        for mutation in extension.get("typed_config", {}).get("mutations", []):
            yield str(mutation.get("remove", ""))


def picker_service(manifests: Manifests, pool: Json) -> Json | None:
    """Return the Service that a pool's picker is called by."""
    ref = pool["spec"].get("endpointPickerRef", {})
    return named(manifests.kind("Service"), pool["metadata"]["namespace"], str(ref.get("name")))


def serves_tls(picker: Container) -> bool:
    """Return whether a picker serves TLS; it does unless told not to."""
    return picker.flags.get("--secure-serving", "true") in {None, "true"}


_TCP, _KEEP_IDLE = 6, 4
"""Linux's IPPROTO_TCP and TCP_KEEPIDLE."""


def first_probes(manifests: Manifests) -> list[float]:
    """Return after how much silence listeners for clients ask whether the other end lives [s]."""
    listeners = [
        one
        for _, config in manifests.envoy_configs()
        for one in config["static_resources"].get("listeners", [])
    ]
    for one in manifests.kind("EnvoyFilter"):
        patches = one["spec"].get("configPatches", [])
        listeners += [p["patch"]["value"] for p in patches if p.get("applyTo") == "LISTENER"]
    found = [
        float(option["int_value"])
        for listener in listeners
        for option in listener.get("socket_options", [])
        if (option.get("level"), option.get("name")) == (_TCP, _KEEP_IDLE)
    ]
    for one in manifests.kind("AgentgatewayPolicy"):
        frontend = one["spec"].get("frontend", {})
        text = frontend.get("tcp", {}).get("keepalive", {}).get("time")
        found += [seconds(text)] if text else []
    return found


def seconds(text: object) -> float:
    """Return a duration of the Gateway API [s]; 0 is the longest there is, and -1 is none.

    Example:
        >>> seconds("1h30m"), seconds("500ms"), seconds("0s"), seconds("soon")
        (5400.0, 0.5, inf, -1)
    """
    rest, total = str(text), 0.0
    while rest:
        found = _PART.match(rest)
        if found is None:
            return -1
        total += int(found[1]) * _UNITS[found[2]]
        rest = rest[found.end() :]
    return total or inf
