"""Every verb takes a file that extends another as it takes one that says everything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from planner_verbs import AGENTS, ARTICLE, FAST, PILOT, data

from disagg.checks.environment import load_environment
from disagg.cli import main
from disagg.config.json_schema import generate
from disagg.planner.ask import layout_of

pytestmark = pytest.mark.usefixtures("at_root")

CHILD = """\
# Ours.
extends: base.yaml
name: child # of the pilot
capacity:
  decode: {desired_nodes: 1} # started
"""


@pytest.fixture
def child(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(Path(PILOT).read_text("utf-8"), encoding="utf-8")
    path = tmp_path / "child.yaml"
    path.write_text(CHILD, encoding="utf-8")
    return path


@pytest.fixture
def whole(child: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["config", "show", str(child), "-o", "yaml"]) == 0
    path = child.with_name("whole.yaml")
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


@pytest.mark.parametrize("verb", ["plan", "cost", "size", "decide"])
def test_a_question_to_a_file_that_extends_is_answered_as_to_the_whole(
    verb: str, child: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = 2 if verb == "decide" else 0
    one, other = (data(capsys, verb, str(file), code=code) for file in (child, whole))
    for each in (one, other):
        for warning in each.get("warnings", []):
            for place in ("file", "line", "column"):
                del warning[place]
        each.pop("file", None)
    told = [
        json.dumps(each).replace(str(file), "FILE") for each, file in ((one, child), (other, whole))
    ]
    assert told[0] == told[1]


def test_both_are_rendered_alike(
    child: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees = []
    for file in (child, whole):
        dist = tmp_path / file.stem
        assert main(["render", str(file), "--dist", str(dist)]) == 0
        files = sorted(one for one in dist.rglob("*") if one.is_file())
        trees.append({one.relative_to(dist).as_posix(): one.read_bytes() for one in files})
    capsys.readouterr()
    assert trees[0] == trees[1]
    assert any(name.startswith("child/manifests/") for name in trees[0])


@pytest.mark.slow
def test_the_cdk_app_takes_a_file_that_extends(child: Path, whole: Path, root: Path) -> None:
    names = []
    for file in (child, whole):
        out = file.with_suffix(".out")
        context = json.loads((root / "cdk.json").read_text("utf-8"))["context"] | {"env": str(file)}
        variables = {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
        subprocess.run(
            [sys.executable, "app.py"], cwd=root, env={**os.environ, **variables}, check=True
        )
        names.append({one.name: one.read_bytes() for one in out.glob("*.template.json")})
    assert names[0] == names[1]
    assert "Disagg-Child-Network.template.json" in names[0]


@pytest.mark.parametrize("workload", [AGENTS, ARTICLE])
def test_size_writes_into_the_file_that_extends_what_differs_from_its_base(
    workload: str, child: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = child.with_name("base.yaml")
    assert main(["size", workload, *FAST, "-o", "json", "--write", str(child)]) == 0
    sized = json.loads(capsys.readouterr().out)
    assert base.read_text("utf-8") == Path(PILOT).read_text("utf-8")
    text = child.read_text("utf-8")
    assert text.startswith("# Ours.\nextends: base.yaml\nname: child # of the pilot\n")
    assert "network" not in yaml.safe_load(text)
    layout = layout_of(load_environment(child).environment)
    said = next(one for one in sized["layouts"] if one["layout"] == str(layout))
    assert said["meets"]
    assert data(capsys, "cost", str(child), *FAST)["usd_per_hour"] == said["usd_per_hour"]
    # Written into the whole file instead, the environment is the same.
    child.write_text(CHILD, encoding="utf-8")
    assert main(["config", "show", str(child), "-o", "yaml"]) == 0
    other = child.with_name("other.yaml")
    other.write_text(capsys.readouterr().out, encoding="utf-8")
    child.write_text(text, encoding="utf-8")
    assert main(["size", workload, *FAST, "--write", str(other)]) == 0
    capsys.readouterr()
    assert load_environment(other).environment == load_environment(child).environment


def test_size_writes_nothing_into_a_file_whose_base_is_wrong(
    child: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child.with_name("base.yaml").write_text("name: [\n", encoding="utf-8")
    assert main(["size", ARTICLE, *FAST, "--write", str(child)]) == 64
    assert "base.yaml:2" in capsys.readouterr().err
    assert child.read_text("utf-8") == CHILD


def test_a_workload_file_extends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("extends: base.yaml\n" + Path(ARTICLE).read_text("utf-8"), encoding="utf-8")
    assert main(["validate", str(path)]) == 64
    assert "w.yaml:1 extends: unknown key" in capsys.readouterr().err


ID = "cr-0123456789abcdef0"
PART = {"extends": "base.yaml"}
ACCEPTED = {
    "nothing but its base": PART,
    "part of a section": PART | {"network": {"cidr": "10.1.0.0/16"}},
    "a key taken away": PART | {"slo": None, "serving": {"prefill": {"cpu": None}}},
    "a whole section taken away": PART | {"capacity": {"shared": None}},
    "a member of a source without its kind": PART
    | {"capacity": {"decode": {"source": {"id": ID}}}},
}
REFUSED = {
    "a misspelt key": PART | {"netwrk": {}},
    "a misspelt key below": PART | {"serving": {"decode": {"replica": 1}}},
    "a wrong value": PART | {"serving": {"decode": {"replicas": "two"}}},
    "two bases": {"extends": ["a.yaml", "b.yaml"]},
    "another format": {"extends": "base.json"},
    "part of a list entry": PART | {"results": [{"file": "a.json"}]},
    "parts without a base": {"network": {"cidr": "10.1.0.0/16"}},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_schema_accepts_a_part_that_extends(case: str) -> None:
    jsonschema.validate(ACCEPTED[case], json.loads(generate()))


@pytest.mark.parametrize("case", REFUSED)
def test_the_schema_refuses_what_no_part_may_say(case: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(REFUSED[case], json.loads(generate()))
