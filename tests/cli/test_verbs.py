"""What a person at a terminal gets: exit codes, formats, help, and files whole or not there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from missing import without

from disagg.artifacts import replaced
from disagg.cli import VERBS, main
from disagg.config.json_schema import generate
from disagg.errors import Problem

PILOT = "environments/pilot.yaml"


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(root)


def test_validate_says_sound_on_stdout_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", PILOT]) == 0
    assert capsys.readouterr() == (f"{PILOT}: sound\n", "")


def test_validate_shows_warnings_on_stderr_and_still_exits_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["validate", "environments/reference.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "environments/reference.yaml: sound, 1 warning\n"
    assert "warning:" in shown.err
    assert "DISAGG-CAP-013" in shown.err


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_validate_as_data_lists_problems_with_every_part(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "tests/config/bad/more-gpus-than-nodes.yaml", "-o", form]) == 64
    data = yaml.safe_load(capsys.readouterr().out)  # JSON is YAML
    assert data["schema_version"] == 1
    assert data["valid"] is False
    (problem,) = data["problems"]
    assert problem["code"] == "DISAGG-CAP-003"
    assert problem["path"] == "serving.decode.replicas"
    assert all(problem[part] for part in ("file", "line", "column", "got", "need", "fix"))


def test_plan_prints_nodes_pods_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", PILOT]) == 0
    out = capsys.readouterr().out
    for words in (
        "8 prefill tp1",
        "2 decode tp4",
        "16 / 16",
        "229.00",
        "10,256",
        "No GPU is idle.",
    ):
        assert words in out


def test_plan_shows_idle_gpus_their_price_and_the_full_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(PILOT).read_text("utf-8")
    file = tmp_path / "half.yaml"
    file.write_text(
        text.replace("replicas: 8", "replicas: 4").replace("replicas: 2", "replicas: 1")
    )
    assert main(["plan", str(file)]) == 0
    shown = capsys.readouterr()
    assert "Idle: 4 GPUs of group prefill, $56.97/h." in shown.out
    assert "Idle: 4 GPUs of group decode, $56.97/h." in shown.out
    assert "serving.prefill.replicas: 8 and serving.decode.replicas: 2" in shown.out
    assert shown.err.count("DISAGG-CAP-012") == 2


def test_plan_as_json_is_one_document_with_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", PILOT, "-o", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["totals"]["usd_per_hour"] == pytest.approx(229.002, abs=1e-3)
    assert len(data["groups"][0]["interfaces"]) == 9


@pytest.mark.parametrize("verb", ["plan", "render", "synth", "demo"])
def test_a_wrong_file_stops_every_verb_with_64_and_writes_nothing(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dist = tmp_path / "dist"
    options = [] if verb == "plan" else ["--dist", str(dist)]
    assert main([verb, "tests/config/bad/more-gpus-than-nodes.yaml", *options]) == 64
    shown = capsys.readouterr()
    assert "DISAGG-CAP-003" in shown.err
    assert "Traceback" not in shown.err
    assert not dist.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["plna"],
        ["plan"],
        ["plan", PILOT, "-o", "xml"],
        ["plan", PILOT, "--nope"],
        ["explain", "DISAGG-X-1"],
    ],
    ids=["unknown verb", "missing file", "unknown format", "unknown option", "unknown code"],
)
def test_a_wrong_command_exits_64_without_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"Example: disagg {verb}" in " ".join(capsys.readouterr().out.split())


def test_explain_prints_why_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "disagg-cap-013"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("DISAGG-CAP-013  Prefill and decode run on different nodes.")
    assert "Sources:" in out


def test_explain_without_a_code_lists_all_and_each_can_be_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "-o", "json"]) == 0
    codes = json.loads(capsys.readouterr().out)["codes"]
    assert len(codes) > 80
    for code in codes:
        assert main(["explain", code]) == 0


def test_every_code_in_the_source_can_be_explained(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = {
        code
        for file in (root / "disagg").rglob("*.py")
        for code in re.findall(r"\bDISAGG-[A-Z0-9]+-\d{3}\b", file.read_text("utf-8"))
    }
    assert len(used) > 80
    for code in sorted(used):
        assert main(["explain", code]) == 0, code
    capsys.readouterr()


def test_init_writes_a_sound_file_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init", "mine", "--region", "us-east-1", "--directory", str(tmp_path)]
    assert main(command) == 0
    assert main(["validate", str(tmp_path / "mine.yaml")]) == 0
    before = (tmp_path / "mine.yaml").read_bytes()
    assert main(command) == 64
    assert (tmp_path / "mine.yaml").read_bytes() == before
    assert "DISAGG-FILE-006" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["Mine"], ["mine", "--account", "1"], ["mine", "--region", "eu-central-1"]]
)
def test_init_with_a_wrong_value_says_so_and_writes_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments, "--directory", str(tmp_path / "new")]) == 64
    assert "[DISAGG-" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_committed_schema_is_the_generated_one_and_accepts_the_shipped_files(
    root: Path,
) -> None:
    text = (root / "schemas/environment.schema.json").read_text("utf-8")
    assert text == generate()
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    files = sorted((root / "environments").glob("*.yaml"))
    assert files
    for file in files:
        jsonschema.validate(yaml.safe_load(file.read_text("utf-8")), schema)


def test_every_key_of_the_schema_says_what_it_does() -> None:
    schema = json.loads(generate())
    undocumented = [
        f"{name}.{key}"
        for name, model in schema["$defs"].items()
        for key, spec in model["properties"].items()
        if "description" not in spec and "$ref" not in spec and "const" not in spec
    ]
    assert undocumented == []


def test_a_failure_leaves_the_old_directory_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "pilot"
    target.mkdir()
    (target / "old").write_text("old")

    def fail() -> None:
        with replaced(target) as fresh:
            (fresh / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["pilot"]
    assert [file.name for file in target.iterdir()] == ["old"]


def test_what_was_there_comes_back_when_the_new_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pilot"
    target.mkdir()
    (target / "old").write_text("old")
    rename = Path.rename

    def fails_for_the_new(self: Path, to: Path) -> Path:
        if self.name.startswith(".pilot-") and to == target:
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(OSError, match="No space"), replaced(target) as fresh:
        (fresh / "new").write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["pilot"]
    assert [file.name for file in target.iterdir()] == ["old"]


BROKEN = Problem(code="DISAGG-X-001", path="x", got="a fault", need="none", fix="mend it")


@pytest.mark.parametrize(
    ("judge", "verb"),
    [
        ("disagg.artifacts.check_manifests", "render"),
        ("disagg.artifacts.check_manifests", "synth"),
        ("disagg.artifacts.check_templates", "synth"),
        ("disagg.checks.engines.validate_schemas", "synth"),
        ("disagg.checks.engines.validate_envoy", "synth"),
        ("disagg.checks.engines.validate_templates", "synth"),
    ],
)
def test_what_a_rule_or_an_engine_refuses_replaces_nothing_and_exits_2(
    judge: str,
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [verb, PILOT, "--dist", str(tmp_path)]
    assert main(command) == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    monkeypatch.setattr(judge, lambda *_, **__: [BROKEN])
    assert main(command) == 2
    assert "[DISAGG-X-001]" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert [one.name for one in tmp_path.iterdir()] == ["pilot"]


@pytest.mark.parametrize("verb", ["render", "synth"])
def test_a_dist_that_cannot_be_used_is_told_in_one_line(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    assert main([verb, PILOT, "--dist", str(file)]) == 1
    said = capsys.readouterr().err
    assert "[DISAGG-FILE-007]" in said
    assert "Traceback" not in said


def test_a_missing_extra_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, "boto3", asked_for_by="disagg.local")
    assert main(["demo", PILOT]) == 1
    said = capsys.readouterr().err
    assert "boto3 is not installed" in said
    assert "disagg[check,local]" in said


def test_a_reader_that_has_enough_gets_no_complaint_and_no_answer_is_taken_for_yes(
    root: Path,
) -> None:
    script = f"{sys.executable} -m disagg plan {PILOT} | head -1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["/bin/bash", "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "141"
    assert run.stderr == ""


def test_a_success_takes_the_place_of_all_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "pilot"
    target.mkdir()
    (target / "old").write_text("old")
    with replaced(target) as fresh:
        (fresh / "new").write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["pilot"]
    assert [file.name for file in target.iterdir()] == ["new"]


@pytest.mark.parametrize("command", [["--help"], ["validate", PILOT], ["plan", PILOT]])
def test_light_verbs_import_no_cdk(command: list[str], root: Path) -> None:
    script = (
        "import sys; from disagg.cli import main; main(sys.argv[1:]);"
        "heavy = {'aws_cdk', 'cdk8s', 'jsii', 'boto3', 'moto'} & sys.modules.keys();"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_output_to_a_pipe_has_no_escape_codes(root: Path) -> None:
    environment = {**os.environ, "TERM": "xterm-256color"}
    run = subprocess.run(
        [sys.executable, "-m", "disagg", "plan", PILOT],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "\x1b" not in run.stdout
