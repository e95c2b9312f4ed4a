"""Rules over manifests whose servers read a store: kept by what is rendered, broken by changes."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from manifest_edits import RENDERED, one, pod, server
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import check_manifests, weights_rules
from disagg.checks.rule import rules_of

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
S3 = {"kind": "s3", "revision": COMMIT}
STORED = checked("pilot", serving__weights=S3).environment
Files = dict[str, list[dict[str, Any]]]
WRITTEN: Files = disagg_k8s.render(STORED)
Change = Callable[[Files], object]


def args(files: Files, name: str = "decode") -> list[str]:
    found: list[str] = server(files, name)["args"]
    return found


def replace(files: Files, start: str, value: str) -> None:
    given = args(files)
    given[next(i for i, a in enumerate(given) if a.startswith(start))] = value


def gate(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = next(
        c for c in pod(files, "decode")["initContainers"] if c["name"] == "weights-gate"
    )
    return found


def job(files: Files) -> dict[str, Any]:
    (found,) = [o for o in files["25-model-loading.yaml"] if o["kind"] == "Job"]
    container: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
    return container


def stream(**settings: object) -> Change:
    text = json.dumps(settings)
    return lambda f: replace(
        f, "--model-loader-extra-config", f"--model-loader-extra-config={text}"
    )


GIB = 1024**3
VIOLATIONS: list[tuple[str, str, Change]] = [
    ("011", "no gate", lambda f: pod(f, "decode")["initContainers"].remove(gate(f))),
    ("011", "a gate elsewhere", lambda f: gate(f)["command"].__setitem__(-1, "s3://other/model")),
    (
        "012",
        "the default loader",
        lambda f: args(f).remove("--load-format=runai_streamer"),
    ),
    ("012", "another name", lambda f: replace(f, "--served-model-name", "--served-model-name=x")),
    ("013", "no limit", stream(concurrency=17, distributed=True)),
    ("013", "no settings", lambda f: replace(f, "--model-loader-extra", "--max-model-len=4096")),
    ("013", "all of the memory", stream(memory_limit=64 * GIB, distributed=True)),
    ("013", "every GPU reads all", stream(memory_limit=16 * GIB)),
    (
        "013",
        "not JSON",
        lambda f: replace(f, "--model-loader-extra", "--model-loader-extra-config=x"),
    ),
    ("014", "no Job", lambda f: f["25-model-loading.yaml"].pop()),
    ("014", "another revision", lambda f: job(f)["args"].__setitem__(1, "0" * 40)),
    ("014", "another place", lambda f: job(f)["args"].__setitem__(2, "s3://other/model")),
    ("014", "servers at the hub", lambda f: args(f).__setitem__(0, "openai/gpt-oss-120b")),
    (
        "015",
        "a Secret",
        lambda f: f["25-model-loading.yaml"].append(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}}
        ),
    ),
    (
        "015",
        "a value for the token",
        lambda f: job(f)["env"].append({"name": "HF_TOKEN", "value": "x"}),
    ),
    ("015", "a token among arguments", lambda f: job(f)["args"].append("hf_" + "a1B2" * 8)),
]


def found_after(change: Change) -> set[str]:
    files = copy.deepcopy(WRITTEN)
    change(files)
    assert files != WRITTEN
    problems = check_manifests(files, STORED)
    assert all(p.path and p.got and p.need and p.fix for p in problems)
    return {problem.code for problem in problems}


OTHERS: dict[str, dict[str, Any]] = {
    "its own bucket": {"serving__weights": S3},
    "a bucket of yours, with an account id in its name": {
        "serving__weights": S3 | {"bucket": "models-123456789012-us-west-2", "prefix": "llm/eu"}
    },
    "a gated model": {
        "serving__model": "meta-llama/Llama-3.3-70B-Instruct",
        "serving__max_context_tokens": 8192,
        "serving__weights": S3 | {"token_secret": "disagg/hub-token"},
    },
    "eight GPUs a pod": {
        "serving__weights": S3,
        "serving__decode": {"replicas": 1, "tensor_parallel": 8},
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_rendered_breaks_no_rule(name: str) -> None:
    environment = checked("pilot", **OTHERS[name]).environment
    assert check_manifests(disagg_k8s.render(environment), environment) == []


@pytest.mark.parametrize(
    ("number", "change"),
    [(number, change) for number, _, change in VIOLATIONS],
    ids=[f"{number} {what}" for number, what, _ in VIOLATIONS],
)
def test_a_change_for_the_worse_is_found(number: str, change: Change) -> None:
    assert f"DISAGG-WGT-{number}" in found_after(change)


NODE = checked("pilot", serving__weights=S3, serving__cache="node").environment


def cache(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = next(v for v in pod(files, "decode")["volumes"] if v["name"] == "cache")
    return found


def cache_mount(files: Files) -> dict[str, Any]:
    mounts = server(files, "decode")["volumeMounts"]
    found: dict[str, Any] = next(m for m in mounts if m["name"] == "cache")
    return found


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("WGT-016", lambda f: cache(f)["hostPath"].update(type="DirectoryOrCreate")),
        ("WGT-016", lambda f: cache(f)["hostPath"].pop("type")),
        ("WGT-016", lambda f: cache_mount(f).pop("subPath")),
        ("WGT-016", lambda f: cache_mount(f).update(subPath="kubelet")),
        ("POD-009", lambda f: cache(f)["hostPath"].update(path="/var/lib/kubelet")),
        ("POD-009", lambda f: pod(f, "router")["volumes"].append(cache(f))),
    ],
)
def test_a_cache_elsewhere_than_on_the_array_is_found(code: str, change: Change) -> None:
    files = disagg_k8s.render(NODE)
    assert check_manifests(files, NODE) == []
    change(files)
    assert f"DISAGG-{code}" in {p.code for p in check_manifests(files, NODE)}


def test_a_cache_of_the_node_that_the_file_does_not_ask_for_is_found() -> None:
    found = {p.code for p in check_manifests(disagg_k8s.render(NODE), STORED)}
    assert found == {"DISAGG-POD-009"}


def test_every_rule_is_broken_by_some_change() -> None:
    codes = {rule.code for rule in rules_of(weights_rules)}
    broken = {f"DISAGG-WGT-{number}" for number, _, _ in VIOLATIONS}
    assert broken | {"DISAGG-WGT-016"} == codes


def test_a_job_for_an_environment_that_asks_the_hub_is_found() -> None:
    hub = checked("pilot").environment
    files = copy.deepcopy(RENDERED) | {"25-model-loading.yaml": WRITTEN["25-model-loading.yaml"]}
    assert "DISAGG-WGT-014" in {p.code for p in check_manifests(files, hub)}


def test_an_account_id_elsewhere_than_in_the_name_of_the_bucket_is_still_found() -> None:
    weights = S3 | {"bucket": "models-123456789012"}
    environment = checked("pilot", serving__weights=weights).environment
    files = disagg_k8s.render(environment)
    one(files, "Deployment", "decode")["metadata"]["labels"]["owner"] = "123456789012"
    assert {p.code for p in check_manifests(files, environment)} == {"DISAGG-OBJ-001"}
