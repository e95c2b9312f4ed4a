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


def test_the_precise_example_is_sound_and_renders_what_its_page_names(tmp_path: Path) -> None:
    folder = ROOT / "examples/08-precise-prefix"
    checked = load_environment(folder / "environment.yaml")
    assert checked.warnings == []
    written = artifacts.write_all(checked.environment, tmp_path)
    readme = (folder / "README.md").read_text("utf-8")
    for name in ("65-render.yaml", "70-router.yaml"):
        assert (written.directory / "manifests" / name).exists()
        assert name in readme


GATEWAYS = sorted((ROOT / "examples/07-gateways").glob("*.yaml"))


@pytest.mark.parametrize("file", GATEWAYS, ids=lambda file: file.stem)
def test_a_gateway_is_sound_without_a_warning_and_breaks_no_rule(
    file: Path, tmp_path: Path
) -> None:
    checked = load_environment(file)
    assert checked.warnings == []
    manifests = artifacts.render(checked.environment)
    artifacts.write_charts(checked.environment, manifests, tmp_path)
    assert f"]({file.name})" in (file.parent / "README.md").read_text("utf-8")


def test_there_is_a_file_for_every_kind_of_gateway_that_is_offered() -> None:
    kinds = {load_environment(file).environment.serving.gateway.kind for file in GATEWAYS}
    assert kinds == {"standalone", "istio", "agentgateway"}
