"""The examples that are one file: sound, rendered, and as their pages say."""

from pathlib import Path

import pytest

from disagg import artifacts
from disagg.checks.environment import load_environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("03-hyperpod", "04-capacity-block")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_sound_without_a_warning_and_breaks_no_rule(
    name: str, tmp_path: Path
) -> None:
    checked = load_environment(ROOT / "examples" / name / "environment.yaml")
    assert checked.warnings == []
    written = artifacts.write_all(checked.environment, tmp_path)
    pages = list((written.directory / "runbooks").glob("*.md"))
    readme = (ROOT / "examples" / name / "README.md").read_text("utf-8")
    assert len(pages) == 1
    assert f"dist/{checked.environment.name}/runbooks/{pages[0].name}" in readme
