"""Every wrong workload file under `bad_workloads/` gets exactly the report beside it, exit 64."""

from pathlib import Path

import pytest
from bad_files import assert_each_has_its_report, assert_helpful, assert_reported, files

BAD = Path(__file__).parent / "bad_workloads"


def test_there_are_enough_wrong_files_each_with_its_report() -> None:
    assert_each_has_its_report(BAD, 30)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_a_wrong_file_gets_the_report_beside_it(
    file: Path,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_reported(file, ["size", "--accept-stale"], capsys, monkeypatch, update=update_golden)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_every_problem_says_need_remedy_code_and_a_line_that_is_there(file: Path) -> None:
    assert_helpful(file, lines=False)
