"""The Argo CD of AWS: who enters it, from where, and what its role may do."""

from typing import Any

import aws_cdk as cdk
import pytest

from disagg_constructs import ArgoCd, ArgoCdProps
from tests.stacks.synthesis import context, of_type, only, template_of

INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
GROUP, USER = "94482488-3041-7026-18f3-be45837cd0e4", "14482488-3041-7026-18f3-be45837cd0e5"


def synthesize(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs")
    props = ArgoCdProps(
        cluster_name="theirs",
        identity_center_arn=INSTANCE,
        identity_center_region="us-east-1",
        **options,
    )
    ArgoCd(stack, "ArgoCd", props=props)
    return template_of(stack)


def test_groups_and_users_are_administrators_and_nobody_else_is_anything() -> None:
    made = only(synthesize(admin_groups=[GROUP], admin_users=[USER]), "AWS::EKS::Capability")
    settings = made["Configuration"]["ArgoCd"]
    assert settings["RbacRoleMappings"] == [
        {
            "Role": "ADMIN",
            "Identities": [{"Id": GROUP, "Type": "SSO_GROUP"}, {"Id": USER, "Type": "SSO_USER"}],
        }
    ]
    assert settings["AwsIdc"] == {"IdcInstanceArn": INSTANCE, "IdcRegion": "us-east-1"}
    assert settings["Namespace"] == "argocd"
    assert (made["Type"], made["DeletePropagationPolicy"]) == ("ARGOCD", "RETAIN")


def test_by_default_it_is_reached_from_the_internet_and_with_endpoints_from_there_only() -> None:
    plain = only(synthesize(admin_groups=[GROUP]), "AWS::EKS::Capability")
    assert "NetworkAccess" not in plain["Configuration"]["ArgoCd"]
    closed = synthesize(admin_groups=[GROUP], vpc_endpoint_ids=["vpce-0123456789abcdef0"])
    settings = only(closed, "AWS::EKS::Capability")["Configuration"]["ArgoCd"]
    assert settings["NetworkAccess"] == {"VpceIds": ["vpce-0123456789abcdef0"]}


def test_its_role_is_for_capabilities_and_may_do_nothing() -> None:
    template = synthesize(admin_groups=[GROUP])
    role = only(template, "AWS::IAM::Role")
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "capabilities.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert "ManagedPolicyArns" not in role
    assert not of_type(template, "AWS::IAM::Policy")


def test_one_that_nobody_administers_is_refused() -> None:
    with pytest.raises(ValueError, match="admin_groups, admin_users: got none"):
        synthesize()
