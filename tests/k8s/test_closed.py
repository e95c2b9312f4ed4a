"""What a network without internet changes in manifests and in what installs charts."""

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from closed import ECR, closed
from moto import mock_aws
from shipped import checked

import disagg_k8s
from disagg.planner.add_ons import installed
from disagg_k8s.argocd import ROOT_FILE, applications
from disagg_k8s.third_party import chart_values, helmfile

PROGRAM = Path(disagg_k8s.__file__).parent / "programs" / "fetch_file.py"
GIT = {"git": {"repo_url": "https://git.example.com/p.git", "path": "environments/pilot"}}
ALL = {"monitoring": True, "keda": True, "leader_worker_set": True}


def pods(files: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for objects in files.values()
        for one in objects
        if one["kind"] in {"Deployment", "Job"}
    }


def test_every_image_comes_from_ecr_and_nothing_else_changes_but_the_loader() -> None:
    shut, open_ = (
        disagg_k8s.render(closed()),
        disagg_k8s.render(
            checked(serving__weights={"kind": "s3", "revision": "b" * 40}).environment
        ),
    )
    images = {
        c["image"]
        for p in pods(shut).values()
        for c in (*p["containers"], *p.get("initContainers", ()))
    }
    assert len(images) == 4
    assert all(one.startswith(f"{ECR}/disagg-pilot/") for one in images)
    assert open_.keys() - shut.keys() == {"25-model-loading.yaml"}


@pytest.mark.parametrize("name", ["prefill", "decode", "baseline"])
def test_a_server_finds_its_vocabulary_where_the_init_container_put_it(name: str) -> None:
    pod = pods(disagg_k8s.render(closed()))[name]
    (fetch,) = [one for one in pod["initContainers"] if one["name"] == "vocabulary"]
    place, file, digest = fetch["command"][-3:]
    assert place.endswith("/models/vocabulary/o200k_base.tiktoken")
    assert len(digest) == 64
    (folder,) = {one["mountPath"] for one in fetch["volumeMounts"]}
    assert file == f"{folder}/o200k_base.tiktoken"
    server = pod["containers"][0]
    given = {one["name"]: one.get("value") for one in server["env"]}
    assert given["TIKTOKEN_ENCODINGS_BASE"] == folder
    assert {"name": "vocabulary", "mountPath": folder, "readOnly": True} in server["volumeMounts"]


def test_with_internet_a_server_fetches_it_itself() -> None:
    stored = checked(serving__weights={"kind": "s3", "revision": "b" * 40}).environment
    assert "vocabulary" not in str(pods(disagg_k8s.render(stored)))


def fetcher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_file", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("digest", "code"), [(hashlib.sha256(b"words").hexdigest(), 0), ("0" * 64, 1)]
)
def test_the_fetched_file_is_what_it_should_be_or_not_there(
    digest: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="models")
        s3.put_object(Bucket="models", Key="models/vocabulary/a", Body=b"words")
        file = tmp_path / "a"
        assert fetcher().main("s3://models/models/vocabulary/a", str(file), digest) == code
        assert file.exists() is (code == 0)


def test_charts_are_installed_from_the_folder_beside_the_helmfile() -> None:
    written = helmfile(closed(add_ons=ALL))
    assert "repositories" not in written
    assert written["helmDefaults"]["skipDeps"] is True
    assert {one["chart"] for one in written["releases"]} == {
        f"./vendored/{one.name}" for one in installed(closed(add_ons=ALL))
    }
    assert "skipDeps" not in helmfile(checked(add_ons=ALL).environment)["helmDefaults"]


def test_argo_cd_reads_charts_from_git_too() -> None:
    files = applications(closed(delivery=GIT, add_ons=ALL))
    del files[ROOT_FILE]
    sources = [one["spec"]["source"] for one in files.values()]
    assert {one["repoURL"] for one in sources} == {"https://git.example.com/p.git"}
    assert "environments/pilot/charts/vendored/keda" in {one["path"] for one in sources}
    assert not any("chart" in one for one in sources)


def test_every_chart_names_the_environments_registry() -> None:
    for name, values in chart_values(closed(add_ons=ALL)).items():
        assert ECR in str(values), name
    assert "dkr.ecr" not in str(chart_values(checked(add_ons=ALL).environment))
