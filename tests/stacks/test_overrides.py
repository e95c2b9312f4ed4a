"""Overrides of resources: the named property changes, by logical id and by path alike."""

from typing import Any

import pytest
from shipped import checked

from disagg.errors import InvalidInputError, Problem
from tests.stacks.synthesis import Template, synthesize, templates

CAPACITY = "Disagg-Pilot-Capacity"
GROUP = {"stack": "Capacity", "path": "Fabric/SecurityGroup"}


def built(*overrides: dict[str, Any]) -> dict[str, Template]:
    return synthesize(checked("pilot", overrides__resources=list(overrides)).environment)


def problems(*overrides: dict[str, Any]) -> list[Problem]:
    with pytest.raises(InvalidInputError) as caught:
        built(*overrides)
    return caught.value.problems


def group(given: dict[str, Template]) -> tuple[str, dict[str, Any]]:
    found = [
        (key, one["Properties"])
        for key, one in given[CAPACITY]["Resources"].items()
        if one["Type"] == "AWS::EC2::SecurityGroup"
    ]
    return found[0]


def test_a_property_changes_and_nothing_else() -> None:
    before = templates("pilot")
    given = built(GROUP | {"property": "Properties.GroupDescription", "value": "ours"})
    logical_id, properties = group(given)
    assert properties["GroupDescription"] == "ours"
    properties["GroupDescription"] = group(before)[1]["GroupDescription"]
    assert given == before
    by_id = {"stack": "Capacity", "logical_id": logical_id}
    again = built(by_id | {"property": "Properties.GroupDescription", "value": "ours"})
    assert group(again)[1]["GroupDescription"] == "ours"


def test_an_entry_of_a_list_a_new_property_and_an_intrinsic_function_can_be_set() -> None:
    given = built(
        GROUP | {"property": "Properties.Tags.0.Value", "value": "first"},
        GROUP | {"property": "Properties.GroupName", "value": {"Fn::Sub": "${AWS::StackName}-efa"}},
        {"stack": "Network", "path": "Network/Resource", "property": "Properties.EnableDnsSupport",
         "value": False},
    )  # fmt: skip
    _, properties = group(given)
    assert properties["Tags"][0]["Value"] == "first"
    assert properties["GroupName"] == {"Fn::Sub": "${AWS::StackName}-efa"}
    vpcs = given["Disagg-Pilot-Network"]["Resources"].values()
    assert [o["Properties"]["EnableDnsSupport"] for o in vpcs if o["Type"].endswith("::VPC")] == [
        False
    ]


def test_null_takes_a_property_away() -> None:
    given = built(
        {"stack": "Capacity", "path": "DecodeNodes", "property": "Properties.Taints",
         "value": None}
    )  # fmt: skip
    groups = [o for o in given[CAPACITY]["Resources"].values() if o["Type"].endswith("Nodegroup")]
    assert ["Taints" in one["Properties"] for one in groups] == [True, False]


@pytest.mark.parametrize(
    ("wrong", "path", "fix"),
    [
        ({"stack": "Capacitty", "path": "Fabric"}, "stack", "did you mean 'Capacity'?"),
        ({"stack": "Capacity", "path": "Fabric/SecurityGrup"}, "path",
         "did you mean 'Fabric/SecurityGroup'?"),
        ({"stack": "Capacity", "path": "Fabric"}, "path", "did you mean "),
        ({"stack": "Capacity", "logical_id": "zzz"}, "logical_id", "see dist/<name>/stacks"),
    ],
)  # fmt: skip
def test_a_resource_that_is_not_there_is_told(wrong: dict[str, Any], path: str, fix: str) -> None:
    (problem,) = problems(wrong | {"property": "Properties.X", "value": 1})
    assert (problem.code, problem.path) == ("DISAGG-OVR-006", f"overrides.resources[0].{path}")
    assert problem.fix.startswith(fix)


def test_on_hyperpod_a_group_is_looked_for_in_the_cluster() -> None:
    one = {"stack": "Capacity", "path": "DecodeNodes/NodeGroup", "property": "Properties.X"}
    environment = checked(
        "pilot", cluster__platform="hyperpod", overrides__resources=[one | {"value": 1}]
    ).environment
    with pytest.raises(InvalidInputError) as caught:
        synthesize(environment)
    (problem,) = caught.value.problems
    assert (
        problem.fix == "on HyperPod all groups are in 'HyperPod', below Properties.InstanceGroups"
    )


def test_all_are_told_at_once() -> None:
    wrong = {"stack": "Storage", "path": "x", "property": "Properties.X", "value": 1}
    assert len(problems(wrong, wrong)) == 2
