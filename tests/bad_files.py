"""Wrong files, each with exactly the report it gets beside it: what their four rooms share."""

from pathlib import Path

import pytest

from disagg.cli import main


def files(folder: Path) -> list[Path]:
    """Return the wrong files of a folder."""
    return sorted(folder.glob("*.yaml"))


def assert_each_has_its_report(folder: Path, at_least: int) -> None:
    """Hold that there are enough files, and as many reports."""
    assert len(files(folder)) >= at_least
    assert {file.stem for file in files(folder)} == {file.stem for file in folder.glob("*.txt")}


def assert_reported(
    file: Path,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    update: bool,
    count: bool = True,
) -> None:
    """Run a verb where the file is, and hold what it says on stderr to the report beside it.

    Without `count` the last line, by which `validate` counts the problems, is no part of it.
    """
    monkeypatch.chdir(file.parent)
    code, said = main([*command, file.name]), capsys.readouterr()
    told = said.err if count else "\n".join(_problems(said.err)) + "\n"
    expected = file.with_suffix(".txt")
    if update:
        expected.write_text(told, encoding="utf-8")
    assert code == 64
    assert said.out == ""
    assert told == expected.read_text("utf-8")
    assert "Traceback" not in told


def _problems(report: str) -> list[str]:
    return [line for line in report.splitlines() if "more about one:" not in line]


def assert_helpful(file: Path, *, lines: bool = True) -> None:
    """Hold that each problem of a report says need, remedy and code, and a line that is there."""
    report = _problems(file.with_suffix(".txt").read_text("utf-8"))
    assert report
    for place, remedy in zip(report[::2], report[1::2], strict=True):
        assert "; need " in place
        assert remedy.startswith("  -> ")
        assert "[DISAGG-" in remedy
        assert remedy.endswith("]")
        if lines:
            name, line = place.split(" ", 1)[0].rstrip(":").split(":")
            assert 1 <= int(line) <= (file.parent / name).read_bytes().count(b"\n") + 1
