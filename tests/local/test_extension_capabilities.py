"""The Argo CD of AWS in a template, deployed in this process and read back as EKS answers it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from disagg.local.aws.readback_delivery import read_capabilities, read_parameters
from tests.local.templates import CLUSTER, Aws, Deploy, get, ref, refused, resource, role

INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
GROUP = {"Id": "94482488-3041-7026-18f3-be45837cd0e4", "Type": "SSO_GROUP"}


def capability(name: str = "argocd", **settings: Any) -> dict[str, Any]:
    argocd = {
        "AwsIdc": {"IdcInstanceArn": INSTANCE, "IdcRegion": "us-west-2"},
        "Namespace": "argocd",
        "RbacRoleMappings": [{"Role": "ADMIN", "Identities": [GROUP]}],
    }
    return {
        "ArgoCdRole": role("capabilities.eks.amazonaws.com"),
        "ArgoCd": resource(
            "EKS::Capability",
            CapabilityName=name,
            ClusterName=ref("Cluster"),
            Type="ARGOCD",
            RoleArn=get("ArgoCdRole", "Arn"),
            DeletePropagationPolicy="RETAIN",
            Configuration={"ArgoCd": argocd | settings},
        ),
    }


def test_a_capability_is_read_back_with_who_enters_and_the_url_it_was_given(
    aws: Aws, deploy: Deploy
) -> None:
    url = get("ArgoCd", "Configuration.ArgoCd.ServerUrl")
    published = resource("SSM::Parameter", Name="/a/b/url", Type="String", Value=url)
    closed = {"NetworkAccess": {"VpceIds": ["vpce-0123456789abcdef0"]}}
    ids = deploy({**CLUSTER, **capability(**closed), "Url": published})
    (one,) = read_capabilities(aws("eks"), "one")
    assert (one.name, one.type, one.namespace) == ("argocd", "ARGOCD", "argocd")
    assert one.identity_center == (INSTANCE, "us-west-2")
    assert one.administrators == (("SSO_GROUP", GROUP["Id"]),)
    assert one.vpc_endpoint_ids == ("vpce-0123456789abcdef0",)
    assert ids["ArgoCd"].startswith("arn:aws:eks:us-west-2:123456789012:capability/one/argocd/")
    assert read_parameters(aws("ssm"), "/a") == {"/a/b/url": one.server_url}


def test_a_capability_is_changed_in_place_and_gone_when_deleted(aws: Aws, deploy: Deploy) -> None:
    before = deploy({**CLUSTER, **capability()})
    viewers = [{"Role": "VIEWER", "Identities": [GROUP]}]
    after = deploy({**CLUSTER, **capability(RbacRoleMappings=viewers)})
    (one,) = read_capabilities(aws("eks"), "one")
    assert one.administrators == ()
    assert before["ArgoCd"] == after["ArgoCd"]
    deploy(CLUSTER)
    assert read_capabilities(aws("eks"), "one") == ()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws("eks").describe_capability(clusterName="one", capabilityName="argocd")


def test_a_cluster_has_one_argo_cd(deploy: Deploy) -> None:
    second = capability("second")["ArgoCd"]
    message = refused(deploy, {**CLUSTER, **capability(), "Second": second})
    assert "a capability of type ARGOCD already" in message


def test_the_role_of_a_capability_must_be_there(deploy: Deploy) -> None:
    absent = capability()["ArgoCd"]
    absent["Properties"]["RoleArn"] = "arn:aws:iam::123456789012:role/absent"
    assert "role/absent" in refused(deploy, {**CLUSTER, "ArgoCd": absent})
