"""`config show` and `config diff`: whole environments, with the origin of every value."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_environments import environments, sound
from ruamel.yaml import YAML

from disagg.checks.environment import check, load_environment
from disagg.cli import main
from disagg.config import effective
from disagg.config.effective import in_flow, to_yaml
from disagg.config.yaml_reader import read_text

ROOT = Path(__file__).resolve().parents[2]
CHILD = """\
extends: base.yaml
name: child
serving:
  decode:
    replicas: 1
slo: null
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    pilot = (ROOT / "environments/pilot.yaml").read_text("utf-8")
    Path("base.yaml").write_text(pilot, encoding="utf-8")
    Path("child.yaml").write_text(CHILD, encoding="utf-8")
    return "child.yaml"


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["config", *arguments]) == code
    return capsys.readouterr().out


def test_every_value_is_shown_with_the_file_and_line_that_says_it(
    child: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(shown(capsys, "show", child, "-o", "json"))
    assert data["files"] == ["child.yaml", "base.yaml"]
    origins = data["origins"]
    assert origins["name"] == "child.yaml:2"
    assert origins["serving.decode.replicas"] == "child.yaml:5"
    assert origins["serving.kv_transfer.block_size"] == "default"
    assert origins["slo"] == "default"
    # Held against the text itself: the line named holds the key.
    for path, origin in origins.items():
        if origin != "default":
            file, _, line = origin.rpartition(":")
            key = path.rpartition(".")[2]
            assert f"{key}:" in Path(file).read_text("utf-8").splitlines()[int(line) - 1], path
    table = shown(capsys, "show", child)
    assert "child.yaml extends base.yaml" in table
    assert all(f" {path} " in f" {table}" for path in origins)


def test_the_yaml_of_show_is_an_equal_environment_that_extends_nothing(
    child: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, "show", child, "-o", "yaml")
    assert "extends:" not in text
    assert (
        check(read_text(text, "out.yaml")).environment == load_environment(Path(child)).environment
    )
    assert "    replicas: 1 # child.yaml:5" in text


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(text=environments(tight=True))
def test_the_yaml_of_any_environment_parses_to_it(text: str) -> None:
    environment = sound(text)
    found = effective.settings(environment, read_text(text, "random.yaml"))
    written = to_yaml(found)
    cluster = replace(environment.cluster, hyperpod=environment.cluster.on_hyperpod)
    assert check(read_text(written, "written.yaml")).environment == replace(
        environment, cluster=cluster
    )
    assert yaml.safe_load(written) == effective.tree(found)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(["yes", "null", "0o17", "1e3", "0x1F", "a: b", "- a", "#", "~", "A.b", ""])


@settings(max_examples=300)
@given(st.recursive(LEAVES | TEXT | WORDS, lambda one: st.lists(one) | st.dictionaries(TEXT, one)))
def test_any_data_in_one_line_is_read_again_as_it_was(data: Any) -> None:
    line = f"k: {in_flow(data)} # comment\n"
    assert "\n" not in line[:-1]
    assert YAML(typ="safe", pure=True).load(line) == {"k": data}


def test_show_of_a_wrong_file_tells_its_problems(
    child: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(child).write_text("extends: base.yaml\nnme: x\n", encoding="utf-8")
    assert main(["config", "show", child]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert "child.yaml:2 nme: unknown key" in said.err


def test_diff_says_what_differs_and_where_each_side_says_it(
    child: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(shown(capsys, "diff", "base.yaml", child, "-o", "json", code=2))
    found = {one["path"]: (one["a"], one["b"]) for one in data["differences"]}
    assert found["serving.decode.replicas"] == (
        {"value": 2, "origin": "base.yaml:21"},
        {"value": 1, "origin": "child.yaml:5"},
    )
    assert found["slo.ttft_p95_ms"][1] is None
    assert found.keys() == {
        "name",
        "serving.decode.replicas",
        *(f"slo.{key}" for key in ("ttft_p95_ms", "tpot_p95_ms", "confidence")),
    }
    table = shown(capsys, "diff", "base.yaml", child, code=2)
    assert all(path in table for path in found)


def test_files_that_mean_the_same_do_not_differ(
    child: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = shown(capsys, "show", child, "-o", "yaml")
    Path("whole.yaml").write_text(whole, encoding="utf-8")
    assert main(["config", "diff", child, "whole.yaml"]) == 0
    assert "mean the same" in capsys.readouterr().err
