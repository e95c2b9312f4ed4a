"""Every wrong fleet under `bad_fleets/` gets exactly the report beside it, about all of its
environments at once."""

from pathlib import Path

import pytest
from bad_files import assert_each_has_its_report, assert_helpful, assert_reported, files

BAD = Path(__file__).parent / "bad_fleets"


def test_there_are_enough_wrong_files_each_with_its_report() -> None:
    assert_each_has_its_report(BAD, 12)


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
@pytest.mark.parametrize("verb", [("validate",), ("fleet",), ("synth", "--fleet")], ids=" ".join)
def test_a_wrong_fleet_gets_the_report_beside_it(
    file: Path,
    verb: tuple[str, ...],
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_reported(file, list(verb), capsys, monkeypatch, update=update_golden, count=False)
    assert not Path("dist").exists()


@pytest.mark.parametrize("file", files(BAD), ids=lambda file: file.stem)
def test_every_problem_says_need_remedy_code_and_a_line_that_is_there(file: Path) -> None:
    assert_helpful(file)
