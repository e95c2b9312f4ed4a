"""Every wrong environment file under `bad/` gets exactly the report beside it, exit 64 and nothing
written."""

from pathlib import Path

import pytest
from bad_files import assert_each_has_its_report, assert_helpful, assert_reported, files

from disagg.cli import main

BAD = Path(__file__).parent / "bad"


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["validate", *arguments])
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


def test_there_are_at_least_forty_wrong_files_each_with_its_report() -> None:
    assert_each_has_its_report(BAD, 40)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_a_wrong_file_gets_the_report_beside_it(
    file: Path,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_reported(file, ["validate"], capsys, monkeypatch, update=update_golden)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_every_problem_says_file_line_need_remedy_and_code(file: Path) -> None:
    assert_helpful(file)


def test_a_directory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = report(capsys, str(tmp_path))
    assert code == 64
    assert "got a directory; need one file" in said
    assert "DISAGG-FILE-002" in said


def test_a_file_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = report(capsys, str(tmp_path / "nothing.yaml"))
    assert code == 64
    assert "DISAGG-FILE-001" in said


def test_a_file_over_one_mebibyte_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 1024 * 1024, encoding="utf-8")
    code, said = report(capsys, str(large))
    assert code == 64
    assert "DISAGG-FILE-004" in said


def test_a_file_of_just_under_one_mebibyte_is_read(tmp_path: Path, root: Path) -> None:
    text = (root / "environments/pilot.yaml").read_text("utf-8")
    file = tmp_path / "padded.yaml"
    file.write_text(text + "#" + "x" * (1024 * 1024 - len(text.encode()) - 2), encoding="utf-8")
    assert main(["validate", str(file)]) == 0
