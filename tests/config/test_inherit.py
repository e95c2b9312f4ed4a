"""`extends`: what is merged how, and that every value keeps the file and line it was written at."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_environments import environments

from disagg.checks.environment import load_environment
from disagg.config.environment import Environment
from disagg.config.inherit import MOST_BASES, merged, read_inherited
from disagg.config.parse import parse
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from disagg.report.overlay import say_over

ROOT = Path(__file__).resolve().parents[2]
PILOT = (ROOT / "environments/pilot.yaml").read_text("utf-8")
RESERVED = "{kind: reservation, id: cr-0123456789abcdef0, instances: 1, zone_id: usw2-az2}"


def written(folder: Path, **texts: str) -> Path:
    """Write files by stem and return the last."""
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, child: str, base: str = PILOT) -> Environment:
    return load_environment(written(folder, base=base, child=child)).environment


def refused(folder: Path, child: str, base: str = PILOT) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        loaded(folder, child, base)
    return [f"{Path(one.file).name}:{one.line} {one.path}" for one in caught.value.problems]


def test_mappings_merge_key_by_key_and_lists_and_scalars_replace(tmp_path: Path) -> None:
    child = """\
extends: base.yaml
name: child
network: {availability_zone_ids: [usw2-az2, usw2-az3]}
serving: {decode: {replicas: 1}}
"""
    made, pilot = loaded(tmp_path, child), load_environment(tmp_path / "base.yaml").environment
    assert made.name == "child"
    assert made.network.availability_zone_ids == ("usw2-az2", "usw2-az3")
    assert made.network.fabric_zone_id == pilot.network.fabric_zone_id
    assert (made.serving.decode.replicas, made.serving.decode.tensor_parallel) == (1, 4)
    assert made.serving.prefill == pilot.serving.prefill


def test_null_takes_an_inherited_value_away_so_that_its_default_holds(tmp_path: Path) -> None:
    made = loaded(tmp_path, "extends: base.yaml\nbudget: null\nnetwork: {cidr: }\n")
    assert made.budget is None
    assert made.network.cidr == "10.42.0.0/16"


def test_null_of_a_key_without_default_is_missing_where_it_was_taken_away(tmp_path: Path) -> None:
    child = "extends: base.yaml\nnetwork:\n  fabric_zone_id: null\n"
    assert refused(tmp_path, child) == ["child.yaml:3 network.fabric_zone_id"]


def test_a_source_of_another_kind_replaces_and_of_the_same_kind_merges(tmp_path: Path) -> None:
    base = PILOT.replace("desired_nodes: 0}\n", f"source: {RESERVED}}}\n")
    other = "extends: base.yaml\ncapacity: {decode: {source: {kind: on_demand}}}\n"
    decode = loaded(tmp_path, other, base).capacity.decode
    assert decode is not None
    assert decode.source.kind == "on_demand"
    for same in ("kind: reservation, instances: 3", "instances: 3"):
        text = f"extends: base.yaml\ncapacity: {{decode: {{source: {{{same}}}}}}}\n"
        decode = loaded(tmp_path, text, base).capacity.decode
        assert decode is not None
        assert decode.source.kind == "reservation"
        assert (decode.source.instances, decode.source.id) == (3, "cr-0123456789abcdef0")


def test_each_problem_names_the_file_and_line_its_value_was_written_at(tmp_path: Path) -> None:
    base = PILOT.replace("region: us-west-2", "region: us-west-9")
    child = "extends: base.yaml\nname: Wrong\nserving:\n  decode:\n    replicas: two\n"
    line = base.splitlines().index("  region: us-west-9") + 1
    assert refused(tmp_path, child, base) == [
        f"base.yaml:{line} aws.region",
        "child.yaml:2 name",
        "child.yaml:5 serving.decode.replicas",
    ]


def test_what_nobody_says_is_missing_in_the_file_that_was_asked_for(tmp_path: Path) -> None:
    base = PILOT.replace("  fabric_zone_id: usw2-az2", "  # none")
    assert refused(tmp_path, "extends: base.yaml\nname: child\n", base) == [
        "child.yaml:1 network.fabric_zone_id"
    ]
    child = "extends: base.yaml\nname: child\nnetwork:\n  cidr: 10.42.0.0/16\n"
    assert refused(tmp_path, child, base) == ["child.yaml:3 network.fabric_zone_id"]


def test_a_chain_is_read_from_its_root_and_a_longer_one_than_allowed_is_not(tmp_path: Path) -> None:
    written(tmp_path, e0=PILOT)
    for number in range(1, MOST_BASES + 2):
        text = f"extends: e{number - 1}.yaml\nname: e{number}\n"
        path = written(tmp_path, **{f"e{number}": text})
        if number <= MOST_BASES:
            assert load_environment(path).environment.name == f"e{number}"
    with pytest.raises(InvalidInputError) as caught:
        load_environment(path)
    assert [one.code for one in caught.value.problems] == ["DISAGG-EXT-004"]


def test_a_file_named_twice_on_the_way_through_a_link_is_a_cycle(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to(tmp_path / "child.yaml")
    with pytest.raises(InvalidInputError) as caught:
        loaded(tmp_path, "extends: link.yaml\n")
    assert [one.code for one in caught.value.problems] == ["DISAGG-EXT-003"]


def test_paths_in_a_base_lead_from_the_folder_of_the_base(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    results = "results: [{file: runs/c16.json, tensor_parallel: 4}]\n"
    written(tmp_path, base=PILOT + results)
    path = written(tmp_path / "team", child="extends: ../base.yaml\nname: child\n")
    (one,) = load_environment(path).environment.results
    assert one.file == "../runs/c16.json"
    (same,) = loaded(tmp_path, "extends: base.yaml\n", PILOT + results).results
    assert same.file == "runs/c16.json"


# What holds for every environment and for every tree of keys.


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(text=environments())
def test_extending_an_empty_base_changes_nothing(text: str, tmp_path: Path) -> None:
    whole = parse(read_text(text, "whole.yaml"))
    for base, child in (("{}\n", text), (text, "")):
        path = written(tmp_path, base=base, child=f"extends: base.yaml\n{child}")
        assert parse(read_inherited(path)) == whole


def split(draw: st.DataObject, whole: Any) -> tuple[Any, Any]:
    """Return a base and what must be said over it to mean `whole`."""
    base: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in whole.items():
        how = draw.draw(st.sampled_from(["base", "own", "replaced", "mixed"]))
        if how == "mixed" and isinstance(value, dict) and value:
            base[name], own[name] = split(draw, value)
        elif how == "base":
            base[name] = value
        else:
            own[name] = value
            if how == "replaced":
                base[name] = draw.draw(st.sampled_from([7, "text", [1, {"a": 2}], None]))
    if draw.draw(st.booleans()):
        base["taken_away"] = draw.draw(st.sampled_from([1, {"b": [2]}]))
        own["taken_away"] = None
    return base, own


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(text=environments(), draw=st.data())
def test_an_environment_split_at_random_means_the_same(
    text: str, draw: st.DataObject, tmp_path: Path
) -> None:
    base, own = split(draw, yaml.safe_load(text))
    child = yaml.safe_dump({"extends": "base.yaml", **own}, sort_keys=False)
    path = written(tmp_path, base=yaml.safe_dump(base, sort_keys=False), child=child)
    document = read_inherited(path)
    assert parse(document) == parse(read_text(text, "whole.yaml"))
    # Every value is told where it was written.
    for file, said in ((path.as_posix(), own), ((tmp_path / "base.yaml").as_posix(), base)):
        for name in document.data:
            if document.origin((name,))[0] == file:
                assert name in said


KEYS = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 1), max_size=2))


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    inner = st.recursive(leaves, lambda one: st.dictionaries(KEYS, one, max_size=3), max_leaves=6)
    return st.dictionaries(KEYS, inner, max_size=3)


FIXED = st.fixed_dictionaries(
    {},
    optional={
        "a": LEAVES,
        "b": st.fixed_dictionaries(
            {"kind": st.sampled_from("xy")}, optional={"c": LEAVES, "d": LEAVES}
        ),
        "e": st.fixed_dictionaries({}, optional={"a": LEAVES, "b": LEAVES}),
    },
)
"""Trees of one schema: what is a mapping in one of them is a mapping in all."""


def without_kind(tree: dict[str, Any]) -> dict[str, Any]:
    tree.get("b", {}).pop("kind", None)
    return tree


@settings(max_examples=300)
@given(a=FIXED.map(without_kind), b=FIXED.map(without_kind), c=FIXED.map(without_kind))
def test_merging_is_associative_where_nothing_is_taken_away_and_no_kind_changes(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(a=FIXED, b=FIXED, c=FIXED)
def test_the_lower_part_of_a_chain_can_be_written_into_one_file(
    a: Any, b: Any, c: Any, tmp_path: Path
) -> None:
    """What a base extends is nobody's business but its own, whatever changes on the way."""
    files = {"a": a, "b": {"extends": "a.yaml", **b}, "c": {"extends": "b.yaml", **c}}
    texts = {name: json.dumps(data) for name, data in files.items()}
    chained = read_inherited(written(tmp_path, **texts)).data
    texts = {"ab": json.dumps(merged(a, b)), "c": json.dumps({**c, "extends": "ab.yaml"})}
    assert read_inherited(written(tmp_path, **texts)).data == chained


@settings(max_examples=300)
@given(base=trees(LEAVES), wanted=trees(LEAVES), own=trees(LEAVES | st.none()))
def test_what_is_said_over_a_base_means_what_was_wanted(
    base: dict[str, Any], wanted: dict[str, Any], own: dict[str, Any]
) -> None:
    changed = copy.deepcopy(own)
    say_over(base, wanted, changed)
    assert merged(base, changed) == wanted
    again = copy.deepcopy(changed)
    say_over(base, wanted, again)
    assert again == changed
