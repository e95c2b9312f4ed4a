"""A budget that writes before the money is gone: AWS counts, nobody has to look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from disagg_constructs.encryption import rotating_key

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
    """Who is told, at most ten addresses."""
    topic: bool = False
    """Whether an SNS topic is told too."""
    key: kms.IKey | None = None
    """Encrypts the topic; its policy must admit AWS Budgets. Default: a new key that rotates."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY
    """What becomes of the topic's key when the stack is deleted."""


class SpendingAlarm(Construct):
    """A monthly budget over everything with a tag, with words at shares of it.

    They go to addresses, to a topic, or to both, at 50, 80 and 100 % of what was spent, and when
    AWS foresees that the limit will be passed. Costs are counted a few times a day, so a day of GPU
    nodes may go by unseen.

    *Creates*: one budget; with a topic also that, its policy, and one KMS key.
    *Cost*: none for the budget, which acts on nothing; 1 USD a month for the key.
    *Replaces on change of*: `name`.

    Source: AWS Cost Management user guide "budgets-create" and "budgets-sns-policy", CloudFormation
    AWS::Budgets::Budget.
    """

    topic: sns.ITopic | None
    """Where the same is published as mailed; None when no topic was asked for."""

    def __init__(self, scope: Construct, construct_id: str, *, props: SpendingAlarmProps) -> None:
        super().__init__(scope, construct_id)
        if not props.emails and not props.topic:
            raise ValueError("emails: got none; need one address at least, or topic=True")
        self.topic = self._topic(props) if props.topic else None
        of = budgets.CfnBudget
        to = [of.SubscriberProperty(subscription_type="EMAIL", address=one) for one in props.emails]
        if self.topic is not None:
            address = self.topic.topic_arn
            to.append(of.SubscriberProperty(subscription_type="SNS", address=address))
        rows = [("ACTUAL", one) for one in _ACTUAL_PERCENT] + [("FORECASTED", _FORECAST_PERCENT)]
        budget = of(
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
        if self.topic is not None:
            # Why: AWS Budgets publishes a word to it when it is named, and fails when it may not.
            budget.node.add_dependency(self.topic.node.find_child("Policy"))

    def _topic(self, props: SpendingAlarmProps) -> sns.Topic:
        """Return an encrypted topic that AWS Budgets of this account, and nobody else, may use."""
        account = cdk.Stack.of(self).account
        budgets_of_account: dict[str, Any] = {
            "principals": [iam.ServicePrincipal("budgets.amazonaws.com")],
            "conditions": {"StringEquals": {"aws:SourceAccount": account}},
        }
        key = props.key or rotating_key(
            self, "Key", description="Words about spending", removal_policy=props.removal_policy
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                **budgets_of_account,
            )
        )
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"], resources=[topic.topic_arn], **budgets_of_account
            )
        )
        return topic
