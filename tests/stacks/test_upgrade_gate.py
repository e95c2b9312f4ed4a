"""What an upgrade would destroy or replace, as the CDK CLI itself says, must be announced.

`tests/golden/release` holds the pilot's templates of the last release; before the first, those the
gate began with. A logical id that goes or is replaced since then stands in the CHANGELOG.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from shipped import checked

from disagg import artifacts
from disagg.node import cdk_command, tool_environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "tests" / "golden" / "release"
STACKS = ("Network", "Cluster", "Capacity")
_DESTRUCTIVE = re.compile(r"(?P<id>\S+) will be (?:destroyed|replaced)")


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("now") / "stacks"
    artifacts.write_stacks(checked("pilot").environment, folder)
    return folder


def destroyed(assembly: Path, layer: str, old: Path, folder: Path) -> set[str]:
    """Return the logical ids that deploying the assembly over an old template ends."""
    command = cdk_command(
        "diff",
        f"Disagg-Pilot-{layer}",
        "--exclusively",
        "--no-notices",
        "--no-color",
        "--fail-on=destructive",
        f"--app={assembly}",
        f"--template={old}",
    )
    done = subprocess.run(
        command, cwd=folder, env=tool_environment(), capture_output=True, text=True, check=False
    )
    found = {match["id"] for match in _DESTRUCTIVE.finditer(done.stdout + done.stderr)}
    assert done.returncode == bool(found), done.stderr
    return found


def unreleased() -> str:
    """Return what the CHANGELOG says of the next release."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    return text.partition("## Unreleased")[2].partition("\n## ")[0]


@pytest.mark.parametrize("layer", STACKS)
def test_what_an_upgrade_ends_is_announced(assembly: Path, tmp_path: Path, layer: str) -> None:
    old = RELEASE / f"Disagg-Pilot-{layer}.json"
    announced = unreleased()
    ended = destroyed(assembly, layer, old, tmp_path)
    assert sorted(one for one in ended if one not in announced) == []


def test_a_replacement_and_a_loss_are_found(assembly: Path, tmp_path: Path) -> None:
    template = json.loads((RELEASE / "Disagg-Pilot-Capacity.json").read_text("utf-8"))
    (group, *_) = [
        name for name, one in template["Resources"].items() if one["Type"] == "AWS::EKS::Nodegroup"
    ]
    template["Resources"][group]["Properties"]["AmiType"] = "AL2023_x86_64_STANDARD"
    template["Resources"]["Gone"] = {"Type": "AWS::SNS::Topic"}
    old = tmp_path / "old.json"
    old.write_text(json.dumps(template))
    assert destroyed(assembly, "Capacity", old, tmp_path) == {group, "Gone"}


def test_a_change_in_place_is_no_loss(assembly: Path, tmp_path: Path) -> None:
    template = json.loads((RELEASE / "Disagg-Pilot-Capacity.json").read_text("utf-8"))
    for one in template["Resources"].values():
        if one["Type"] == "AWS::EKS::Nodegroup":
            one["Properties"]["ScalingConfig"]["MaxSize"] += 1
    old = tmp_path / "old.json"
    old.write_text(json.dumps(template))
    assert destroyed(assembly, "Capacity", old, tmp_path) == set()
