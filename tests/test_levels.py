"""Three levels: what `init` writes is what is committed, sound, and told apart on one page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from disagg.checks.environment import load_environment
from disagg.cli import main
from disagg.cli.init import Level, schema_line
from disagg.config.yaml_reader import read

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "levels.md"
BEGIN, END = "<!-- made by tests/test_levels.py -->\n", "<!-- end -->\n"


@pytest.mark.parametrize("level", ["poc", "production"])
def test_init_writes_the_committed_file_of_a_level(level: str, tmp_path: Path) -> None:
    assert main(["init", level, "--level", level, "--directory", str(tmp_path)]) == 0
    committed = (ROOT / "environments" / f"{level}.yaml").read_text("utf-8").splitlines()
    made = (tmp_path / f"{level}.yaml").read_text("utf-8").splitlines()
    assert made[1:] == committed[1:]
    assert schema_line(ROOT / "environments") == committed[0]


def test_the_schema_is_named_as_it_is_reached_from_where_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for directory in (ROOT, ROOT / "examples" / "x", tmp_path):
        named = schema_line(directory).partition("$schema=")[2]
        assert (directory / named).resolve() == ROOT / "schemas" / "environment.schema.json"
    assert schema_line(ROOT).endswith("$schema=schemas/environment.schema.json")
    monkeypatch.chdir(ROOT)
    assert schema_line(Path("environments")) == schema_line(ROOT / "environments")
    monkeypatch.setattr("disagg.cli.init.CHECKOUT", tmp_path)
    assert "disagg schema environment >" in schema_line(tmp_path)


SOLD = {
    ("eks", "p5en.48xlarge"): {"poc": "reservation", "production": "capacity_block"},
    ("eks", "g6e.48xlarge"): {"poc": "reservation", "production": "reservation"},
    ("hyperpod", "p5en.48xlarge"): {"poc": "training_plan", "production": "training_plan"},
    ("hyperpod", "g6e.48xlarge"): {"poc": "on_demand", "production": "on_demand"},
}
"""What AWS sells of a type on a platform. Source: as in `catalog.instances`, `sold_ahead`."""


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize(("platform", "instance_type"), SOLD)
def test_a_level_is_written_with_what_is_sold_on_the_platform(
    platform: str, instance_type: str, level: str, tmp_path: Path
) -> None:
    options = ["--level", level, "--platform", platform, "--directory", str(tmp_path)]
    more = ["--instance-type", instance_type, "--model", "openai/gpt-oss-20b"]
    assert main(["init", "shop", *options, *more]) == 0
    text = (tmp_path / "shop.yaml").read_text("utf-8")
    assert "<" not in text.replace("<name>", "").replace("<the", "")
    checked = load_environment(tmp_path / "shop.yaml")
    assert checked.environment.cluster.platform == platform
    sources = {
        group.source.kind
        for group in (checked.environment.capacity.prefill, checked.environment.capacity.decode)
        if group
    }
    assert sources == {SOLD[platform, instance_type].get(level, "on_demand")}
    assert not [one for one in checked.warnings if one.code.startswith("DISAGG-RSV")]


@pytest.mark.parametrize("level", list(Level))
def test_a_level_is_sound_and_warns_of_nothing(level: str) -> None:
    assert load_environment(ROOT / "environments" / f"{level}.yaml").warnings == []


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("region", ["us-east-1", "ap-south-1"])
def test_a_level_can_be_written_for_another_region_and_model(
    level: str, region: str, tmp_path: Path
) -> None:
    options = ["--level", level, "--region", region, "--directory", str(tmp_path)]
    more = ["--model", "meta-llama/Llama-3.3-70B-Instruct", "--account", "210987654321"]
    assert main(["init", "shop", *options, *more]) == 0
    made = load_environment(tmp_path / "shop.yaml").environment
    assert made.aws.region == region
    assert made.aws.account == "210987654321"


def test_a_zone_without_eks_is_named_by_no_level(tmp_path: Path) -> None:
    options = ["--region", "us-west-1", "--instance-type", "p5en.48xlarge"]
    assert main(["init", "shop", *options, "--directory", str(tmp_path)]) == 0
    made = load_environment(tmp_path / "shop.yaml").environment
    assert "usw1-az2" not in made.network.availability_zone_ids


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...")


def table() -> str:
    """Return every key that the three files do not say alike."""
    said = [
        dict(_flat(read(ROOT / "environments" / f"{level}.yaml").data))
        for level in ("pilot", "poc", "production")
    ]
    keys = dict.fromkeys(key for one in said for key in one)
    lines = ["| key | pilot | poc | production |", "|---|---|---|---|"]
    for key in keys:
        values = [one.get(key, "") for one in said]
        if len(set(values)) > 1:
            shown = " | ".join(f"`{value}`" if value else "" for value in values)
            lines.append(f"| `{key}` | {shown} |")
    return "\n".join(lines) + "\n"


def test_the_page_shows_every_difference(update_golden: bool) -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    if update_golden:
        PAGE.write_text(before + BEGIN + table() + END + after, "utf-8")
        return
    assert inside == table()
