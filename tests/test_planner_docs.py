"""What docs/planner.md says of the article's example and of the errors is what the code says."""

import re
import shlex
from pathlib import Path

import pytest
from planning import shipped

from disagg.bench.asking import Choice
from disagg.bench.silicon import installed
from disagg.cli import VERBS, main
from disagg.planner.decision.layout_text import parse_layout
from disagg.planner.decision.sizing import size
from disagg.planner.decision.verdict import Answer, decide
from disagg.planner.decision.versus import contender, versus

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/planner.md").read_text("utf-8")
ROWS = {
    "roofline": ("article", Choice.ROOFLINE),
    "roofline, calibrated on published rows": ("article-measured", Choice.ROOFLINE),
    "silicon": ("article", Choice.SILICON),
    "silicon, calibrated on published rows": ("article-measured", Choice.SILICON),
}


def row(name: str) -> list[str]:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} | ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_the_articles_example_is_what_compare_says(name: str) -> None:
    workload, choice = ROWS[name]
    if choice is Choice.SILICON and not installed():
        pytest.skip("aiconfigurator-core is not installed: rows of silicon were not checked")
    ask = shipped(workload, choice)

    def over(text: str):  # noqa: ANN202
        layouts = [parse_layout(one, ask.model, ask.instance) for one in (text, "4xtp1+1xtp4")]
        return versus(ask, *(contender(ask, f"{one}", one) for one in layouts))

    four, eight, small = over("1xtp4"), over("2xtp4"), over("8xtp1")

    def shown(one) -> str:  # noqa: ANN001
        low, high = (one.at_load.absolute * end for end in (one.band.low, one.band.high))
        return f"{one.at_load.absolute:.2f} ({low:.2f} to {high:.2f})"

    assert row(name) == [
        f"{four.at_load.absolute:.2f}",
        f"{four.at_load.per_gpu_used:.2f}",
        shown(eight),
        shown(small),
    ]
    assert decide(ask, size(ask)).answer is Answer.NO


def test_the_commands_of_the_page_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    commands = re.findall(r"^    (disagg .+)$", PAGE, re.MULTILINE)
    assert commands
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command
    capsys.readouterr()


def test_every_verb_of_the_planner_is_on_the_page() -> None:
    for verb in ("plan", "size", "decide", "compare", "cost"):
        assert verb in VERBS
        assert f"| `disagg {verb} " in PAGE
