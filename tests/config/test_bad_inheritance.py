"""Every wrong file under `bad_inheritance/` gets exactly the report beside it: the right file and
line, whoever wrote what is wrong."""

from pathlib import Path

import pytest
from bad_files import assert_each_has_its_report, assert_helpful, assert_reported, files

BAD = Path(__file__).parent / "bad_inheritance"


def test_there_are_enough_wrong_files_each_with_its_report() -> None:
    assert_each_has_its_report(BAD, 12)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_a_file_that_inherits_wrongly_gets_the_report_beside_it(
    file: Path,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_reported(file, ["validate"], capsys, monkeypatch, update=update_golden)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_every_problem_says_need_remedy_code_and_a_line_that_is_there(file: Path) -> None:
    assert_helpful(file)
