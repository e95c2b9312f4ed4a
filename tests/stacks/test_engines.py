"""What AWS's own rules and cfn-lint say about the templates."""

import json
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint_file
from cloudformation_validate import CompositeEngine, Severity

from tests.stacks.synthesis import templates

pytestmark = pytest.mark.slow
REGION = "us-west-2"
EXPLAINED = {
    "W9002": "the administrators' ARNs come from the environment file: they are nobody's resource",
    "W9013": "the same ARNs name their account",
}


@pytest.fixture(params=["pilot", "reference"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    written = []
    for name, template in templates(request.param).items():
        path = tmp_path / f"{name}.template.json"
        path.write_text(json.dumps(template))
        written.append(path)
    return written


def test_cfn_lint_finds_nothing(files: list[Path]) -> None:
    found = [match for path in files for match in lint_file(path, ManualArgs(regions=[REGION]))]
    assert files
    assert [f"{match.filename} {match.rule.id} {match.message[:200]}" for match in found] == []


def test_cloudformation_validate_warns_of_nothing_unexplained(files: list[Path]) -> None:
    engine = CompositeEngine()
    found = [
        (path.name, one.rule_id, one.message[:200])
        for path in files
        for one in engine.validate_template(str(path)).diagnostics
        if one.severity.value >= Severity.WARN.value
    ]
    assert [row for row in found if row[1] not in EXPLAINED] == []
    assert {row[1] for row in found} == EXPLAINED.keys(), "an explanation nobody needs"


def test_the_engines_see_what_is_wrong(tmp_path: Path) -> None:
    capacity = templates("pilot")["Disagg-Pilot-Capacity"]
    for body in capacity["Resources"].values():
        if body["Type"] == "AWS::EKS::Nodegroup":
            body["Properties"]["AmiType"] = "AL2023_x86_64_NVIDEA"
    path = tmp_path / "wrong.template.json"
    path.write_text(json.dumps(capacity))
    found = CompositeEngine().validate_template(str(path)).diagnostics
    assert any("AmiType" in one.message or "NVIDEA" in one.message for one in found)
