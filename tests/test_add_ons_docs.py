"""docs/add-ons.md says what the catalogue says; `make golden` writes its tables."""

import re
from pathlib import Path

import pytest

from disagg.catalog.chart import SWITCHES, WAVES
from disagg.catalog.charts import CHARTS
from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.config.delivery import AddOns

PAGE = Path(__file__).resolve().parent.parent / "docs/add-ons.md"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def charts() -> str:
    rows = _row("chart", "version", "wave", "installed", "namespace", "from", "why")
    rows += "|---|---|---|---|---|---|---|\n"
    for one in CHARTS.values():
        where = [" and ".join(one.platforms)]
        if len(one.exposures) == 1 and one.platforms == ("eks",):
            where.append(f"exposure `{one.exposures[0]}`")
        if one.gateways:
            where.append(f"`serving.gateway` {' or '.join(one.gateways)}")
        else:
            where.append(f"`{SWITCHES[one.option]}`" if one.option else "always")
        origin = f"{one.repository}, {one.path}" if one.path else one.repository
        version = one.version[:12] if one.path else one.version
        read = f"{one.why} Read: {one.source.reference}, {one.source.date}."
        wave = f"{one.wave}"
        rows += _row(one.name, version, wave, ", ".join(where), one.namespace, origin, read)
    return rows


def add_ons() -> str:
    versions = list(KUBERNETES_VERSIONS.values())
    rows = _row("add-on", *(f"Kubernetes {one.name}" for one in versions))
    rows += f"|---{'|---' * len(versions)}|\n"
    for name in (one.name for one in versions[0].add_ons):
        found = [next(row for row in one.add_ons if row.name == name) for one in versions]
        rows += _row(name, *(row.version for row in found))
    return rows


@pytest.mark.parametrize(("mark", "table"), [("charts", charts()), ("add-ons", add_ons())])
def test_the_page_has_the_table_of_the_catalogue(
    mark: str, table: str, update_golden: bool
) -> None:
    block = re.compile(rf"(<!-- {mark} -->\n)(.*?)(<!-- end of {mark} -->)", re.DOTALL)
    text = PAGE.read_text("utf-8")
    if update_golden:
        text = block.sub(lambda found: f"{found[1]}\n{table}\n{found[3]}", text)
        PAGE.write_text(text, encoding="utf-8")
    found = block.search(text)
    assert found is not None
    assert found[2].strip() == table.strip()
    assert table.count("\n") > 5


def test_the_page_names_every_switch_and_every_wave() -> None:
    text = PAGE.read_text("utf-8")
    for name in AddOns.__dataclass_fields__:
        assert f"| `{name}` |" in text
    running = text.replace("\n", " ")
    assert all(f"{number} {wave}" in running for number, wave in enumerate(WAVES))
