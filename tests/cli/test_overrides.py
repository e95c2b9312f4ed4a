"""Overrides as a user meets them: shown in the plan, placed by line, named when they break."""

import json
from pathlib import Path
from typing import Any

import pytest
from shipped import edited

from disagg.cli import main

PREFILL = {"kind": "Deployment", "name": "prefill"}
SERVER = "/spec/template/spec/containers/0"
NODES = "DecodeNodes/LaunchTemplate"
METADATA = "Properties.LaunchTemplateData.MetadataOptions"


def file(folder: Path, **overrides: Any) -> str:
    path = folder / "mine.yaml"
    path.write_text(edited("pilot", {"overrides": overrides}), encoding="utf-8")
    return str(path)


def manifest(*patch: dict[str, Any]) -> dict[str, Any]:
    return {"target": PREFILL, "patch": list(patch)}


def resource(**more: Any) -> dict[str, Any]:
    return {"stack": "Capacity", "path": NODES, "property": METADATA, "value": 1} | more


@pytest.fixture
def harmless(tmp_path: Path) -> str:
    return file(
        tmp_path,
        manifests=[
            manifest({"op": "add", "path": "/metadata/annotations", "value": {"team": "search"}})
            | {"reason": "ticket 42"}
        ],
        resources=[resource(property=f"{METADATA}.InstanceMetadataTags", value="disabled")],
    )


def test_the_plan_shows_every_change(harmless: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", harmless]) == 0
    said = capsys.readouterr().out
    assert "Overrides change what is rendered; this plan counts without them:" in said
    assert 'Deployment prefill: add /metadata/annotations as {"team": "search"} (ticket 42)' in said
    assert f'Capacity/{NODES}: {METADATA}.InstanceMetadataTags becomes "disabled"' in said
    assert main(["plan", harmless, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["overrides"]
    assert [one["at"] for one in told] == [
        "overrides.manifests[0].patch[0]",
        "overrides.resources[0]",
    ]


def test_without_overrides_the_plan_says_nothing_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", "environments/pilot.yaml"]) == 0
    assert "verride" not in capsys.readouterr().out


def test_what_is_written_is_changed_and_judged_sound(harmless: str, tmp_path: Path) -> None:
    assert main(["synth", harmless, "--dist", str(tmp_path), "--no-engines"]) == 0
    pool = (tmp_path / "pilot/manifests/40-prefill-pool.yaml").read_text("utf-8")
    assert "team: search" in pool
    template = json.loads(
        (tmp_path / "pilot/stacks/Disagg-Pilot-Capacity.template.json").read_text()
    )
    options = [
        one["Properties"]["LaunchTemplateData"]["MetadataOptions"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::EC2::LaunchTemplate"
    ]
    assert [one.get("InstanceMetadataTags") for one in options] == [None, "disabled"]


def test_what_matches_nothing_has_its_line_on_both_sides_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = file(
        tmp_path,
        manifests=[manifest({"op": "replace", "path": "/spec/replica", "value": 3})],
        resources=[resource(path="DecodeNodes/LaunchTemplat")],
    )
    assert main(["synth", wrong, "--dist", str(tmp_path / "dist")]) == 64
    said = capsys.readouterr().err
    lines = Path(wrong).read_text("utf-8").splitlines()
    for text, key in (("path: /spec/replica", "manifests[0].patch[0].path"),
                      ("path: DecodeNodes/LaunchTemplat", "resources[0].path")):  # fmt: skip
        number = next(n for n, line in enumerate(lines, 1) if text in line)
        assert f"{wrong}:{number} overrides.{key}: " in said
    assert "did you mean /spec/replicas?   [DISAGG-OVR-005]" in said
    assert f"did you mean {NODES!r}?   [DISAGG-OVR-006]" in said
    assert not (tmp_path / "dist/pilot").exists()


@pytest.mark.parametrize(
    ("overrides", "code", "named"),
    [
        (
            {"manifests": [manifest({"op": "remove", "path": f"{SERVER}/resources/limits"})]},
            "DISAGG-POD-004",
            "overrides.manifests[0]",
        ),
        (
            {"manifests": [manifest({"op": "remove", "path": "/spec/template/spec/containers"})]},
            "DISAGG-",
            "overrides.manifests[0]",
        ),
        (
            {"manifests": [manifest({"op": "replace", "path": "/spec/template", "value": 7})]},
            "DISAGG-OVR-007",
            "overrides.manifests[0]",
        ),
        (
            {"resources": [resource(property=f"{METADATA}.HttpPutResponseHopLimit", value=2)]},
            "DISAGG-TPL-007",
            "overrides.resources[0]",
        ),
        (
            {"resources": [resource(property="Properties.LaunchTemplateData", value="x")]},
            "DISAGG-OVR-007",
            "overrides.resources[0]",
        ),
    ],
)
def test_a_rule_that_an_override_breaks_names_the_override(
    overrides: dict[str, Any],
    code: str,
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = file(tmp_path, **overrides)
    assert main(["synth", given, "--dist", str(tmp_path / "dist"), "--no-engines"]) == 2
    said = capsys.readouterr().err
    assert code in said
    assert f"correct or remove {named}" in said
    assert "Traceback" not in said


def test_a_field_that_kubernetes_does_not_know_is_the_overrides_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = file(tmp_path, manifests=[manifest({"op": "add", "path": "/spec/repicas", "value": 1})])
    assert main(["synth", given, "--dist", str(tmp_path / "dist")]) == 2
    said = capsys.readouterr().err
    assert "'repicas' was unexpected" in said
    assert "correct or remove overrides.manifests[0]" in said
