"""Every wrong file under `bad_inheritance/` gets exactly the report beside it: the right file and
line, whoever wrote what is wrong."""

from pathlib import Path

import pytest

from disagg.cli import main

BAD = Path(__file__).parent / "bad_inheritance"
FILES = sorted(BAD.glob("*.yaml"))


def test_there_are_at_least_a_dozen_wrong_files_each_with_its_report() -> None:
    assert len(FILES) >= 12
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_that_inherits_wrongly_gets_the_report_beside_it(
    file: Path,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(BAD)
    code, said = main(["validate", file.name]), capsys.readouterr().err
    expected = file.with_suffix(".txt")
    if update_golden:
        expected.write_text(said, encoding="utf-8")
    assert code == 64
    assert said == expected.read_text("utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_problem_names_a_line_that_is_there(file: Path) -> None:
    lines = file.with_suffix(".txt").read_text("utf-8").splitlines()[:-1]
    for place, remedy in zip(lines[::2], lines[1::2], strict=True):
        name, line = place.split(" ", 1)[0].rstrip(":").split(":")
        text = (BAD / name).read_text("utf-8")
        assert 1 <= int(line) <= text.count("\n") + 1
        assert "; need " in place
        assert remedy.startswith("  -> ")
        assert remedy.endswith("]")
