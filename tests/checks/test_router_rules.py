"""Every rule about the picker, its proxy and the load balancer, broken in one place."""

import pytest
from manifest_edits import (
    Mutation,
    Violation,
    annotate,
    argument,
    clusters,
    deployment,
    each,
    epp,
    filter_named,
    found_after,
    late_strip,
    manager,
    one,
    picker,
    pod,
    proxy,
    put,
    service,
)

from disagg.checks.manifests import picker_rules, proxy_rules, router_rules
from disagg.checks.rule import rules_of

VIOLATIONS: list[Violation] = [
    ("DISAGG-RTR-001", "two pickers", put("spec.replicas", 2, deployment("router"))),
    ("DISAGG-RTR-001", "a surge", put("spec.strategy.type", "RollingUpdate", deployment("router"))),
    (
        "DISAGG-RTR-002",
        "everything",
        argument("--endpoint-selector", "app.kubernetes.io/instance=pilot", picker),
    ),
    ("DISAGG-RTR-002", "its own namespace", argument("--pool-namespace", "pilot-router", picker)),
    (
        "DISAGG-RTR-002",
        "a baseline with the pool's labels",
        lambda f: one(f, "Deployment", "baseline")["spec"]["template"]["metadata"]["labels"].update(
            {"llm-d.ai/guide": "pd-disaggregation", "llm-d.ai/model": "gpt-oss-120b"}
        ),
    ),
    ("DISAGG-RTR-003", "vLLM on decode", argument("--endpoint-target-ports", "8200", picker)),
    ("DISAGG-RTR-004", "no name", put("env", [], picker)),
    (
        "DISAGG-RTR-005",
        "secrets too",
        put(
            "rules.0.resources", ["pods", "secrets"], lambda f: one(f, "Role", "router-reads-pods")
        ),
    ),
    ("DISAGG-RTR-005", "no rights", lambda f: f["10-service-accounts.yaml"].pop()),
    ("DISAGG-RTR-006", "a newer version", epp(lambda c: c.update(apiVersion="llm-d.ai/v1"))),
    ("DISAGG-RTR-006", "no configuration", epp(lambda c: c.update(kind="X"))),
    ("DISAGG-RTR-007", "an unknown plugin", epp(lambda c: c["plugins"].append({"type": "x"}))),
    (
        "DISAGG-RTR-007",
        "an unknown parameter",
        epp(lambda c: c["plugins"][-1].update(parameters={"bogus": 1})),
    ),
    (
        "DISAGG-RTR-007",
        "a deprecated plugin",
        epp(lambda c: c["plugins"].append({"type": "pd-profile-handler"})),
    ),
    (
        "DISAGG-RTR-007",
        "text where a number is read",
        epp(lambda c: c["plugins"][0]["parameters"].update(lruCapacityPerServer="many")),
    ),
    (
        "DISAGG-RTR-007",
        "a plugin of a later router",
        epp(lambda c: c["plugins"].append({"type": "sglanghttp-parser"})),
    ),
    (
        "DISAGG-RTR-008",
        "alpha",
        epp(lambda c: c["plugins"].append({"type": "topology-affinity-scorer"})),
    ),
    (
        "DISAGG-RTR-009",
        "an undefined plugin",
        epp(lambda c: c["schedulingProfiles"][0]["plugins"].append({"pluginRef": "nope"})),
    ),
    (
        "DISAGG-RTR-009",
        "a plugin twice",
        epp(lambda c: c["plugins"].append({"type": "prefill-filter"})),
    ),
    ("DISAGG-RTR-010", "no prefill profile", epp(lambda c: c["schedulingProfiles"].pop(0))),
    (
        "DISAGG-RTR-010",
        "the other role's filter",
        epp(lambda c: c["schedulingProfiles"][0]["plugins"][0].update(pluginRef="decode-filter")),
    ),
    (
        "DISAGG-RTR-011",
        "a decider that is off",
        epp(
            lambda c: c["plugins"][1].update(
                type="prefix-based-pd-decider", name="always-disagg-pd-decider"
            )
        ),
    ),
    (
        "DISAGG-RTR-011",
        "another handler",
        epp(lambda c: c["plugins"][2].update(type="single-profile-handler")),
    ),
    (
        "DISAGG-RTR-012",
        "a weight on a filter",
        epp(lambda c: c["schedulingProfiles"][0]["plugins"][0].update(weight=1)),
    ),
    (
        "DISAGG-RTR-012",
        "a scorer without",
        epp(lambda c: c["schedulingProfiles"][0]["plugins"][1].pop("weight")),
    ),
    ("DISAGG-RTR-014", "a missing file", argument("--config-file", "/etc/disagg/epp.yaml", picker)),
    ("DISAGG-PRX-001", "no proxy", lambda f: pod(f, "router")["containers"].pop()),
    (
        "DISAGG-PRX-001",
        "no picker asked",
        manager(
            lambda m: m.update(
                http_filters=[f for f in m["http_filters"] if "ext_proc" not in f["name"]]
            )
        ),
    ),
    ("DISAGG-PRX-002", "no strip", manager(lambda m: m.pop("early_header_mutation_extensions"))),
    (
        "DISAGG-PRX-002",
        "one forgotten",
        manager(
            lambda m: m["early_header_mutation_extensions"][0]["typed_config"]["mutations"].pop()
        ),
    ),
    ("DISAGG-PRX-003", "a strip on the route", manager(late_strip)),
    (
        "DISAGG-PRX-004",
        "fails open",
        manager(lambda m: filter_named(m, "ext_proc").update(failure_mode_allow=True)),
    ),
    (
        "DISAGG-PRX-005",
        "every path",
        manager(
            lambda m: m["route_config"]["virtual_hosts"][0]["routes"][0]["match"].update(prefix="/")
        ),
    ),
    (
        "DISAGG-PRX-006",
        "a day to connect",
        clusters(lambda c: c[1].update(connect_timeout="86400s")),
    ),
    (
        "DISAGG-PRX-006",
        "another header",
        clusters(lambda c: c[1]["original_dst_lb_config"].pop("http_header_name")),
    ),
    ("DISAGG-PRX-007", "TLS on one side", argument("--secure-serving", None, picker)),
    ("DISAGG-PRX-007", "another port", argument("--grpc-port", "9102", picker)),
    ("DISAGG-PRX-008", "on the internet", annotate("scheme", "internet-facing")),
    (
        "DISAGG-PRX-008",
        "for everybody",
        put("spec.loadBalancerSourceRanges", ["0.0.0.0/0"], service("router")),
    ),
    ("DISAGG-PRX-008", "no load balancer", put("spec.type", "ClusterIP", service("router"))),
    ("DISAGG-PRX-009", "the serving port", annotate("healthcheck-port", "8081")),
    ("DISAGG-PRX-010", "the default", annotate("listener-attributes.TCP-80", None)),
    (
        "DISAGG-PRX-010",
        "as long as the proxy",
        annotate("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=600"),
    ),
    (
        "DISAGG-PRX-010",
        "requests silent for longer",
        manager(lambda m: m.update(stream_idle_timeout="660s")),
    ),
    (
        "DISAGG-PRX-010",
        "connections idle for longer",
        manager(lambda m: m["common_http_protocol_options"].update(idle_timeout="3600s")),
    ),
    (
        "DISAGG-PRX-010",
        "connections idle for Envoy's default hour",
        manager(lambda m: m["common_http_protocol_options"].pop("idle_timeout")),
    ),
    (
        "DISAGG-PRX-010",
        "connections idle for ever",
        manager(lambda m: m["common_http_protocol_options"].update(idle_timeout="0s")),
    ),
    ("DISAGG-PRX-011", "root", put("securityContext.runAsUser", 0, proxy)),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


@pytest.mark.parametrize(
    "mutate",
    [
        manager(lambda m: m["common_http_protocol_options"].update(idle_timeout="659s")),
        annotate("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=601"),
    ],
    ids=["the proxy waits a little less", "the load balancer waits a little longer"],
)
def test_a_proxy_that_closes_first_is_fine(mutate: Mutation) -> None:
    assert found_after(mutate) == set()


def test_every_rule_has_a_violation() -> None:
    rules = rules_of(router_rules, picker_rules, proxy_rules)
    assert {one.code for one in rules} == {code for code, _, _ in VIOLATIONS}
