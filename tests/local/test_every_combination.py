"""Every combination of three choices, in one of the rows: synthesized, judged, deployed, read back.

The endpoint is in this process, so that sixty deployments take minutes.
"""

from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from covering import Row, covering
from in_process import Endpoint, deployed
from shipped import checked, edited

from disagg import artifacts
from disagg.checks import engines
from disagg.checks.environment import check
from disagg.config.environment import Environment
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from disagg.local.aws.holdings import holdings, put
from disagg.local.compare import compare, read_created
from disagg.local.karpenter import with_node_pools

pytestmark = pytest.mark.slow

STRENGTH = 3
AXES = {
    "platform": ("eks", "karpenter", "hyperpod"),
    "source": ("on_demand", "reservation", "capacity_block", "training_plan"),
    "type": (
        "p6-b200.48xlarge",
        "p6-b300.48xlarge",
        "p5en.48xlarge",
        "p5.48xlarge",
        "g7e.48xlarge",
    ),
    "exposure": ("device_plugin", "dra"),
    "ami": ("al2023", "bottlerocket"),
    "weights": ("hugging_face", "s3", "fsx"),
    "network": ("made", "existing", "closed"),
    "version": ("1.33", "1.34", "1.35"),
    "placement": ("separate_nodes", "colocate"),
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


EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "fabric_subnet": {
        "id": "subnet-0123456789abcdef0",
        "cidr": "10.42.0.0/20",
        "zone_id": "usw2-az2",
    },
    "system_subnets": [
        {"id": "subnet-0123456789abcdef1", "cidr": "10.42.32.0/24", "zone_id": "usw2-az1"},
        {"id": "subnet-0123456789abcdef2", "cidr": "10.42.33.0/24", "zone_id": "usw2-az2"},
    ],
}
REVISION = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"


def possible(row: Row) -> bool:
    """Tell whether the platforms sell and run a row; the rules say the same (see below)."""
    if row["exposure"] == "dra" and row["version"] == "1.33":
        return False
    if row["type"].startswith("g") and row["source"] in {"capacity_block", "training_plan"}:
        return False
    closed = row["network"] == "closed"
    if closed and (row["weights"] != "s3" or row["platform"] == "karpenter"):
        return False
    if row["platform"] == "hyperpod":
        plain = (row["exposure"], row["ami"]) == ("device_plugin", "al2023")
        return plain and row["source"] in {"on_demand", "training_plan"}
    return bool(row["source"] != "training_plan")


ROWS = covering(AXES, possible, STRENGTH)


def text_of(row: Row) -> str:
    """Return the file of a row."""
    group = {
        "instance_type": row["type"],
        "nodes": 1,
        "ami": row["ami"],
        "source": SOURCES[row["source"]],
    }
    roles = ("shared",) if row["placement"] == "colocate" else ("prefill", "decode")
    edits: dict[str, Any] = {
        "name": "row",
        "cluster.platform": "hyperpod" if row["platform"] == "hyperpod" else "eks",
        "cluster.kubernetes_version": row["version"],
        "capacity": {**dict.fromkeys(roles, group), "device_exposure": row["exposure"]},
        "serving.placement": row["placement"],
    }
    if row["platform"] == "karpenter":
        edits["capacity"]["provisioner"] = "karpenter"
    half = row["placement"] == "colocate"
    # Why: g7e has an EFA device for two GPUs, so a pod has two GPUs at least.
    prefill = 4 if row["type"].startswith("g7e") else 1
    edits["serving.prefill"] = {"replicas": 8 // prefill // (1 + half), "tensor_parallel": prefill}
    edits["serving.decode.replicas"] = 1 if half else 2
    if row["weights"] != "hugging_face":
        edits["serving.weights"] = {"kind": row["weights"], "revision": REVISION}
    if row["network"] == "closed":
        edits |= {"network.internet": "none", "images": {"kind": "ecr"}}
    if row["network"] == "existing":
        edits["network.existing"] = EXISTING
    return edited("pilot", edits)


def environment_of(row: Row) -> Environment:
    return check(read_text(text_of(row), "row.yaml")).environment


def test_what_cannot_be_is_refused_by_the_rules() -> None:
    names = list(AXES)
    every = [dict(zip(names, values, strict=True)) for values in product(*AXES.values())]
    impossible = [row for row in every if not possible(row)]
    assert len(impossible) > 100
    for row in impossible[:: len(impossible) // 100]:
        with pytest.raises(InvalidInputError):
            environment_of(row)


def test_the_rows_hold_every_combination_of_three_choices() -> None:
    assert len(ROWS) >= 60
    names = list(AXES)
    every = [dict(zip(names, values, strict=True)) for values in product(*AXES.values())]
    there = [row for row in every if possible(row)]
    for three in combinations(names, STRENGTH):
        wanted = {tuple(row[name] for name in three) for row in there}
        assert {tuple(row[name] for name in three) for row in ROWS} == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_a_row_is_deployed_as_planned(
    row: Row, aws: Callable[[str], Any], tmp_path: Path, judged: Callable[..., list[Any]]
) -> None:
    environment = environment_of(row)
    written = artifacts.write_all(environment, tmp_path)
    stacks = written.directory / "stacks"
    assert judged(sorted(stacks.glob("*.template.json"))) == []
    put(holdings(environment), environment.aws.account, environment.aws.region)
    deployed(aws, stacks)
    created = read_created(Endpoint(aws), environment.cluster_name)
    facts = compare(environment, with_node_pools(created, written.manifests))
    assert [one.about for one in facts if not one.agrees] == []


ARN = "arn:aws:iam::123456789012:role/platform"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("platform", "roles"),
    [("eks", {"cluster": f"{ARN}/c", "nodes": f"{ARN}/n"}), ("hyperpod", {"hyperpod": f"{ARN}/i"})],
)
def test_a_key_and_roles_of_ones_own_are_deployed_as_planned(
    platform: str, roles: dict[str, str], aws: Callable[[str], Any], tmp_path: Path
) -> None:
    environment = checked(
        aws__kms_key_arn=KEY,
        aws__roles=roles,
        cluster__platform=platform,
        serving__weights={"kind": "s3", "revision": REVISION},
    ).environment
    put(holdings(environment), environment.aws.account, environment.aws.region)
    deployed(aws, artifacts.write_all(environment, tmp_path).directory / "stacks")
    facts = compare(environment, read_created(Endpoint(aws), environment.cluster_name))
    assert [one.about for one in facts if not one.agrees] == []
    assert sum("of one's own" in one.about for one in facts) == 1 + len(roles)


@pytest.fixture(scope="module")
def judged() -> Callable[[list[Path]], list[Any]]:
    """Return what AWS's engine and cfn-lint say of templates, each text judged once."""
    seen: set[str] = set()

    def run(paths: list[Path]) -> list[Any]:
        fresh = [one for one in paths if one.read_text("utf-8") not in seen]
        seen.update(one.read_text("utf-8") for one in fresh)
        return engines.validate_templates(fresh, "us-west-2")

    return run
