"""IAM roles of others in place of those the stacks make, and what the page says they need."""

from pathlib import Path
from typing import Any

import pytest
from shipped import checked, edited

from disagg.checks.environment import check
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from disagg_constructs.hyperpod import DESCRIBES, ON_INTERFACES, PULLS
from disagg_constructs.system_nodes import NODE_POLICIES
from tests.stacks.synthesis import Template, synthesize

ARN = "arn:aws:iam::123456789012:role/platform"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "bring-your-own.md"


def roles_of(given: dict[str, Template], stack: str) -> list[dict[str, Any]]:
    return [
        one
        for one in given[f"Disagg-Pilot-{stack}"]["Resources"].values()
        if one["Type"] == "AWS::IAM::Role"
    ]


def group(given: dict[str, Template], stack: str) -> list[Any]:
    return [
        one["Properties"]["NodeRole"]
        for one in given[f"Disagg-Pilot-{stack}"]["Resources"].values()
        if one["Type"] == "AWS::EKS::Nodegroup"
    ]


def test_control_plane_and_nodes_use_the_roles_of_the_file_and_fewer_are_made() -> None:
    names = {"cluster": f"{ARN}/control", "nodes": f"{ARN}/nodes"}
    mine = synthesize(checked(aws__roles=names).environment)
    made = synthesize(checked().environment)
    assert group(mine, "Cluster") + group(mine, "Capacity") == [f"{ARN}/nodes"] * 3
    (cluster,) = [
        one["Properties"]
        for one in mine["Disagg-Pilot-Cluster"]["Resources"].values()
        if one["Type"] == "AWS::EKS::Cluster"
    ]
    assert cluster["RoleArn"] == f"{ARN}/control"
    assert len(roles_of(made, "Cluster")) - len(roles_of(mine, "Cluster")) == 2
    assert roles_of(mine, "Capacity") == []


def test_hyperpods_instances_use_theirs_and_nothing_is_added_to_it() -> None:
    names = {"hyperpod": f"{ARN}/instances"}
    mine = synthesize(checked(cluster__platform="hyperpod", aws__roles=names).environment)
    resources = mine["Disagg-Pilot-Capacity"]["Resources"].values()
    (cluster,) = [one["Properties"] for one in resources if "SageMaker" in one["Type"]]
    assert {one["ExecutionRole"] for one in cluster["InstanceGroups"]} == {f"{ARN}/instances"}
    assert not any(one["Type"].startswith("AWS::IAM::") for one in resources)


@pytest.mark.parametrize(
    ("edits", "key"),
    [
        ({"aws.roles": {"hyperpod": ARN}}, "hyperpod"),
        ({"aws.roles": {"nodes": ARN}, "cluster.platform": "hyperpod"}, "nodes"),
        ({"aws.roles": {"cluster": ARN.replace("aws:", "aws-cn:", 1)}}, "cluster"),
    ],
)
def test_a_role_that_nothing_takes_is_refused(edits: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check(read_text(edited("pilot", edits), "pilot.yaml"))
    found = [(one.code, one.path) for one in refused.value.problems]
    assert found == [("DISAGG-OWN-020", f"aws.roles.{key}")]


def test_the_page_lists_every_policy_and_action_a_made_role_has() -> None:
    text = PAGE.read_text("utf-8")
    policies = (
        *NODE_POLICIES,
        "AmazonEKSClusterPolicy",
        "AmazonSageMakerClusterInstanceRolePolicy",
    )
    for name in (*policies, *ON_INTERFACES, *DESCRIBES, *PULLS):
        assert f"`{name.partition(':')[2] or name}`" in text, name
