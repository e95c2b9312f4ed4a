"""A budget that writes before the money is gone: AWS counts, nobody has to look."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_budgets as budgets
from constructs import Construct

_ACTUAL_PERCENT = (50, 80, 100)
_FORECAST_PERCENT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendingAlarmProps:
    """How much, of what, and who is told."""

    name: str
    """Name of the budget, unique in the account."""
    usd_per_month: int
    """Limit [USD/month]."""
    tag_key: str
    """Cost allocation tag whose costs count; activate it in the billing console first."""
    tag_value: str
    """Its value."""
    emails: Sequence[str]
    """Who is told, one to ten addresses."""


class SpendingAlarm(Construct):
    """A monthly budget over everything with a tag, with mails at shares of it.

    Mails go at 50, 80 and 100 % of what was spent, and when AWS foresees that the limit will be
    passed. Costs are counted a few times a day, so a day of GPU nodes may go by unseen.

    *Creates*: one budget.
    *Cost*: none; the first two budgets with actions would cost, and this has none.
    *Replaces on change of*: `name`.

    Source: AWS Cost Management user guide "budgets-create", CloudFormation AWS::Budgets::Budget.
    """

    def __init__(self, scope: Construct, construct_id: str, *, props: SpendingAlarmProps) -> None:
        super().__init__(scope, construct_id)
        if not props.emails:
            raise ValueError("emails: got none; need one address at least")
        of = budgets.CfnBudget
        to = [of.SubscriberProperty(subscription_type="EMAIL", address=one) for one in props.emails]
        rows = [("ACTUAL", one) for one in _ACTUAL_PERCENT] + [("FORECASTED", _FORECAST_PERCENT)]
        of(
            self,
            "Resource",
            budget=of.BudgetDataProperty(
                budget_name=props.name,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=of.SpendProperty(amount=props.usd_per_month, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:{props.tag_key}${props.tag_value}"]},
            ),
            notifications_with_subscribers=[
                of.NotificationWithSubscribersProperty(
                    notification=of.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=to,
                )
                for kind, percent in rows
            ],
        )
