"""SpendingAlarm alone: who is told of what, when."""

import aws_cdk as cdk
import pytest

from disagg_constructs import SpendingAlarm, SpendingAlarmProps
from tests.stacks.synthesis import only, template_of


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


def test_a_budget_that_tells_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="emails: got none"):
        SpendingAlarm(cdk.Stack(cdk.App(), "Here"), "Budget", props=props())
