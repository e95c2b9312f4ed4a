"""Rules over a Gateway in front of the picker: kept by what is rendered, broken by one change."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from manifest_edits import Files, annotate, argument, one, picker
from shipped import checked

import disagg_k8s
from disagg.catalog.definitions import MODULE_OF
from disagg.checks.manifests import check_manifests, gateway_edge_rules, gateway_rules
from disagg.checks.manifests.object_rules import BUILT_IN_KINDS
from disagg.checks.rule import rules_of
from disagg.config.environment import Environment

Change = Callable[[Files], object]
CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/6f1c0a7e-2d35-4e0b-9c53-3a0b8d1f2e44"


def behind(kind: str, **more: Any) -> Environment:
    return checked("pilot", serving__gateway={"kind": kind, **more}).environment


ENVIRONMENTS = {
    "istio": behind("istio"),
    "agentgateway": behind("agentgateway"),
    "istio by TLS": behind("istio", certificate_arn=CERTIFICATE),
    "agentgateway by TLS": behind("agentgateway", certificate_arn=CERTIFICATE),
    "standalone by TLS": behind("standalone", certificate_arn=CERTIFICATE),
    "standalone": checked("pilot").environment,
}
RENDERED = {name: disagg_k8s.render(each) for name, each in ENVIRONMENTS.items()}


def spec(files: Files, kind: str, name: str = "inference") -> dict[str, Any]:
    found: dict[str, Any] = one(files, kind, name)["spec"]
    return found


def rule_of(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = spec(files, "HTTPRoute")["rules"][0]
    return found


def drop(kind: str, name: str = "inference") -> Change:
    def change(files: Files) -> None:
        gone = one(files, kind, name)
        for objects in files.values():
            if gone in objects:
                objects.remove(gone)

    return change


def twice(kind: str) -> Change:
    def change(files: Files) -> None:
        other = copy.deepcopy(one(files, kind, "inference"))
        other["metadata"]["name"] = "other"
        files["80-gateway.yaml"].append(other)

    return change


def picks(**fields: Any) -> Change:
    return lambda f: spec(f, "InferencePool")["endpointPickerRef"].update(fields)


def early(files: Files) -> list[dict[str, str]]:
    manager = spec(files, "EnvoyFilter")["configPatches"][1]["patch"]["value"]["typed_config"]
    found: list[dict[str, str]] = manager["early_header_mutation_extensions"][0]["typed_config"][
        "mutations"
    ]
    return found


def listener(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = spec(files, "Gateway")["listeners"][0]
    return found


def filters(*given: dict[str, Any]) -> Change:
    return lambda f: rule_of(f).update(filters=list(given))


def ingress(files: Files, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec(files, "NetworkPolicy", name)["ingress"]
    return found


def transformation(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = spec(files, "AgentgatewayPolicy", "routing-headers")["traffic"]
    return found


FORGED = {"name": "x-prefiller-host-port", "value": "10.0.0.1:80"}
VIOLATIONS: list[tuple[str, str, str, Change]] = [
    ("010", "no route", "istio", drop("HTTPRoute")),
    ("010", "two Gateways", "istio", twice("Gateway")),
    ("010", "of another class", "istio", lambda f: spec(f, "Gateway").update(gatewayClassName="x")),
    ("010", "no pool", "agentgateway", drop("InferencePool")),
    (
        "011",
        "routes of everybody",
        "istio",
        lambda f: listener(f)["allowedRoutes"].update(namespaces={"from": "All"}),
    ),
    (
        "011",
        "a listener that is not there",
        "istio",
        lambda f: spec(f, "HTTPRoute")["parentRefs"][0].update(sectionName="https"),
    ),
    (
        "011",
        "a Gateway of its own namespace",
        "agentgateway",
        lambda f: spec(f, "HTTPRoute")["parentRefs"][0].pop("namespace"),
    ),
    (
        "011",
        "routes of another namespace",
        "istio",
        lambda f: listener(f)["allowedRoutes"]["namespaces"]["selector"]["matchLabels"].update(
            {"kubernetes.io/metadata.name": "elsewhere"}
        ),
    ),
    (
        "012",
        "a Service in the pool's place",
        "istio",
        lambda f: rule_of(f)["backendRefs"][0].update(kind="Service", group=""),
    ),
    (
        "012",
        "a pool that is not there",
        "agentgateway",
        lambda f: rule_of(f)["backendRefs"][0].update(name="canary"),
    ),
    ("012", "nobody", "istio", lambda f: rule_of(f)["backendRefs"].clear()),
    (
        "012",
        "two pools by weight",
        "istio",
        lambda f: rule_of(f)["backendRefs"].append(rule_of(f)["backendRefs"][0] | {"weight": 9}),
    ),
    (
        "013",
        "everything of the environment",
        "istio",
        lambda f: spec(f, "InferencePool")["selector"].update(
            matchLabels={"app.kubernetes.io/instance": "pilot"}
        ),
    ),
    (
        "013",
        "vLLM's own port on decode",
        "agentgateway",
        lambda f: spec(f, "InferencePool").update(targetPorts=[{"number": 8200}]),
    ),
    ("014", "open", "istio", picks(failureMode="FailOpen")),
    (
        "014",
        "not said",
        "agentgateway",
        lambda f: spec(f, "InferencePool")["endpointPickerRef"].pop("failureMode"),
    ),
    ("015", "another port", "istio", picks(port={"number": 9003})),
    ("015", "another Service", "agentgateway", picks(name="baseline")),
    (
        "015",
        "a Service that selects nobody",
        "istio",
        lambda f: spec(f, "Service", "endpoint-picker").update(selector={"app": "x"}),
    ),
    (
        "015",
        "the metrics port behind it",
        "istio",
        lambda f: spec(f, "Service", "endpoint-picker")["ports"][0].update(targetPort="metrics"),
    ),
    ("016", "no hardening", "istio", drop("EnvoyFilter")),
    ("016", "one header less", "istio", lambda f: early(f).pop(0)),
    (
        "016",
        "hardening of another Gateway",
        "istio",
        lambda f: spec(f, "EnvoyFilter")["targetRefs"][0].update(name="other"),
    ),
    ("016", "no policy", "agentgateway", drop("AgentgatewayPolicy", "routing-headers")),
    ("016", "after the route", "agentgateway", lambda f: transformation(f).pop("phase")),
    (
        "016",
        "one header less there",
        "agentgateway",
        lambda f: transformation(f)["transformation"]["request"]["remove"].pop(),
    ),
    (
        "017",
        "removed on the route",
        "istio",
        filters(
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"remove": ["X-Prefiller-Host-Port"]},
            }
        ),
    ),
    (
        "017",
        "written on the route",
        "agentgateway",
        filters({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [FORGED]}}),
    ),
    (
        "017",
        "removed by a late policy",
        "agentgateway",
        lambda f: transformation(f).update(phase="PostRouting"),
    ),
    (
        "017",
        "removed by Envoy's route",
        "istio",
        lambda f: spec(f, "EnvoyFilter")["configPatches"].append(
            {
                "applyTo": "VIRTUAL_HOST",
                "patch": {
                    "operation": "MERGE",
                    "value": {"request_headers_to_remove": ["x-prefiller-host-port"]},
                },
            }
        ),
    ),
    (
        "017",
        "written early",
        "agentgateway",
        lambda f: transformation(f)["transformation"]["request"].update(set=[FORGED]),
    ),
    (
        "017",
        "written early by Envoy",
        "istio",
        lambda f: early(f).append({"append": {"header": {"key": FORGED["name"], "value": "a"}}}),
    ),
    ("018", "every path", "istio", lambda f: rule_of(f).pop("matches")),
    (
        "018",
        "metrics too",
        "agentgateway",
        lambda f: rule_of(f)["matches"].append({"path": {"type": "Exact", "value": "/metrics"}}),
    ),
    (
        "018",
        "by expression",
        "istio",
        lambda f: rule_of(f)["matches"][0]["path"].update(type="RegularExpression"),
    ),
    ("019", "the default", "istio", lambda f: rule_of(f).pop("timeouts")),
    ("019", "15 s", "agentgateway", lambda f: rule_of(f)["timeouts"].update(request="15s")),
    ("019", "of each try", "istio", lambda f: rule_of(f)["timeouts"].update(backendRequest="5m")),
    ("019", "no duration", "istio", lambda f: rule_of(f)["timeouts"].update(request="soon")),
    ("020", "in the clear", "istio", argument("--secure-serving", "false", picker)),
    ("020", "in the clear", "agentgateway", argument("--secure-serving", "false", picker)),
    ("020", "no rule", "istio", drop("DestinationRule", "endpoint-picker")),
    (
        "020",
        "of another host",
        "istio",
        lambda f: spec(f, "DestinationRule", "endpoint-picker").update(host="endpoint-picker"),
    ),
    ("021", "no way to the picker", "istio", lambda f: ingress(f, "router").clear()),
    (
        "021",
        "no way to the pods",
        "agentgateway",
        lambda f: ingress(f, "model-servers")[0]["from"].pop(1),
    ),
    (
        "021",
        "the picker for the VPC",
        "istio",
        lambda f: ingress(f, "router")[0]["from"].append({"ipBlock": {"cidr": "10.42.0.0/16"}}),
    ),
    (
        "021",
        "the picker for its namespace",
        "agentgateway",
        lambda f: ingress(f, "router")[0]["from"].append({"podSelector": {}}),
    ),
    (
        "021",
        "no readiness for the load balancer",
        "istio",
        lambda f: ingress(f, "gateway")[0]["ports"].pop(),
    ),
    (
        "021",
        "a listener that is closed",
        "agentgateway",
        lambda f: listener(f).update(port=8443),
    ),
    ("022", "CORS", "istio", filters({"type": "CORS", "cors": {"allowOrigins": ["*"]}})),
    (
        "023",
        "another port",
        "istio",
        lambda f: spec(f, "Service", "router")["ports"][0].update(targetPort=15021),
    ),
    (
        "023",
        "the picker's pods",
        "agentgateway",
        lambda f: one(f, "Service", "router").update(
            spec=spec(f, "Service", "router")
            | {"selector": {"app.kubernetes.io/component": "router"}}
        ),
    ),
    ("024", "no target", "istio", lambda f: spec(f, "EnvoyFilter").pop("targetRefs")),
    (
        "024",
        "another namespace",
        "agentgateway",
        lambda f: one(f, "AgentgatewayPolicy", "connections")["metadata"].update(
            namespace="pilot-serving"
        ),
    ),
    (
        "025",
        "no keep-alive",
        "istio by TLS",
        lambda f: spec(f, "EnvoyFilter")["configPatches"][0]["patch"]["value"].pop(
            "socket_options"
        ),
    ),
    (
        "025",
        "a late one",
        "agentgateway by TLS",
        lambda f: spec(f, "AgentgatewayPolicy", "connections")["frontend"]["tcp"][
            "keepalive"
        ].update(time="6m"),
    ),
    (
        "025",
        "none in the picker's pod",
        "standalone by TLS",
        lambda f: one(f, "ConfigMap", "router")["data"].update(
            one(RENDERED["standalone"], "ConfigMap", "router")["data"]
        ),
    ),
]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_rendered_breaks_no_rule(name: str) -> None:
    assert check_manifests(RENDERED[name], ENVIRONMENTS[name]) == []


@pytest.mark.parametrize(
    ("code", "name", "change"),
    [(f"DISAGG-GTW-{code}", name, change) for code, _, name, change in VIOLATIONS],
    ids=[f"{code} {what}, {name}" for code, what, name, _ in VIOLATIONS],
)
def test_a_violation_is_found(code: str, name: str, change: Change) -> None:
    files = copy.deepcopy(RENDERED[name])
    change(files)
    assert files != RENDERED[name]
    problems = check_manifests(files, ENVIRONMENTS[name])
    assert code in {problem.code for problem in problems}
    assert all(p.path and p.got and p.need and p.fix for p in problems)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("istio", lambda f: rule_of(f)["timeouts"].update(request="1h")),
        ("istio", lambda f: rule_of(f)["timeouts"].update(request="0s")),
        ("agentgateway", lambda f: rule_of(f)["timeouts"].update(request="90m")),
        ("istio", lambda f: rule_of(f)["matches"][0]["path"].update(value="/v1/completions")),
        (
            "istio",
            filters(
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-team"]}}
            ),
        ),
        ("agentgateway", filters({"type": "CORS", "cors": {"allowOrigins": ["*"]}})),
        (
            "agentgateway",
            lambda f: rule_of(f)["backendRefs"].append(dict(rule_of(f)["backendRefs"][0])),
        ),
        ("standalone by TLS", annotate("ssl-negotiation-policy", "another")),
    ],
)
def test_what_is_allowed_is_not_found(name: str, change: Change) -> None:
    files = copy.deepcopy(RENDERED[name])
    change(files)
    assert files != RENDERED[name]
    assert check_manifests(files, ENVIRONMENTS[name]) == []


@pytest.mark.parametrize(
    ("rendered", "asked"),
    [("istio", "standalone"), ("standalone", "istio"), ("istio", "agentgateway")],
)
def test_manifests_of_another_kind_of_gateway_are_found(rendered: str, asked: str) -> None:
    codes = {p.code for p in check_manifests(RENDERED[rendered], ENVIRONMENTS[asked])}
    assert "DISAGG-GTW-010" in codes


def test_an_arn_that_is_not_the_files_certificate_is_found() -> None:
    files = copy.deepcopy(RENDERED["istio"])
    labels = one(files, "Gateway", "inference")["metadata"]["labels"]
    labels["owner"] = CERTIFICATE
    assert "DISAGG-OBJ-001" in {p.code for p in check_manifests(files, ENVIRONMENTS["istio"])}


def test_every_rule_has_a_violation() -> None:
    rules = {one.code for one in rules_of(gateway_rules, gateway_edge_rules)}
    assert rules == {f"DISAGG-GTW-{code}" for code, *_ in VIOLATIONS}


def test_the_custom_kinds_of_gateways_have_definitions() -> None:
    custom = {
        f"{each['kind']}.{each['apiVersion'].partition('/')[0]}"
        for files in RENDERED.values()
        for objects in files.values()
        for each in objects
        if (each["apiVersion"], each["kind"]) not in BUILT_IN_KINDS
    }
    assert custom == {
        "AgentgatewayParameters.agentgateway.dev",
        "AgentgatewayPolicy.agentgateway.dev",
        "DestinationRule.networking.istio.io",
        "EnvoyFilter.networking.istio.io",
        "Gateway.gateway.networking.k8s.io",
        "HTTPRoute.gateway.networking.k8s.io",
        "InferencePool.inference.networking.k8s.io",
    }
    assert custom <= set(MODULE_OF)
