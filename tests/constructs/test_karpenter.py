"""What Karpenter needs in an account, and what its role may do there."""

import json
from typing import Any

import aws_cdk as cdk
import pytest

from disagg_constructs import Karpenter, KarpenterProps
from tests.stacks.synthesis import context, of_type, only, template_of

# Source: IAM user guide "iam-quotas": characters of a managed policy, white space not counted.
MOST_CHARACTERS = 6_144
# Actions whose name says that nothing changes, and taking messages from a queue of its own.
HARMLESS = ("Describe", "Get", "List", "Receive", "DeleteMessage")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    stack = cdk.Stack(
        cdk.App(context=context()),
        "Theirs",
        env=cdk.Environment(account="123456789012", region="us-west-2"),
    )
    props = KarpenterProps(
        cluster_name="a" * 51,
        cluster_arn="arn:aws:eks:us-west-2:123456789012:cluster/one",
        queue_name="one-karpenter",
        instance_profile_name="one-gpu-nodes",
    )
    Karpenter(stack, "Karpenter", props=props)
    return template_of(stack)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = only(template, "AWS::IAM::ManagedPolicy")["PolicyDocument"][
        "Statement"
    ]
    return found


def test_what_changes_something_is_bound_to_the_tags_of_the_cluster(
    template: dict[str, Any],
) -> None:
    tag = f"kubernetes.io/cluster/{'a' * 51}"
    seen = set()
    for one in statements(template):
        conditions = one.get("Condition", {}).get("StringEquals", {})
        for action in listed(one["Action"]):
            if any(word in action for word in HARMLESS) or action == "iam:PassRole":
                continue
            seen.add(action)
            if f"aws:ResourceTag/{tag}" in conditions or f"aws:RequestTag/{tag}" in conditions:
                continue
            # What a launch only uses: it exists, and stays as it is.
            kinds = {str(arn).rpartition(":")[2].partition("/")[0] for arn in one["Resource"]}
            assert action in {"ec2:RunInstances", "ec2:CreateFleet"}
            assert kinds == {
                "image",
                "snapshot",
                "security-group",
                "subnet",
                "capacity-reservation",
                "placement-group",
            }
    assert seen >= {"ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateTags"}


def test_it_makes_no_instance_profile_and_passes_on_one_role_to_instances_only(
    template: dict[str, Any],
) -> None:
    actions = {action for one in statements(template) for action in listed(one["Action"])}
    assert {one for one in actions if one.startswith("iam:")} == {
        "iam:PassRole",
        "iam:GetInstanceProfile",
        "iam:ListInstanceProfiles",
    }
    (passing,) = [one for one in statements(template) if one["Action"] == "iam:PassRole"]
    (profile,) = of_type(template, "AWS::IAM::InstanceProfile").values()
    (ref,) = profile["Roles"]
    assert passing["Resource"] == {"Fn::GetAtt": [ref["Ref"], "Arn"]}
    assert all("ec2" in one for one in passing["Condition"]["StringEquals"]["iam:PassedToService"])


def test_the_policy_fits_into_one_with_the_longest_name_of_a_cluster(
    template: dict[str, Any],
) -> None:
    text = json.dumps({"Statement": statements(template)}, separators=(",", ":"))
    assert len(text) < MOST_CHARACTERS - 200


def test_nodes_may_join_as_linux_nodes_of_ec2(template: dict[str, Any]) -> None:
    entry = only(template, "AWS::EKS::AccessEntry")
    (profile,) = of_type(template, "AWS::IAM::InstanceProfile").values()
    assert entry["Type"] == "EC2_LINUX"
    assert entry["PrincipalArn"]["Fn::GetAtt"][0] == profile["Roles"][0]["Ref"]
    assert profile["InstanceProfileName"] == "one-gpu-nodes"


def test_events_of_instances_reach_the_queue_and_nobody_else_sends_to_it(
    template: dict[str, Any],
) -> None:
    queue = only(template, "AWS::SQS::Queue")
    assert (queue["QueueName"], queue["SqsManagedSseEnabled"]) == ("one-karpenter", True)
    rules = of_type(template, "AWS::Events::Rule")
    assert sorted(one["EventPattern"]["detail-type"][0] for one in rules.values()) == [
        "AWS Health Event",
        "EC2 Capacity Reservation Instance Interruption Warning",
        "EC2 Instance State-change Notification",
    ]
    policy = only(template, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    allowed = [one for one in policy if one["Effect"] == "Allow"]
    assert len(allowed) == 3
    for one in allowed:
        assert one["Principal"] == {"Service": "events.amazonaws.com"}
        assert one["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0] in rules
    assert [one["Condition"] for one in policy if one["Effect"] == "Deny"] == [
        {"Bool": {"aws:SecureTransport": "false"}}
    ]
