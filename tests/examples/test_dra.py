"""The example with claims: its commands run, and what it shows is what is rendered."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from disagg.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "examples/05-dra/README.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for line in PAGE.splitlines()
    if line.startswith("    disagg ")
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)


def test_its_commands_run_and_warn_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [one[0] for one in COMMANDS] == ["validate", "plan", "render", "rehearse"]
    for command in COMMANDS[:-1]:
        assert main(command) == 0, command
        assert "DISAGG-" not in capsys.readouterr().err
    assert (tmp_path / "dist/claims/manifests/25-device-claims.yaml").is_file()


def test_the_claim_on_the_page_is_the_one_that_is_rendered(tmp_path: Path) -> None:
    assert main(COMMANDS[2]) == 0
    text = (tmp_path / "dist/claims/manifests/25-device-claims.yaml").read_text("utf-8")
    (prefill,) = [
        one for one in yaml.safe_load_all(text) if one["metadata"]["name"].startswith("prefill")
    ]
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(shown) == prefill["spec"]["spec"]["devices"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_real_scheduler_meets_its_claims(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(COMMANDS[3])
    finally:
        said = capsys.readouterr()
    if "not built" in said.err:
        pytest.skip("no control plane on this machine")
    assert code == 0, said.err
    assert "claims-serving/decode" in said.out
