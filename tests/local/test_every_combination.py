"""Every combination of three choices, in one of the rows: synthesized, judged, deployed, read back.

The endpoint is in this process, so that sixty deployments take minutes.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from covering import Row, covering, tuples
from shipped import edited

from disagg import artifacts
from disagg.checks import engines
from disagg.checks.environment import check
from disagg.config.environment import Environment
from disagg.config.yaml_reader import read_text
from disagg.local.compare import compare, read_created

pytestmark = pytest.mark.slow

STRENGTH = 3
AXES = {
    "platform": ("eks", "hyperpod"),
    "source": ("on_demand", "reservation", "capacity_block", "training_plan"),
    "type": ("p6-b200.48xlarge", "p6-b300.48xlarge", "p5en.48xlarge", "p5.48xlarge"),
    "version": ("1.33", "1.34", "1.35"),
    "placement": ("separate_nodes", "colocate"),
    "checks": ("on", "off"),
}
RESERVED = {"instances": 2, "zone_id": "usw2-az2"}
SOURCES: dict[str, dict[str, Any]] = {
    "on_demand": {"kind": "on_demand"},
    "reservation": {"kind": "reservation", "id": "cr-0123456789abcdef0", **RESERVED},
    "capacity_block": {
        "kind": "capacity_block",
        "id": "cr-0123456789abcdef0",
        "end": "2027-03-01T11:30:00Z",
        **RESERVED,
    },
    "training_plan": {
        "kind": "training_plan",
        "arn": "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march",
        "end": "2027-03-01T11:30:00Z",
        **RESERVED,
    },
}


def possible(row: Row) -> bool:
    """Tell whether the platforms sell and run a row; the rules say the same (see below)."""
    if row["platform"] == "hyperpod":
        return row["source"] in {"on_demand", "training_plan"}
    return row["source"] != "training_plan" and row["checks"] == "on"


ROWS = covering(AXES, possible, STRENGTH)


def text_of(row: Row) -> str:
    """Return the file of a row."""
    group = {"instance_type": row["type"], "nodes": 1, "source": SOURCES[row["source"]]}
    shared = row["placement"] == "colocate"
    edits: dict[str, Any] = {
        "name": "row",
        "cluster.platform": row["platform"],
        "cluster.kubernetes_version": row["version"],
        "capacity": {"shared": group} if shared else {"prefill": group, "decode": group},
        "serving.placement": row["placement"],
    }
    if shared:
        edits["serving.prefill.replicas"] = 4
        edits["serving.decode.replicas"] = 1
    if row["checks"] == "off":
        edits["cluster.hyperpod"] = {"deep_health_checks": []}
    return edited("pilot", edits)


def environment_of(row: Row) -> Environment:
    return check(read_text(text_of(row), "row.yaml")).environment


class Endpoint:
    """What `read_created` asks of an endpoint, in this process."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self.client = aws


def deployed(aws: Callable[[str], Any], stacks: Path) -> None:
    """Create the stacks of an assembly in their order, each after its assets, as the CLI does."""
    manifest = json.loads((stacks / "manifest.json").read_text("utf-8"))["artifacts"]
    for name in _in_order(manifest):
        for bucket, key, content in _assets(stacks, name):
            aws("s3").put_object(Bucket=bucket, Key=key, Body=content)
        body = (stacks / manifest[name]["properties"]["templateFile"]).read_text("utf-8")
        aws("cloudformation").create_stack(StackName=name, TemplateBody=body)


def _in_order(manifest: dict[str, Any]) -> Iterator[str]:
    left = {k: v for k, v in manifest.items() if v["type"] == "aws:cloudformation:stack"}
    while left:
        ready = [k for k, v in left.items() if not left.keys() & set(v.get("dependencies", []))]
        assert ready
        for name in ready:
            del left[name]
            yield name


def _assets(stacks: Path, name: str) -> Iterator[tuple[str, str, bytes]]:
    listed = json.loads((stacks / f"{name}.assets.json").read_text("utf-8"))["files"]
    for asset in listed.values():
        source = stacks / asset["source"]["path"]
        if source.name.endswith(".template.json"):
            continue
        for place in asset["destinations"].values():
            yield place["bucketName"], place["objectKey"], source.read_bytes()


def test_the_rows_hold_every_combination_of_three_choices() -> None:
    assert len(ROWS) >= 60
    held = set().union(*(tuples(row, STRENGTH) for row in ROWS))
    assert {(("platform", "hyperpod"), ("source", "training_plan"), ("type", "p5en.48xlarge"))} <= {
        tuple(sorted(one)) for one in held
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_a_row_is_deployed_as_planned(
    row: Row, aws: Callable[[str], Any], tmp_path: Path, judged: Callable[..., list[Any]]
) -> None:
    environment = environment_of(row)
    written = artifacts.write_all(environment, tmp_path)
    stacks = written.directory / "stacks"
    assert judged(sorted(stacks.glob("*.template.json"))) == []
    deployed(aws, stacks)
    facts = compare(environment, read_created(Endpoint(aws), environment.cluster_name))
    assert [one.about for one in facts if not one.agrees] == []


@pytest.fixture(scope="module")
def judged() -> Callable[[list[Path]], list[Any]]:
    """Return what AWS's engine and cfn-lint say of templates, each text judged once."""
    seen: set[str] = set()

    def run(paths: list[Path]) -> list[Any]:
        fresh = [one for one in paths if one.read_text("utf-8") not in seen]
        seen.update(one.read_text("utf-8") for one in fresh)
        return engines.validate_templates(fresh, "us-west-2")

    return run
