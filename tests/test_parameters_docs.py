"""What docs/parameters.md shows is what happens: its files, its commands, what they print."""

import re
import shlex
from pathlib import Path

import pytest

from disagg.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/parameters.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(# \S+\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = {text.partition("\n")[0].removeprefix("# "): text for text in BLOCKS}
SHOWN = re.findall(r"^    disagg ([^\n]+)\n\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^    disagg (.+)$", PAGE, re.MULTILINE)
EXIT = {"validate broken.yaml": 64, "config diff": 2}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # noqa: ANN201
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environments").symlink_to(ROOT / "environments")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run_one(command: str) -> str:
        wanted = next((code for start, code in EXIT.items() if command.startswith(start)), 0)
        assert main(shlex.split(command)) == wanted, command
        said = capsys.readouterr()
        return said.out + said.err

    return run_one


def plain(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_page_shows_files_and_what_commands_print() -> None:
    assert FILES.keys() == {"serving.yaml", "broken.yaml", "fleet.yaml"}
    assert len(SHOWN) == 3


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_what_a_command_prints_holds_what_the_page_shows(
    command: str,
    shown: str,
    run,  # noqa: ANN001
) -> None:
    printed = plain(run(command))
    for line in plain(shown):
        assert line in printed


@pytest.mark.slow
def test_every_command_of_the_page_runs(run, tmp_path: Path) -> None:  # noqa: ANN001
    assert len(COMMANDS) >= 6
    for command in COMMANDS:
        run(command)
    names = {one.name for one in (tmp_path / "dist/acme").iterdir()}
    table = re.search(r"^\| below `dist/acme`.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table is not None
    assert names == set(re.findall(r"`(\w+)`", table[0].partition("\n")[2])) - {"dist"}


def test_every_row_of_the_merge_table_is_named_where_it_is_tested() -> None:
    tests = (ROOT / "tests/config/test_inherit.py").read_text("utf-8")
    for words in ("key_by_key", "lists_and_scalars_replace", "null_takes", "another_kind"):
        assert words in tests


@pytest.mark.parametrize("verb", ["config show", "config diff", "validate", "fleet", "synth"])
def test_every_verb_of_parameters_is_on_the_page(verb: str) -> None:
    assert any(command.startswith(verb) for command in COMMANDS)
