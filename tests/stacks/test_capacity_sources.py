"""How each source of capacity shows in the templates of an environment."""

from typing import Any

import pytest
from shipped import checked

from tests.stacks.synthesis import Template, of_type, synthesize

ONE = {"id": "cr-0123456789abcdef0", "instances": 2, "zone_id": "usw2-az2"}
BLOCK = {"kind": "capacity_block", "end": "2027-03-01T11:30:00Z"} | ONE
BOUND = {"kind": "reservation", "placement_group": "ours"} | ONE


def capacity(prefill: dict[str, Any], decode: dict[str, Any], wanted: str = "auto") -> Template:
    one = checked(
        "pilot",
        capacity__prefill__source=prefill,
        capacity__decode__source=decode,
        capacity__placement_group=wanted,
    ).environment
    return synthesize(one)["Disagg-Pilot-Capacity"]


def by_role(template: Template) -> dict[str, dict[str, Any]]:
    """Return the launch template data of each role."""
    found = {}
    for group in of_type(template, "AWS::EKS::Nodegroup").values():
        ref = group["LaunchTemplate"]["Id"]["Ref"]
        data = template["Resources"][ref]["Properties"]["LaunchTemplateData"]
        found[group["Labels"]["disagg/role"]] = data
    return found


def test_a_block_has_no_placement_group_and_tells_of_its_end() -> None:
    template = capacity(BLOCK, BLOCK)
    assert of_type(template, "AWS::EC2::PlacementGroup") == {}
    assert all("Placement" not in data for data in by_role(template).values())
    (schedule,) = of_type(template, "AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "at(2027-03-01T09:50:00)"
    names = [one["Name"] for one in of_type(template, "AWS::SSM::Parameter").values()]
    assert "/disagg/pilot/capacity/block-end-topic" in names


def test_without_a_block_there_is_no_topic_and_no_key() -> None:
    template = capacity({"kind": "on_demand"}, BOUND)
    for kind in ("AWS::Scheduler::Schedule", "AWS::SNS::Topic", "AWS::KMS::Key"):
        assert of_type(template, kind) == {}


@pytest.mark.parametrize("wanted", ["auto", "cluster"])
def test_a_bound_reservation_uses_its_own_group_and_others_that_of_the_fabric(wanted: str) -> None:
    found = by_role(capacity(BOUND, {"kind": "on_demand"}, wanted))
    assert found["prefill"]["Placement"] == {"GroupName": "ours"}
    # One node bought on demand is near nobody: only `cluster` makes a group for it.
    assert ("Placement" in found["decode"]) is (wanted == "cluster")
