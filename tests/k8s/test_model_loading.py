"""How a store of weights shows in the manifests: the Job that fills it, the servers that read."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from shipped import checked

import disagg_k8s
from disagg.checks.engines import validate_schemas
from disagg.config import weights
from disagg.config.environment import Environment
from disagg.planner.weights import bucket_name

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
S3 = {"kind": "s3", "revision": COMMIT}
S3_STORE = weights.S3(kind="s3", revision=COMMIT)
LOADING = "25-model-loading.yaml"


def environment(**edits: Any) -> Environment:
    return checked("pilot", **edits).environment


def stored(**more: Any) -> Environment:
    return environment(serving__weights=S3 | more)


def job(one: Environment) -> dict[str, Any]:
    (found,) = [o for o in disagg_k8s.render(one)[LOADING] if o["kind"] == "Job"]
    return found


def server(one: Environment, name: str) -> dict[str, Any]:
    files = disagg_k8s.render(one)
    (found,) = [
        o
        for objects in files.values()
        for o in objects
        if (o["kind"], o["metadata"]["name"]) == ("Deployment", name)
    ]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def test_without_a_store_nothing_is_rendered_for_it() -> None:
    files = disagg_k8s.render(environment())
    named = disagg_k8s.render(environment(serving__weights={"kind": "hugging_face"}))
    assert files == named
    assert LOADING not in files
    assert "s3://" not in json.dumps(files)


def test_the_job_comes_before_the_servers_and_passes_the_strict_schemas() -> None:
    files = disagg_k8s.render(stored())
    names = list(files)
    assert names == sorted(names)
    assert names.index(LOADING) < names.index("30-decode-pool.yaml")
    kinds = [one["kind"] for one in files[LOADING]]
    assert kinds == ["PriorityClass", "ServiceAccount", "ConfigMap", "Job"]
    assert validate_schemas(files[LOADING], "1.34", file=LOADING) == []


def test_the_job_runs_on_a_system_node_as_nobody_and_names_the_pinned_revision() -> None:
    pod = job(stored())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"disagg/role": "system"}
    assert pod["serviceAccountName"] == "model-loader"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "nvidia.com/gpu" not in json.dumps(pod)
    model, revision, place = container["args"]
    assert (model, revision) == ("openai/gpt-oss-120b", COMMIT)
    assert place.endswith(f"/models/openai/gpt-oss-120b/{COMMIT}")


@pytest.mark.parametrize(
    "edits",
    [
        {"serving__weights": S3 | {"revision": "0" * 40}},
        {"serving__weights": S3 | {"bucket": "models-of-ours"}},
        {"serving__weights": S3, "serving__model": "Qwen/Qwen3-32B"},
    ],
)
def test_other_content_is_another_job_since_a_job_cannot_change(edits: dict[str, Any]) -> None:
    assert job(environment(**edits))["metadata"]["name"] != job(stored())["metadata"]["name"]


def test_other_settings_leave_the_job_alone() -> None:
    other = environment(serving__weights=S3, serving__router={"policy": "load_aware"})
    assert job(other) == job(stored())


def test_the_name_of_the_secret_reaches_the_job_and_no_server() -> None:
    llama = environment(
        serving__model="meta-llama/Llama-3.3-70B-Instruct",
        serving__max_context_tokens=8192,
        serving__weights=S3 | {"token_secret": "disagg/hub-token"},
    )
    assert (
        "--token-secret=disagg/hub-token"
        in job(llama)["spec"]["template"]["spec"]["containers"][0]["args"]
    )
    assert "hub-token" not in json.dumps(server(llama, "decode"))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        # By hand: 65.2 GB in streams of 4 GB are 17; 64 GiB a GPU, of which a quarter is 16 GiB.
        ("prefill", {"concurrency": 17, "memory_limit": 16 * 1024**3}),
        ("decode", {"concurrency": 17, "memory_limit": 16 * 1024**3, "distributed": True}),
        ("baseline", {"concurrency": 17, "memory_limit": 16 * 1024**3, "distributed": True}),
    ],
)
def test_every_server_streams_from_the_store_under_the_models_own_name(
    name: str, settings: dict[str, Any]
) -> None:
    pod = server(stored(), name)
    container = pod["containers"][0]
    assert container["args"][0].startswith("s3://disagg-pilot-models-")
    assert "--served-model-name=openai/gpt-oss-120b" in container["args"]
    assert "--load-format=runai_streamer" in container["args"]
    flag = "--model-loader-extra-config="
    (text,) = [a.removeprefix(flag) for a in container["args"] if a.startswith(flag)]
    assert json.loads(text) == settings
    gates = [c for c in pod["initContainers"] if c["name"] == "weights-gate"]
    assert [c["command"][-1] for c in gates] == [container["args"][0]]
    assert "HF_TOKEN" not in {entry["name"] for entry in container["env"]}


@pytest.mark.parametrize(
    ("model", "streams"), [("openai/gpt-oss-20b", 8), ("deepseek-ai/DeepSeek-R1", 64)]
)
def test_small_and_large_models_keep_within_the_bounds_of_streams(model: str, streams: int) -> None:
    one = environment(
        serving__model=model,
        serving__weights=S3,
        serving__max_context_tokens=4096,
        serving__prefill={"replicas": 1, "tensor_parallel": 8},
        serving__decode={"replicas": 1, "tensor_parallel": 8},
    )
    (text,) = [a for a in server(one, "decode")["containers"][0]["args"] if "concurrency" in a]
    assert f'"concurrency":{streams},' in text


def test_buckets_of_two_accounts_regions_and_environments_differ() -> None:
    one = stored()
    others = [
        one,
        replace(one, name="a" * 30),
        replace(one, aws=replace(one.aws, region="us-east-1")),
        replace(one, aws=replace(one.aws, account="210987654321")),
    ]
    buckets = {bucket_name(other, S3_STORE) for other in others}
    assert len(buckets) == len(others)
    # Oracle: S3's naming rules, 3 to 63 of a-z, 0-9 and -.
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name) for name in buckets)


@pytest.mark.parametrize("name", ["prefill", "decode", "baseline"])
def test_a_cache_of_the_node_needs_its_array_and_shows_one_directory_of_it(name: str) -> None:
    pod = server(environment(serving__cache="node"), name)
    assert {"name": "cache", "hostPath": {"path": "/mnt/k8s-disks/0", "type": "Directory"}} in pod[
        "volumes"
    ]
    mount = {"name": "cache", "mountPath": "/var/cache/disagg", "subPath": "disagg/pilot"}
    assert mount in pod["containers"][0]["volumeMounts"]


def test_by_default_caches_go_with_the_pod() -> None:
    assert environment(serving__cache="pod") == environment()
    pod = server(environment(), "decode")
    assert {"name": "cache", "emptyDir": {}} in pod["volumes"]
    assert "hostPath" not in json.dumps(pod)
