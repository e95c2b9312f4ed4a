"""The EKS types of a template, deployed in this process and read back."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from disagg.local.aws.readback_network import read_security_group
from tests.local.templates import (
    CLUSTER,
    Aws,
    Deploy,
    get,
    identities,
    node_group,
    ref,
    refused,
    resource,
    rule,
)


def test_a_cluster_gets_a_group_of_its_own_in_its_vpc(aws: Aws, deploy: Deploy) -> None:
    ids = deploy(CLUSTER)
    network = aws("eks").describe_cluster(name="one")["cluster"]["resourcesVpcConfig"]
    assert network["vpcId"] == ids["Vpc"]
    assert (network["endpointPublicAccess"], network["endpointPrivateAccess"]) == (True, False)
    group = read_security_group(aws("ec2"), network["clusterSecurityGroupId"])
    assert group.ingress == (rule(group.id),)
    assert group.tags["aws:eks:cluster-name"] == "one"


def test_logs_are_off_when_nobody_asks(aws: Aws, deploy: Deploy) -> None:
    deploy(CLUSTER)
    logging = aws("eks").describe_cluster(name="one")["cluster"]["logging"]["clusterLogging"]
    assert [(len(item["types"]), item["enabled"]) for item in logging] == [(5, False)]


def test_a_cluster_is_updated_in_place(aws: Aws, deploy: Deploy) -> None:
    deploy(CLUSTER)
    before = aws("eks").describe_cluster(name="one")["cluster"]
    changed = dict(CLUSTER["Cluster"]["Properties"], Version="1.35")
    changed["ResourcesVpcConfig"] = {
        **changed["ResourcesVpcConfig"],
        "EndpointPublicAccess": False,
        "EndpointPrivateAccess": True,
    }
    deploy({**CLUSTER, "Cluster": resource("EKS::Cluster", **changed)})
    after = aws("eks").describe_cluster(name="one")["cluster"]
    network = after["resourcesVpcConfig"]
    assert after["version"] == "1.35"
    assert (network["endpointPublicAccess"], network["endpointPrivateAccess"]) == (False, True)
    assert (
        network["clusterSecurityGroupId"] == before["resourcesVpcConfig"]["clusterSecurityGroupId"]
    )


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/absent"}, "role/absent"),
        ({"ResourcesVpcConfig": {"SubnetIds": ["subnet-0absent"]}}, "subnet-0absent"),
    ],
)
def test_a_cluster_needs_what_it_names(deploy: Deploy, wrong: dict[str, Any], what: str) -> None:
    properties = CLUSTER["Cluster"]["Properties"] | wrong
    message = refused(deploy, {**CLUSTER, "Cluster": resource("EKS::Cluster", **properties)})
    assert "Cluster (AWS::EKS::Cluster)" in message
    assert what in message


def test_a_node_group_needs_its_launch_template(deploy: Deploy) -> None:
    absent = {"Id": "lt-0absent", "Version": "1"}
    message = refused(deploy, {**CLUSTER, "Nodes": node_group(LaunchTemplate=absent)})
    assert "Nodes (AWS::EKS::Nodegroup)" in message
    assert "lt-0absent" in message


def test_the_instance_type_is_said_in_one_place(deploy: Deploy) -> None:
    template = resource("EC2::LaunchTemplate", LaunchTemplateData={"InstanceType": "m7i.large"})
    nodes = node_group(
        InstanceTypes=["m7i.large"],
        LaunchTemplate={"Id": ref("Template"), "Version": get("Template", "LatestVersionNumber")},
    )
    message = refused(deploy, {**CLUSTER, "Template": template, "Nodes": nodes})
    assert "in the launch template and in the node group" in message


def test_a_node_group_without_a_template_keeps_what_it_says(aws: Aws, deploy: Deploy) -> None:
    deploy({**CLUSTER, "Nodes": node_group(InstanceTypes=["m7i.large"], Labels={"Pool": "a"})})
    group = aws("eks").describe_nodegroup(clusterName="one", nodegroupName="gpu")["nodegroup"]
    assert group["instanceTypes"] == ["m7i.large"]
    assert group["labels"] == {"Pool": "a"}
    assert group["version"] == "1.34"
    assert "launchTemplate" not in group


def test_a_node_group_is_updated_in_place(aws: Aws, deploy: Deploy) -> None:
    scaling = {"MinSize": 0, "DesiredSize": 1, "MaxSize": 2}
    deploy({**CLUSTER, "Nodes": node_group(ScalingConfig=scaling)})
    deploy({**CLUSTER, "Nodes": node_group(ScalingConfig=scaling | {"DesiredSize": 2})})
    group = aws("eks").describe_nodegroup(clusterName="one", nodegroupName="gpu")["nodegroup"]
    assert group["scalingConfig"] == {"minSize": 0, "desiredSize": 2, "maxSize": 2}


def test_pod_identities_are_listed_by_service_account_and_gone_when_deleted(
    aws: Aws, deploy: Deploy
) -> None:
    eks = aws("eks")
    deploy({**CLUSTER, **identities(get("Role", "Arn"))})
    every = eks.list_pod_identity_associations(clusterName="one")["associations"]
    assert sorted(item["serviceAccount"] for item in every) == ["decode", "prefill"]
    one = eks.list_pod_identity_associations(clusterName="one", serviceAccount="decode")
    assert [item["serviceAccount"] for item in one["associations"]] == ["decode"]
    deploy(CLUSTER)
    assert eks.list_pod_identity_associations(clusterName="one")["associations"] == []


def test_a_pod_identity_needs_its_role(deploy: Deploy) -> None:
    message = refused(deploy, {**CLUSTER, **identities("arn:aws:iam::123456789012:role/absent")})
    assert "role/absent" in message


def test_an_access_entry_is_found_by_a_principal_with_a_path(aws: Aws, deploy: Deploy) -> None:
    principal = "arn:aws:iam::123456789012:role/teams/platform"
    policy = {
        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/A",
        "AccessScope": {"Type": "cluster"},
    }
    entry = resource(
        "EKS::AccessEntry",
        ClusterName=ref("Cluster"),
        PrincipalArn=principal,
        AccessPolicies=[policy],
    )
    deploy({**CLUSTER, "Entry": entry})
    eks = aws("eks")
    assert eks.list_access_entries(clusterName="one")["accessEntries"] == [principal]
    found = eks.describe_access_entry(clusterName="one", principalArn=principal)["accessEntry"]
    assert found["type"] == "STANDARD"
    policies = eks.list_associated_access_policies(clusterName="one", principalArn=principal)
    assert [item["policyArn"] for item in policies["associatedAccessPolicies"]] == [
        policy["PolicyArn"]
    ]


@pytest.mark.parametrize(
    "ask",
    [
        lambda eks: eks.describe_addon(clusterName="one", addonName="absent"),
        lambda eks: eks.describe_access_entry(clusterName="one", principalArn="absent"),
        lambda eks: eks.describe_pod_identity_association(clusterName="one", associationId="a-0"),
        lambda eks: eks.list_addons(clusterName="absent"),
    ],
)
def test_what_is_not_there_is_not_found(
    aws: Aws, deploy: Deploy, ask: Callable[[Any], object]
) -> None:
    deploy(CLUSTER)
    with pytest.raises(ClientError) as caught:
        ask(aws("eks"))
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_deleted_stack_leaves_nothing_of_a_cluster(aws: Aws, deploy: Deploy) -> None:
    addon = resource("EKS::Addon", ClusterName=ref("Cluster"), AddonName="vpc-cni")
    near = resource("EC2::PlacementGroup", Strategy="cluster")
    deploy({**CLUSTER, "Nodes": node_group(), "Addon": addon, "Near": near})
    groups = len(aws("ec2").describe_security_groups()["SecurityGroups"])
    aws("cloudformation").delete_stack(StackName="stack")
    assert aws("eks").list_clusters()["clusters"] == []
    assert aws("ec2").describe_placement_groups()["PlacementGroups"] == []
    assert len(aws("ec2").describe_security_groups()["SecurityGroups"]) == groups - 2
