"""Every wrong workload file under `bad_workloads/` gets exactly the report beside it, exit 64."""

from pathlib import Path

import pytest

from disagg.cli import main

BAD = Path(__file__).parent / "bad_workloads"
FILES = sorted(BAD.glob("*.yaml"))


def test_there_are_at_least_thirty_wrong_files_each_with_its_report() -> None:
    assert len(FILES) >= 30
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_wrong_file_gets_the_report_beside_it(
    file: Path,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(BAD)
    code = main(["size", file.name, "--accept-stale"])
    said = capsys.readouterr()
    expected = file.with_suffix(".txt")
    if update_golden:
        expected.write_text(said.err, encoding="utf-8")
    assert code == 64
    assert said.out == ""
    assert said.err == expected.read_text("utf-8")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_problem_says_need_remedy_and_code(file: Path) -> None:
    lines = file.with_suffix(".txt").read_text("utf-8").splitlines()
    assert lines
    for place, remedy in zip(lines[::2], lines[1::2], strict=True):
        assert "; need " in place
        assert remedy.startswith("  -> ")
        assert "[DISAGG-" in remedy
