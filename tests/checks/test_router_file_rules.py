"""Every rule over `serving.router`, broken and kept by two files that differ in as little as
possible."""

from typing import Any

import pytest
from shipped import edited

from disagg.checks.environment import check, router_rules
from disagg.checks.rule import rules_of
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError, Problem

ROUTER = "serving.router"
BASED: dict[str, Any] = {"decider": "prefix_based"}
LONG = {"workload.input_tokens": 20_000}
LLAMA = {
    "serving.model": "meta-llama/Llama-3.3-70B-Instruct",
    "serving.prefill": {"replicas": 4, "tensor_parallel": 2},
}
S3 = {
    "serving.weights": {
        "kind": "s3",
        "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a",
        "token_secret": "disagg/hub-token",
    }
}


def plugin(**one: Any) -> dict[str, Any]:
    return {ROUTER: {"plugins": [one]}}


SCORER = {"type": "lora-affinity-scorer", "weights": {"prefill": 1}}
PAIRS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "DISAGG-RTR-030",
        {ROUTER: {"threshold_tokens": 256}},
        {ROUTER: {**BASED, "threshold_tokens": 256}},
    ),
    (
        "DISAGG-RTR-031",
        {ROUTER: {**BASED, "threshold_tokens": 4_096}, "serving.max_context_tokens": 4_096},
        {ROUTER: {**BASED, "threshold_tokens": 4_095}, "serving.max_context_tokens": 4_096},
    ),
    ("DISAGG-RTR-032", {ROUTER: BASED}, {ROUTER: BASED, **LONG}),
    (
        "DISAGG-RTR-032",
        {ROUTER: {**BASED, "threshold_tokens": 1_025}},
        {ROUTER: {**BASED, "threshold_tokens": 1_024}},
    ),
    ("DISAGG-RTR-033", plugin(type="lora-afinity-scorer"), plugin(**SCORER)),
    ("DISAGG-RTR-033", plugin(type="sglanghttp-parser"), plugin(type="vllmhttp-parser")),
    ("DISAGG-RTR-033", plugin(type="tokenizer"), plugin(type="token-producer")),
    ("DISAGG-RTR-033", {ROUTER: {"plugins": [SCORER, SCORER]}}, {ROUTER: {"plugins": [SCORER]}}),
    (
        "DISAGG-RTR-034",
        plugin(type="queue-scorer", parameters={"threshold": 1}),
        plugin(type="load-aware-scorer", parameters={"threshold": 1}, weights={"decode": 1}),
    ),
    (
        "DISAGG-RTR-034",
        plugin(type="approx-prefix-cache-producer", parameters={"lruCapacityPerServer": "1k"}),
        plugin(type="approx-prefix-cache-producer", parameters={"lruCapacityPerServer": 1_000}),
    ),
    (
        "DISAGG-RTR-034",
        plugin(type="approx-prefix-cache-producer", parameters={"blockSize": 64}),
        plugin(type="approx-prefix-cache-producer", parameters={"blockSizeTokens": 64}),
    ),
    (
        "DISAGG-RTR-035",
        plugin(type="vllmhttp-parser", weights={"decode": 1}),
        plugin(type="vllmhttp-parser"),
    ),
    ("DISAGG-RTR-035", plugin(type="lora-affinity-scorer"), plugin(**SCORER)),
    ("DISAGG-RTR-036", plugin(type="single-profile-handler"), plugin(**SCORER)),
    ("DISAGG-RTR-036", plugin(type="random-picker"), plugin(**SCORER)),
    (
        "DISAGG-RTR-037",
        {ROUTER: {"session_header": "x-gateway-destination-endpoint"}},
        {ROUTER: {"session_header": "x-session-id"}},
    ),
    (
        "DISAGG-RTR-038",
        {ROUTER: {"policy": "prefix_precise"}, "serving.image_profile": "llm-d-aws-0.5.1"},
        {ROUTER: {"policy": "prefix_precise"}},
    ),
    (
        "DISAGG-RTR-039",
        {
            ROUTER: {"policy": "prefix_precise"},
            "serving.prefill.replicas": 1,
            "serving.decode.replicas": 1,
        },
        {
            ROUTER: {"policy": "prefix_precise"},
            "serving.prefill.replicas": 2,
            "serving.decode.replicas": 1,
        },
    ),
    (
        "DISAGG-RTR-041",
        {ROUTER: {"policy": "prefix_precise"}, **LLAMA, **S3},
        {ROUTER: {"policy": "prefix_precise"}, **LLAMA},
    ),
    (
        "DISAGG-RTR-042",
        {"workload": {"input_tokens": 100_000, "output_tokens": 500, "requests_per_second": 5}},
        {"workload": {"input_tokens": 100_000, "output_tokens": 500, "requests_per_second": 3}},
    ),
    (
        "DISAGG-RTR-040",
        {ROUTER: {"metrics_interval_ms": 50}},
        {ROUTER: {"metrics_interval_ms": 51}},
    ),
]


def found(edits: dict[str, Any]) -> list[Problem]:
    try:
        return check(read_text(edited("pilot", edits), "pilot.yaml")).warnings
    except InvalidInputError as error:
        return list(error.problems)


@pytest.mark.parametrize(
    ("code", "broken", "kept"), PAIRS, ids=[f"{i} {one[0]}" for i, one in enumerate(PAIRS)]
)
def test_a_broken_file_is_found_and_a_kept_one_is_not(
    code: str, broken: dict[str, Any], kept: dict[str, Any]
) -> None:
    (problem, *_) = [one for one in found(broken) if one.code == code]
    assert problem.path.startswith((ROUTER, "cluster.system_instance_type"))
    assert code not in {one.code for one in found(kept)}


def test_every_rule_has_a_pair() -> None:
    assert {one.code for one in rules_of(router_rules)} == {code for code, _, _ in PAIRS}


def test_a_misspelt_plugin_is_told_what_it_may_be() -> None:
    (problem,) = found(plugin(type="lora-afinity-scorer", weights={"prefill": 1}))
    assert "lora-affinity-scorer" in problem.fix
