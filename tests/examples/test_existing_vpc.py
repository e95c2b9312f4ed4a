import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from disagg.checks.templates import check_templates
from tests.stacks.synthesis import of_type, only

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "01-existing-vpc"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=EXAMPLE,
        env={
            **os.environ,
            "CDK_OUTDIR": str(folder),
            "CDK_VALIDATION": "false",
            "PYTHONPATH": os.pathsep.join(str(ROOT / one) for one in ("", "constructs")),
        },
        check=True,
    )
    return folder


@pytest.fixture
def template(assembly: Path) -> dict[str, Any]:
    text = (assembly / "TheirPlatform.template.json").read_text()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_nodes_have_nine_interfaces_with_both_groups(template: dict[str, Any]) -> None:
    data = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    interfaces = data["NetworkInterfaces"]
    assert [one["InterfaceType"] for one in interfaces] == ["interface"] + ["efa-only"] * 8
    for one in interfaces:
        assert one["Groups"][0] == "sg-0123456789abcdef0"
        assert "FabricSecurityGroup" in one["Groups"][1]["Fn::GetAtt"][0]


def test_nodes_join_the_named_cluster_in_one_subnet(template: dict[str, Any]) -> None:
    group = only(template, "AWS::EKS::Nodegroup")
    assert group["ClusterName"] == "their-cluster"
    assert len(group["Subnets"]) == 1
    assert not of_type(template, "AWS::EKS::Cluster")


def test_the_rules_of_the_project_hold_in_the_stack_of_others(template: dict[str, Any]) -> None:
    assert check_templates({"TheirPlatform": template}) == []


def test_it_asks_aws_nothing(assembly: Path) -> None:
    assert "missing" not in json.loads((assembly / "manifest.json").read_text())
