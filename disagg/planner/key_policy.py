"""What the policy of a KMS key of one's own must allow, so that an environment can use it."""

from typing import Any

from disagg.catalog.regions import REGIONS
from disagg.config.environment import Environment

PAGE = "key-policy.json"
"""Name of the file below `dist/<name>/runbooks`."""


def key_policy(environment: Environment) -> dict[str, Any] | None:
    """Return the statements, beside those of the key's administrators; None without such a key.

    CloudWatch Logs, and AWS Budgets where it tells a topic, are services and need statements.
    Everybody else is a role of the account, whose IAM policy says the rest: EKS's grant is made by
    who deploys, S3 and SNS ask in the name of the caller.

    Source: CloudWatch Logs user guide "encrypt-log-data-kms"; EKS user guide "enable-kms"; S3 user
        guide "UsingKMSEncryption"; SNS developer guide "sns-key-management"; 2026-11-28.
    """
    aws = environment.aws
    if aws.kms_key_arn is None:
        return None
    partition = REGIONS[aws.region].partition
    groups = f"arn:{partition}:logs:{aws.region}:{aws.account}:log-group:*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LogsOfTheAccount",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{aws.region}.amazonaws.com"},
                "Action": [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            },
            {
                "Sid": "RolesOfTheAccount",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{aws.account}:root"},
                "Action": [
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:GenerateDataKey",
                ],
                "Resource": "*",
            },
            *_budgets(environment),
        ],
    }


def _budgets(environment: Environment) -> list[dict[str, Any]]:
    """Return what AWS Budgets needs to publish to a topic under the key.

    Source: AWS Cost Management user guide "budgets-sns-policy".
    """
    if environment.budget is None or not environment.budget.topic:
        return []
    return [
        {
            "Sid": "BudgetsOfTheAccount",
            "Effect": "Allow",
            "Principal": {"Service": "budgets.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": environment.aws.account}},
        }
    ]
