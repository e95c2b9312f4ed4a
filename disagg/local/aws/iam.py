"""What moto's IAM forgets of a role in a template: its managed policies."""

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, Role, iam_backends

from disagg.local.aws.cloudformation import Call, Correction


@cache
def _policies_of_aws(partition: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name and content of AWS's own policies by ARN; moto brings 1,582 of them."""
    parsed: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    of_aws = f"arn:{partition}:iam::aws:policy"
    return {f"{of_aws}{data['Path']}{name}": (name, data) for name, data in parsed.items()}


def _attach_policies(call: Call, role: Any) -> None:
    iam, of_aws = iam_backends[call.account][call.partition], _policies_of_aws(call.partition)
    for arn in call.properties.get("ManagedPolicyArns", []):
        # Why: one by one, because letting moto make all of them takes two seconds.
        if arn not in iam.managed_policies and arn in of_aws:
            name, data = of_aws[arn]
            policy = AWSManagedPolicy.from_data(name, call.account, call.region, data)
            iam.managed_policies[arn] = policy
        iam.attach_role_policy(arn, role.name)


def _delete_role(call: Call) -> None:
    """Detach the managed policies, as CloudFormation does, and delete the role as moto does."""
    role = iam_backends[call.account][call.partition].get_role(call.name)
    for policy in list(role.managed_policies.values()):
        policy.detach_from(role)
    Role.delete_from_cloudformation_json(call.name, {}, call.account, call.region)


def _delete_policy(call: Call) -> None:
    iam_backends[call.account][call.partition].delete_policy(call.name)


CORRECTIONS = (
    Correction(
        name="AWS::IAM::Role",
        after=_attach_policies,
        # Why: moto changes the description and forgets the rest.
        updates=False,
        delete=_delete_role,
    ),
    Correction(
        name="AWS::IAM::ManagedPolicy",
        attributes={"PolicyArn": lambda policy: policy.arn},
        # Why: moto leaves it in the account.
        delete=_delete_policy,
    ),
)
