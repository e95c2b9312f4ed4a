"""What the documents say is so: links, figures, blocks and commands."""

import re
import shlex
from pathlib import Path

import pytest
from shipped import checked

from disagg.checks.environment import check
from disagg.cli import VERBS, main
from disagg.config.prices import bundled_prices
from disagg.config.yaml_reader import read_text
from disagg.planner.plan import make_plan

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md") for page in ROOT.glob(pattern)
)
README = (ROOT / "README.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        if not link.startswith(("http://", "https://", "#", "mailto:")):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_the_environment_in_the_readme_is_the_pilot() -> None:
    (text,) = blocks("yaml")
    shown, shipped = check(read_text(text, "README.md")).environment, checked("pilot").environment
    assert shown.serving == shipped.serving
    assert shown.capacity == shipped.capacity
    assert len(text.splitlines()) <= 10


def test_the_error_in_the_readme_is_what_a_user_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = blocks("text")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environments").mkdir()
    pilot = (ROOT / "environments/pilot.yaml").read_text("utf-8")
    broken = pilot.replace("decode: {replicas: 2", "decode: {replicas: 3")
    (tmp_path / "environments/pilot.yaml").write_text(broken, encoding="utf-8")
    assert main(["validate", "environments/pilot.yaml"]) == 64
    assert capsys.readouterr().err.startswith(text)


@pytest.mark.parametrize("name", ["pilot", "reference"])
def test_the_costs_in_the_readme_are_those_of_the_plan(name: str) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| [`{name}`]")]
    plan = make_plan(checked(name).environment, bundled_prices())
    assert f"${plan.usd_per_hour:,.2f}/h" in row
    assert f"${plan.usd_per_hour_without_gpus:,.2f}/h" in row
    used = sum(node.used.gpus for node in plan.nodes)
    assert f"{used} of {sum(node.available.gpus for node in plan.nodes)}" in row


def test_the_commands_in_the_readme_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("environments", "workloads"):
        (tmp_path / name).symlink_to(ROOT / name)
    commands = [
        shlex.split(line, comments=True)[1:]
        for line in README.splitlines()
        if line.startswith("    disagg ")
    ]
    assert {command[0] for command in commands} >= VERBS.keys() - {
        *("demo", "deploy", "rehearse", "schema"),
        *("config", "fleet"),  # docs/parameters.md, tests/test_parameters_docs.py
    }
    monkeypatch.chdir(tmp_path)
    for command in commands:
        extra = ["--directory", str(tmp_path / "new")] if command[0] == "init" else []
        # The README says so beside it: for the article's test the answer is no.
        assert main([*command, *extra]) == (2 if command[0] == "decide" else 0), command
    capsys.readouterr()


def test_every_target_the_readme_names_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    wanted = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert wanted >= {"demo", "test", "setup"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in wanted)
