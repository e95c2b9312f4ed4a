"""Every wrong fleet under `bad_fleets/` gets exactly the report beside it, about all of its
environments at once."""

from pathlib import Path

import pytest

from disagg.cli import main

BAD = Path(__file__).parent / "bad_fleets"
FILES = sorted(BAD.glob("*.yaml"))


def test_there_are_at_least_a_dozen_wrong_fleets_each_with_its_report() -> None:
    assert len(FILES) >= 12
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("verb", [("validate",), ("fleet",), ("synth", "--fleet")], ids=" ".join)
def test_a_wrong_fleet_gets_the_report_beside_it(
    file: Path,
    verb: tuple[str, ...],
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(BAD)
    code, captured = main([*verb, file.name]), capsys.readouterr()
    said = "".join(
        f"{line}\n" for line in captured.err.splitlines() if "more about one:" not in line
    )
    expected = file.with_suffix(".txt")
    if update_golden:
        expected.write_text(said, encoding="utf-8")
    assert code == 64
    assert captured.out == ""
    assert said == expected.read_text("utf-8")
    assert not Path("dist").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_problem_of_a_fleet_names_a_line_that_is_there(file: Path) -> None:
    lines = file.with_suffix(".txt").read_text("utf-8").splitlines()
    assert lines
    for place, remedy in zip(lines[::2], lines[1::2], strict=True):
        name, line = place.split(" ", 1)[0].rstrip(":").split(":")
        assert 1 <= int(line) <= (BAD / name).read_text("utf-8").count("\n")
        assert "; need " in place
        assert remedy.startswith("  -> ")
        assert remedy.endswith("]")
