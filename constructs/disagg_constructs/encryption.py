"""Keys and log groups: a log group is read with its key only, and both outlive the stack."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def rotating_key(
    scope: Construct, construct_id: str, *, description: str, removal_policy: cdk.RemovalPolicy
) -> kms.Key:
    """Return a new symmetric key that rotates yearly; IAM policies say who uses it."""
    return kms.Key(
        scope,
        construct_id,
        description=description,
        enable_key_rotation=True,
        removal_policy=removal_policy,
    )


def encrypted_log_group(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey,
    retention: logs.RetentionDays,
    removal_policy: cdk.RemovalPolicy,
    name: str | None = None,
) -> logs.LogGroup:
    """Return a log group under `key`, with the permission CloudWatch Logs needs on it.

    Args:
        scope: Owner of the log group.
        construct_id: Id under the owner.
        key: Encrypts the log group; an imported key must carry the permission already.
        retention: How long events are kept.
        removal_policy: What becomes of the log group when its stack is deleted.
        name: Fixed name. Default: CloudFormation makes one, which never stands in the way.

    Source: CloudWatch Logs user guide "encrypt log data using KMS": principal, actions and
    encryption context.
    """
    _admit_logs(key, scope, name)
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        encryption_key=key,
        retention=retention,
        removal_policy=removal_policy,
    )


def _admit_logs(key: kms.IKey, scope: Construct, name: str | None) -> None:
    stack = cdk.Stack.of(scope)
    groups = stack.format_arn(
        service="logs",
        resource="log-group",
        # Why: a generated name is not known before the group exists, and the group needs the key.
        resource_name=name or "*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=[
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:DescribeKey",
            ],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
