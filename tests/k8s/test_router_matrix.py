"""Every pair of choices about the router, in one of the environments: rendered, judged by all."""

import json
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest
import yaml
from covering import Row, covering
from shipped import edited

import disagg_k8s
from disagg.checks.engines import validate_envoy, validate_schemas
from disagg.checks.environment import check
from disagg.checks.manifests import check_manifests
from disagg.config.environment import Environment
from disagg.config.yaml_reader import read_text

pytestmark = pytest.mark.slow

AXES: dict[str, tuple[Any, ...]] = {
    "policy": ("load_aware", "prefix_aware", "prefix_precise"),
    "decider": ("always_disaggregate", "prefix_based"),
    "threshold": (None, 512),
    "flow": (None, "default", "tight"),
    "session": (None, "x-session-id"),
    "plugins": (None, "scorer", "parameters"),
    "model": ("openai/gpt-oss-120b", "meta-llama/Llama-3.3-70B-Instruct"),
    "weights": ("hugging_face", "s3"),
    "placement": ("separate_nodes", "colocate"),
    "pods": ("few", "many"),
    "platform": ("eks", "hyperpod"),
}
FLOWS = {None: None, "default": {}, "tight": {"queue_seconds": 5, "max_requests": 50}}
PLUGINS: dict[str | None, list[dict[str, Any]]] = {
    None: [],
    "scorer": [{"type": "running-requests-size-scorer", "weights": {"prefill": 1, "decode": 0.5}}],
    "parameters": [{"type": "active-request-scorer", "parameters": {"idleThreshold": 1}}],
}
REVISION = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"


def possible(row: Row) -> bool:
    """Tell whether the file takes a row: a threshold belongs to one decider."""
    return row["threshold"] is None or row["decider"] == "prefix_based"


ROWS = covering(AXES, possible, 2)


def environment_of(row: Row) -> Environment:
    llama = row["model"].startswith("meta")
    nodes = {"few": 1, "many": 4}[row["pods"]]
    group = {"instance_type": "p6-b200.48xlarge", "nodes": nodes}
    shared = row["placement"] == "colocate"
    parallel = 2 if llama else 1
    half = 2 if shared else 1
    router = {
        "policy": row["policy"],
        "decider": row["decider"],
        "threshold_tokens": row["threshold"],
        "flow_control": FLOWS[row["flow"]],
        "session_header": row["session"],
        "plugins": PLUGINS[row["plugins"]],
    }
    edits: dict[str, Any] = {
        "cluster.platform": row["platform"],
        "capacity": dict.fromkeys(("shared",) if shared else ("prefill", "decode"), group),
        "serving.placement": row["placement"],
        "serving.model": row["model"],
        "serving.prefill": {
            "replicas": nodes * 8 // parallel // half,
            "tensor_parallel": parallel,
        },
        "serving.decode": {"replicas": nodes * 2 // half, "tensor_parallel": 4},
        "serving.router": {key: value for key, value in router.items() if value is not None},
        "workload.input_tokens": 12_000,
    }
    if row["weights"] == "s3":
        edits["serving.weights"] = {
            "kind": "s3",
            "revision": REVISION,
            "token_secret": "disagg/hub-token",
        }
    return check(read_text(edited("pilot", edits), "row.yaml")).environment


def test_the_rows_hold_every_pair_of_choices() -> None:
    assert len(ROWS) >= 9
    names = list(AXES)
    for two in combinations(names, 2):
        wanted = {
            (one, other)
            for one, other in product(AXES[two[0]], AXES[two[1]])
            if set(two) != {"threshold", "decider"}
            or possible(dict(zip(two, (one, other), strict=True)))
        }
        assert {tuple(row[name] for name in two) for row in ROWS} == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_a_row_is_rendered_and_every_engine_is_content(row: Row) -> None:
    environment = environment_of(row)
    files = disagg_k8s.render(environment)
    assert check_manifests(files, environment) == []
    for name, found in files.items():
        assert validate_schemas(found, "1.34", file=name) == []
    (data,) = [o["data"] for o in files["70-router.yaml"] if o["kind"] == "ConfigMap"]
    assert validate_envoy(data["envoy.yaml"]) == []
    assert set(listening(files)) >= set(dialled(yaml.safe_load(data["picker.yaml"])))


def listening(files: dict[str, list[dict[str, Any]]]) -> Iterator[int]:
    """Yield the ports that containers of the serving namespace open."""
    for found in files.values():
        for one in found:
            spec = one.get("spec", {}).get("template", {}).get("spec", {})
            for container in (*spec.get("initContainers", []), *spec.get("containers", [])):
                yield from (port["containerPort"] for port in container.get("ports", []))


def dialled(config: dict[str, Any]) -> Iterator[int]:
    """Yield the ports that the picker's configuration names."""
    for plugin in config["plugins"]:
        parameters = plugin.get("parameters", {})
        if "vllm" in parameters:
            yield int(parameters["vllm"]["url"].rpartition(":")[2])
        if "kvEventsConfig" in parameters:
            yield parameters["kvEventsConfig"]["podDiscoveryConfig"]["socketPort"]


def test_only_a_precise_router_makes_pods_talk() -> None:
    for row in ROWS:
        text = json.dumps(disagg_k8s.render(environment_of(row)))
        assert ("kv_cache_events" in text) is (row["policy"] == "prefix_precise")
        assert ("launch" in text) is (row["policy"] == "prefix_precise")
