"""Every rule about what the picker knows of pods, broken in one place of a router with it all."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from manifest_edits import (
    PRECISE,
    Files,
    Mutation,
    Violation,
    argument,
    decode,
    each,
    epp,
    found_after,
    one,
    picker,
    prefill,
    put,
    rendered_precise,
)

from disagg.checks.manifests import check_manifests, connection_rules, precise_rules
from disagg.checks.rule import rules_of

Edit = Callable[[dict[str, Any]], object]


def plugin(type_: str, edit: Edit) -> Mutation:
    def inner(config: dict[str, Any]) -> None:
        (found,) = [p for p in config["plugins"] if p["type"] == type_]
        edit(found["parameters"])

    return epp(inner)


def without(type_: str) -> Mutation:
    return epp(
        lambda c: c.update(plugins=[p for p in c["plugins"] if p["type"] != type_]),
    )


def index(edit: Edit) -> Mutation:
    return plugin("precise-prefix-cache-producer", edit)


def events(edit: Edit, server: Callable[[Files], Any] = prefill) -> Mutation:
    def mutate(files: Files) -> None:
        flag = "--kv-events-config="
        args = server(files)["args"]
        (at,) = [i for i, a in enumerate(args) if a.startswith(flag)]
        config = json.loads(args[at].removeprefix(flag))
        edit(config)
        args[at] = flag + json.dumps(config)

    return mutate


def policy(name: str) -> Callable[[Files], Any]:
    return lambda files: one(files, "NetworkPolicy", name)["spec"]


def render(files: Files) -> Any:
    return one(files, "Deployment", "render")["spec"]["template"]


def container(files: Files) -> Any:
    return render(files)["spec"]["containers"][0]


def no_events_port(files: Files) -> None:
    entries = policy("model-servers")(files)["ingress"]
    entries[:] = [e for e in entries if e["ports"] != [{"protocol": "TCP", "port": 5556}]]


def prefill_session(files: Files) -> None:
    def inner(config: dict[str, Any]) -> None:
        (found,) = [p for p in config["plugins"] if p.get("name") == "session-prefill"]
        found["parameters"].pop("profileName")

    epp(inner)(files)


VIOLATIONS: list[Violation] = [
    (
        "DISAGG-RTR-013",
        "another block size",
        index(lambda p: p["tokenProcessorConfig"].update(blockSizeTokens=64)),
    ),
    (
        "DISAGG-RTR-013",
        "another seed",
        index(lambda p: p["tokenProcessorConfig"].update(hashSeed="42")),
    ),
    (
        "DISAGG-RTR-013",
        "the size by its old name",
        index(lambda p: p.update(tokenProcessorConfig={"blockSize": 128, "hashSeed": "0"})),
    ),
    ("DISAGG-RTR-015", "no approximate index", without("approx-prefix-cache-producer")),
    (
        "DISAGG-RTR-015",
        "it under another name",
        epp(
            lambda c: [
                p.update(name="mine")
                for p in c["plugins"]
                if p["type"] == "approx-prefix-cache-producer"
            ]
        ),
    ),
    ("DISAGG-RTR-016", "silence", argument("--kv-events-config", None, prefill)),
    ("DISAGG-RTR-016", "silence of decode", argument("--kv-events-config", None, decode)),
    ("DISAGG-RTR-016", "no JSON", argument("--kv-events-config", "{", prefill)),
    ("DISAGG-RTR-016", "an address", events(lambda c: c.update(endpoint="tcp://10.0.0.1:5556"))),
    ("DISAGG-RTR-016", "another port", events(lambda c: c.update(endpoint="tcp://*:5557"))),
    ("DISAGG-RTR-016", "switched off", events(lambda c: c.update(enable_kv_cache_events=False))),
    (
        "DISAGG-RTR-016",
        "vLLM's port on decode",
        events(lambda c: c.update(topic=c["topic"].replace(":8000@", ":8200@")), decode),
    ),
    (
        "DISAGG-RTR-016",
        "another model",
        events(lambda c: c.update(topic=c["topic"].replace("120b", "20b"))),
    ),
    (
        "DISAGG-RTR-016",
        "no own address",
        put("env.0.valueFrom.fieldRef.fieldPath", "status.hostIP", prefill),
    ),
    (
        "DISAGG-RTR-016",
        "another topic filter",
        index(lambda p: p["kvEventsConfig"].update(topicFilter="cache@")),
    ),
    (
        "DISAGG-RTR-016",
        "the picker dials another port",
        index(lambda p: p["kvEventsConfig"]["podDiscoveryConfig"].update(socketPort=5557)),
    ),
    ("DISAGG-RTR-017", "no source", epp(lambda c: c.pop("dataLayer"))),
    (
        "DISAGG-RTR-017",
        "finds no pods",
        index(lambda p: p["kvEventsConfig"].update(discoverPods=False)),
    ),
    (
        "DISAGG-RTR-017",
        "a scorer of the approximate index",
        plugin("prefix-cache-scorer", lambda p: p.pop("prefixMatchInfoProducerName")),
    ),
    ("DISAGG-RTR-018", "guessed tokens", without("token-producer")),
    (
        "DISAGG-RTR-018",
        "no address",
        plugin("token-producer", lambda p: p.pop("vllm")),
    ),
    (
        "DISAGG-RTR-018",
        "another namespace",
        plugin("token-producer", lambda p: p["vllm"].update(url="http://render.x.svc:8000")),
    ),
    (
        "DISAGG-RTR-018",
        "another port",
        plugin(
            "token-producer",
            lambda p: p["vllm"].update(url="http://render.pilot-serving.svc:8001"),
        ),
    ),
    ("DISAGG-RTR-018", "another model", lambda f: container(f)["args"].__setitem__(0, "x/y")),
    (
        "DISAGG-RTR-018",
        "a Service of the servers",
        put(
            "spec.selector",
            {"app.kubernetes.io/instance": "pilot"},
            lambda f: one(f, "Service", "render"),
        ),
    ),
    (
        "DISAGG-RTR-018",
        "a Service of nobody",
        put("spec.selector", {"app": "x"}, lambda f: one(f, "Service", "render")),
    ),
    (
        "DISAGG-RTR-002",
        "a tokenizer with the pool's labels",
        lambda f: render(f)["metadata"]["labels"].update(
            {"llm-d.ai/guide": "pd-disaggregation", "llm-d.ai/model": "gpt-oss-120b"}
        ),
    ),
    (
        "DISAGG-RTR-019",
        "an age below the interval",
        plugin("utilization-detector", lambda p: p.update(metricsStalenessThreshold="300ms")),
    ),
    (
        "DISAGG-RTR-019",
        "the detector's own age",
        plugin("utilization-detector", lambda p: p.pop("metricsStalenessThreshold")),
    ),
    ("DISAGG-RTR-019", "polling too rarely", argument("--refresh-metrics-interval", "2s", picker)),
    ("DISAGG-RTR-020", "no gate", epp(lambda c: c.pop("featureGates"))),
    ("DISAGG-RTR-020", "a gate alone", epp(lambda c: c.pop("flowControl"))),
    ("DISAGG-RTR-020", "no bound", epp(lambda c: c["flowControl"].pop("maxBytes"))),
    (
        "DISAGG-RTR-020",
        "more than the memory",
        epp(lambda c: c["flowControl"].update(maxBytes="16Gi")),
    ),
    ("DISAGG-RTR-021", "prefill sessions of decode pods", prefill_session),
    (
        "DISAGG-RTR-021",
        "one for both",
        epp(
            lambda c: c["schedulingProfiles"][0]["plugins"].append(
                {"pluginRef": "session-decode", "weight": 1}
            )
        ),
    ),
    (
        "DISAGG-RTR-008",
        "an alpha scorer unasked",
        argument("--allow-experimental-plugins", None, picker),
    ),
    ("DISAGG-CON-005", "no way to the events", no_events_port),
    ("DISAGG-CON-005", "no way to the tokenizer", put("ingress", [], policy("render"))),
    (
        "DISAGG-CON-005",
        "everybody at the tokenizer",
        lambda f: policy("render")(f)["ingress"][0].pop("from"),
    ),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate, PRECISE)


def test_a_router_with_everything_breaks_no_rule() -> None:
    assert check_manifests(rendered_precise(), PRECISE) == []


@pytest.mark.parametrize(
    "mutate",
    [
        plugin("utilization-detector", lambda p: p.update(metricsStalenessThreshold="400ms")),
        plugin("utilization-detector", lambda p: p.update(metricsStalenessThreshold="2s")),
        argument("--refresh-metrics-interval", "500ms", picker),
    ],
    ids=["two polls", "in seconds", "polled at half the age"],
)
def test_metrics_that_are_polled_twice_are_fresh(mutate: Mutation) -> None:
    assert found_after(mutate, PRECISE) == set()


def test_every_rule_has_a_violation() -> None:
    there = {code for code, _, _ in VIOLATIONS}
    assert {one.code for one in rules_of(precise_rules)} <= there
    assert "DISAGG-CON-005" in there & {one.code for one in rules_of(connection_rules)}
