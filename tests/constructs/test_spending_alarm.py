"""SpendingAlarm alone: who is told of what, when."""

from dataclasses import replace

import aws_cdk as cdk
import pytest

from disagg_constructs import SpendingAlarm, SpendingAlarmProps
from tests.stacks.synthesis import of_type, only, template_of


def props(*emails: str) -> SpendingAlarmProps:
    return SpendingAlarmProps(
        name="ours", usd_per_month=1_000, tag_key="team", tag_value="ml", emails=emails
    )


def test_everybody_is_told_at_three_shares_and_of_the_forecast() -> None:
    stack = cdk.Stack(cdk.App(), "Here")
    SpendingAlarm(stack, "Budget", props=props("a@example.com", "b@example.com"))
    made = only(template_of(stack), "AWS::Budgets::Budget")
    assert made["Budget"]["BudgetLimit"] == {"Amount": 1000, "Unit": "USD"}
    assert made["Budget"]["CostFilters"] == {"TagKeyValue": ["user:team$ml"]}
    told = [
        (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
        for one in made["NotificationsWithSubscribers"]
    ]
    assert told == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for one in made["NotificationsWithSubscribers"]:
        assert [each["Address"] for each in one["Subscribers"]] == [
            "a@example.com",
            "b@example.com",
        ]


def test_a_topic_is_told_the_same_under_a_key_that_only_budgets_of_the_account_use() -> None:
    stack = cdk.Stack(cdk.App(), "Here", env=cdk.Environment(account="1", region="us-west-2"))
    asked = replace(props("a@example.com"), topic=True)
    SpendingAlarm(stack, "Budget", props=asked)
    made = template_of(stack)
    (topic,) = of_type(made, "AWS::SNS::Topic").items()
    for one in only(made, "AWS::Budgets::Budget")["NotificationsWithSubscribers"]:
        assert one["Subscribers"] == [
            {"SubscriptionType": "EMAIL", "Address": "a@example.com"},
            {"SubscriptionType": "SNS", "Address": {"Ref": topic[0]}},
        ]
    key = only(made, "AWS::KMS::Key")
    assert topic[1]["KmsMasterKeyId"] == {
        "Fn::GetAtt": [next(iter(of_type(made, "AWS::KMS::Key"))), "Arn"]
    }
    policies = (key["KeyPolicy"], only(made, "AWS::SNS::TopicPolicy")["PolicyDocument"])
    for policy, actions in zip(
        policies, (["kms:Decrypt", "kms:GenerateDataKey*"], "sns:Publish"), strict=True
    ):
        (given,) = (
            one
            for one in policy["Statement"]
            if one["Principal"] == {"Service": "budgets.amazonaws.com"}
        )
        assert given["Action"] == actions
        assert given["Condition"] == {"StringEquals": {"aws:SourceAccount": "1"}}


def test_a_topic_alone_is_enough_and_by_default_none_is_made() -> None:
    stack = cdk.Stack(cdk.App(), "Here")
    SpendingAlarm(stack, "Budget", props=replace(props(), topic=True))
    assert of_type(template_of(stack), "AWS::SNS::Topic")
    other = cdk.Stack(cdk.App(), "There")
    SpendingAlarm(other, "Budget", props=props("a@example.com"))
    assert not of_type(template_of(other), "AWS::SNS::Topic")
    assert not of_type(template_of(other), "AWS::KMS::Key")


def test_a_budget_that_tells_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="emails: got none"):
        SpendingAlarm(cdk.Stack(cdk.App(), "Here"), "Budget", props=props())
