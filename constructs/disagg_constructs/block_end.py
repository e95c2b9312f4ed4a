"""A message before a Capacity Block or training plan ends: AWS takes the nodes back."""

from dataclasses import dataclass
from datetime import datetime

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from disagg_constructs.encryption import rotating_key


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockEndProps:
    """What is said, and when."""

    messages: tuple[tuple[str, datetime, str], ...]
    """Name of the block or plan, when the message is sent (UTC), and its text."""
    key: kms.IKey | None = None
    """Encrypts the messages. Default: a new key that rotates."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY
    """What becomes of the key when the stack is deleted."""


class BlockEnd(Construct):
    """A topic, and one schedule for each block that publishes to it before the drain must begin.

    Subscribe people or an incident tool to the topic: nothing is subscribed here.

    *Creates*: one KMS key, one SNS topic under it, one role, one EventBridge schedule for each
    block.
    *Cost*: 1 USD a month for the key.
    *Replaces on change of*: nothing; a new time or text changes the schedule.

    Source: EventBridge Scheduler user guide, "one-time schedules" and "execution role"; SNS
    developer guide, "Key management" for publishers of an encrypted topic.
    """

    topic: sns.ITopic
    """Where the messages are published."""

    def __init__(self, scope: Construct, construct_id: str, *, props: BlockEndProps) -> None:
        super().__init__(scope, construct_id)
        key = props.key or rotating_key(
            self,
            "Key",
            description="Messages about the end of bought capacity",
            removal_policy=props.removal_policy,
        )
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        role = self._role(key)
        for block, at, text in props.messages:
            scheduler.CfnSchedule(
                self,
                f"Before{block}",
                schedule_expression=f"at({at:%Y-%m-%dT%H:%M:%S})",
                schedule_expression_timezone="UTC",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                description=f"{block} is about to end",
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=self.topic.topic_arn,
                    role_arn=role.role_arn,
                    input=text,
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3_600, maximum_retry_attempts=10
                    ),
                ),
            )

    def _role(self, key: kms.IKey) -> iam.Role:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            description="Publishes messages about the end of bought capacity",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.topic.topic_arn])
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]
            )
        )
        return role
