"""How a file system of models shows in the manifests: a volume, a claim, servers that only read."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from manifest_edits import server
from shipped import checked

import disagg_k8s
from disagg.checks.engines import validate_schemas
from disagg.checks.manifests import check_manifests
from disagg.config.environment import Environment
from disagg_k8s.third_party import chart_values

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
STATED = {"id": "fs-0123456789abcdef0", "mount_name": "fsxabcde"}
VOLUME = "26-model-volume.yaml"
DIRECTORY = f"/mnt/models/models/openai/gpt-oss-120b/{COMMIT}"
PROGRAMS = Path(disagg_k8s.__file__).parent / "programs"


def environment(platform: str = "eks", **more: Any) -> Environment:
    weights = {"kind": "fsx", "revision": COMMIT, "file_system": STATED} | more
    given = {key: value for key, value in weights.items() if value is not None}
    return checked("pilot", cluster__platform=platform, serving__weights=given).environment


def pods(files: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for objects in files.values()
        for one in objects
        if one["kind"] == "Deployment" and one["metadata"]["name"] != "router"
    }


def test_volume_and_claim_name_each_other_and_pass_the_strict_schemas() -> None:
    files = disagg_k8s.render(environment())
    assert list(files).index(VOLUME) < list(files).index("30-decode-pool.yaml")
    volume, claim = files[VOLUME]
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["claimRef"] == {
        "namespace": claim["metadata"]["namespace"],
        "name": claim["metadata"]["name"],
    }
    # Oracle: examples/kubernetes/static_provisioning of the driver.
    assert volume["spec"]["csi"] == {
        "driver": "fsx.csi.aws.com",
        "volumeHandle": "fs-0123456789abcdef0",
        "volumeAttributes": {
            "dnsname": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com",
            "mountname": "fsxabcde",
        },
    }
    assert validate_schemas(files[VOLUME], "1.34", file=VOLUME) == []


@pytest.mark.parametrize("platform", ["eks", "hyperpod"])
def test_every_server_streams_from_the_directory_and_cannot_write_it(platform: str) -> None:
    one = environment(platform)
    files = disagg_k8s.render(one)
    assert check_manifests(files, one) == []
    found = pods(files)
    assert set(found) == {"decode", "prefill", "baseline"}
    for name, pod in found.items():
        container = server(files, name)
        assert container["args"][0] == DIRECTORY
        assert "--load-format=runai_streamer" in container["args"]
        assert "--served-model-name=openai/gpt-oss-120b" in container["args"]
        (gate,) = [c for c in pod["initContainers"] if c["name"] == "weights-gate"]
        assert gate["command"][-1] == DIRECTORY
        mount = {"name": "models", "mountPath": "/mnt/models", "readOnly": True}
        assert mount in container["volumeMounts"]
        assert gate["volumeMounts"] == [mount]
        names = {entry["name"] for entry in container["env"]}
        assert not names & {"HF_TOKEN", "AWS_DEFAULT_REGION", "RUNAI_STREAMER_NO_BOTO3_SESSION"}


def test_the_job_fills_the_bucket_as_it_does_without_a_file_system() -> None:
    s3 = checked("pilot", serving__weights={"kind": "s3", "revision": COMMIT}).environment
    loading = "25-model-loading.yaml"
    assert disagg_k8s.render(environment())[loading] == disagg_k8s.render(s3)[loading]


def test_while_no_file_system_is_stated_there_is_no_volume_and_pods_say_why_they_wait() -> None:
    one = environment(file_system=None)
    files = disagg_k8s.render(one)
    assert check_manifests(files, one) == []
    assert VOLUME not in files
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(files).values()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"models-file-system-not-stated"}


def test_another_file_system_is_another_volume_since_neither_can_change() -> None:
    other = {"id": "fs-0fedcba9876543210", "mount_name": "fsxabcde"}
    names = [
        {row["metadata"]["name"] for row in disagg_k8s.render(one)[VOLUME]}
        for one in (environment(), environment(file_system=other))
    ]
    assert not names[0] & names[1]


def test_the_driver_runs_without_a_controller_and_is_told_the_region() -> None:
    values = chart_values(environment())["aws-fsx-csi-driver"]
    assert values == {"controller": {"replicaCount": 0}, "node": {"region": "us-west-2"}}
    assert "aws-fsx-csi-driver" not in chart_values(checked("pilot").environment)


def gate() -> Any:
    spec = spec_from_file_location("files_gate", PROGRAMS / "files_gate.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules["files_gate"] = module
    spec.loader.exec_module(module)
    return module


def test_the_gate_opens_when_every_file_has_its_size_and_not_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = gate()
    assert program.main(str(tmp_path)) == 1
    assert "has not finished" in capsys.readouterr().out
    files = {"model.safetensors": b"w" * 10, "config.json": b"{}"}
    listed = [{"name": name, "size": len(content)} for name, content in files.items()]
    (tmp_path / "disagg-files.json").write_text(json.dumps({"files": listed}), "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"w" * 9)
    assert program.main(str(tmp_path)) == 1
    said = capsys.readouterr().out
    assert "model.safetensors: 9 of 10 B" in said
    assert "config.json: 0 of 2 B" in said
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert program.main(str(tmp_path)) == 0
    assert capsys.readouterr().out.strip().endswith("whole")


def test_both_gates_look_for_the_list_of_the_loader() -> None:
    texts = [
        (PROGRAMS / f"{name}.py").read_text("utf-8") for name in ("load_weights", "files_gate")
    ]
    assert all('"disagg-files.json"' in text for text in texts)
