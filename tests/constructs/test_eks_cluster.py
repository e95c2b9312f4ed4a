import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg_constructs import EksCluster, EksClusterProps
from tests.stacks.synthesis import context, of_type, only, template_of

ENV = cdk.Environment(account="123456789012", region="us-west-2")
ADMINISTRATOR = "arn:aws:iam::123456789012:role/platform"


def synthesize(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs", env=ENV)
    if options.pop("own_key", False):
        arn = "arn:aws:kms:us-west-2:123456789012:key/theirs"
        options["key"] = kms.Key.from_key_arn(stack, "TheirKey", arn)
    given: dict[str, Any] = {
        "cluster_name": "theirs",
        "subnets": [_subnet(stack, f"subnet-{n}") for n in (1, 2)],
        "administrators": (ADMINISTRATOR,),
    }
    EksCluster(stack, "Cluster", props=EksClusterProps(**{**given, **options}))
    return template_of(stack)


def _subnet(stack: cdk.Stack, subnet_id: str) -> ec2.ISubnet:
    return ec2.Subnet.from_subnet_attributes(
        stack, subnet_id, subnet_id=subnet_id, route_table_id="rtb-1"
    )


def add_ons(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["AddonName"]: one for one in of_type(template, "AWS::EKS::Addon").values()}


def depends_on(template: dict[str, Any], logical_id: str) -> set[str]:
    named = template["Resources"][logical_id].get("DependsOn", [])
    return {named} if isinstance(named, str) else set(named)


def by_name(template: dict[str, Any], name: str) -> str:
    rows = of_type(template, "AWS::EKS::Addon").items()
    (logical_id,) = [key for key, one in rows if one["AddonName"] == name]
    return logical_id


def test_the_api_server_answers_inside_the_vpc_only() -> None:
    assert only(synthesize(), "AWS::EKS::Cluster")["ResourcesVpcConfig"] == {
        "SubnetIds": ["subnet-1", "subnet-2"],
        "EndpointPrivateAccess": True,
        "EndpointPublicAccess": False,
    }


def test_only_the_named_administrators_enter() -> None:
    template = synthesize()
    assert only(template, "AWS::EKS::Cluster")["AccessConfig"] == {
        "AuthenticationMode": "API",
        "BootstrapClusterCreatorAdminPermissions": False,
    }
    entry = only(template, "AWS::EKS::AccessEntry")
    assert entry["PrincipalArn"] == ADMINISTRATOR
    (policy,) = entry["AccessPolicies"]
    assert policy["AccessScope"] == {"Type": "cluster"}
    assert policy["PolicyArn"].endswith(":cluster-access-policy/AmazonEKSClusterAdminPolicy")


def test_reordering_administrators_changes_no_access_entry() -> None:
    other = "arn:aws:iam::123456789012:role/other"
    forth = of_type(synthesize(administrators=(ADMINISTRATOR, other)), "AWS::EKS::AccessEntry")
    back = of_type(synthesize(administrators=(other, ADMINISTRATOR)), "AWS::EKS::AccessEntry")
    assert len(forth) == 2
    assert forth == back


def test_secrets_and_logs_are_under_one_key_that_rotates() -> None:
    template = synthesize()
    (key,) = of_type(template, "AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    cluster = only(template, "AWS::EKS::Cluster")
    assert cluster["EncryptionConfig"] == [{"Provider": {"KeyArn": arn}}]
    assert only(template, "AWS::Logs::LogGroup")["KmsKeyId"] == arn
    assert only(template, "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_the_log_group_is_there_before_eks_would_make_its_own() -> None:
    template = synthesize()
    (cluster,) = of_type(template, "AWS::EKS::Cluster")
    (group,) = of_type(template, "AWS::Logs::LogGroup")
    assert only(template, "AWS::Logs::LogGroup")["LogGroupName"] == "/aws/eks/theirs/cluster"
    assert group in depends_on(template, cluster)


def test_all_five_logs_are_on() -> None:
    logging = only(synthesize(), "AWS::EKS::Cluster")["Logging"]["ClusterLogging"]
    types = {row["Type"] for row in logging["EnabledTypes"]}
    assert types == {"api", "audit", "authenticator", "controllerManager", "scheduler"}


@pytest.mark.parametrize("version", sorted(KUBERNETES_VERSIONS))
def test_add_ons_are_pinned_to_what_the_catalogue_says_for_the_version(version: str) -> None:
    template = synthesize(kubernetes_version=version)
    assert only(template, "AWS::EKS::Cluster")["Version"] == version
    got = {name: one["AddonVersion"] for name, one in add_ons(template).items()}
    assert got == {row.name: row.version for row in KUBERNETES_VERSIONS[version].add_ons}
    assert set(got) == {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"}


def test_the_vpc_cni_enforces_network_policies_and_keeps_few_addresses() -> None:
    values = json.loads(add_ons(synthesize())["vpc-cni"]["ConfigurationValues"])
    assert values["enableNetworkPolicy"] == "true"
    assert int(values["env"]["MINIMUM_IP_TARGET"]) < 50


def test_the_vpc_cni_has_credentials_of_its_own_before_it_starts() -> None:
    template = synthesize()
    associations = of_type(template, "AWS::EKS::PodIdentityAssociation")
    ((association, properties),) = associations.items()
    assert (properties["Namespace"], properties["ServiceAccount"]) == ("kube-system", "aws-node")
    assert association in depends_on(template, by_name(template, "vpc-cni"))
    role = template["Resources"][properties["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    assert "AmazonEKS_CNI_Policy" in json.dumps(role["ManagedPolicyArns"])


def test_nodes_wait_for_their_daemons_and_dns_waits_for_nodes() -> None:
    template = synthesize()
    (nodes,) = of_type(template, "AWS::EKS::Nodegroup")
    daemons = {by_name(template, n) for n in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")}
    assert depends_on(template, nodes) == daemons
    assert depends_on(template, by_name(template, "coredns")) == {nodes}


def test_system_nodes_are_small_encrypted_and_spread() -> None:
    template = synthesize()
    group = only(template, "AWS::EKS::Nodegroup")
    data = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert group["ScalingConfig"] == {"MinSize": 2, "DesiredSize": 2, "MaxSize": 3}
    assert group["Subnets"] == ["subnet-1", "subnet-2"]
    assert group["AmiType"] == "AL2023_x86_64_STANDARD"
    assert group["Labels"] == {"disagg/role": "system"}
    assert data["InstanceType"] == "m7i.2xlarge"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    # Without groups of its own EKS adds the cluster security group.
    assert not {"SecurityGroupIds", "NetworkInterfaces"} & data.keys()


def test_every_option_is_used() -> None:
    template = synthesize(
        service_cidr="172.21.0.0/16",
        system_instance_type="m7i.4xlarge",
        system_nodes=4,
        own_key=True,
        log_retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
        deletion_protection=True,
        tags={"team": "search"},
    )
    cluster = only(template, "AWS::EKS::Cluster")
    data = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert cluster["KubernetesNetworkConfig"]["ServiceIpv4Cidr"] == "172.21.0.0/16"
    assert cluster["DeletionProtection"] is True
    assert data["InstanceType"] == "m7i.4xlarge"
    assert {"Key": "team", "Value": "search"} in data["TagSpecifications"][0]["Tags"]
    assert only(template, "AWS::EKS::Nodegroup")["ScalingConfig"]["DesiredSize"] == 4
    assert not of_type(template, "AWS::KMS::Key")
    (group,) = of_type(template, "AWS::Logs::LogGroup")
    assert template["Resources"][group]["Properties"]["RetentionInDays"] == 30
    assert template["Resources"][group]["DeletionPolicy"] == "Delete"


def test_deletion_protection_is_off_by_default() -> None:
    assert only(synthesize(), "AWS::EKS::Cluster")["DeletionProtection"] is False


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"got '1\.9'; need one whose add-ons are pinned: 1\.33"):
        synthesize(kubernetes_version="1.9")


def test_a_cluster_nobody_can_enter_is_refused() -> None:
    with pytest.raises(ValueError, match="administrators: got none"):
        synthesize(administrators=())


def test_no_code_and_no_parameter_comes_with_the_cluster() -> None:
    kinds = {body["Type"] for body in synthesize()["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith(("AWS::Lambda", "Custom::", "AWS::SSM"))}


def test_nobody_but_the_nodes_reaches_the_api_server_by_default() -> None:
    assert of_type(synthesize(), "AWS::EC2::SecurityGroupIngress") == {}


def test_a_range_of_clients_reaches_the_api_server_on_its_port_only() -> None:
    template = synthesize(client_cidrs=("10.8.0.0/16", "192.168.7.0/24"))
    rules = of_type(template, "AWS::EC2::SecurityGroupIngress").values()
    assert [
        (one["CidrIp"], one["FromPort"], one["ToPort"], one["IpProtocol"]) for one in rules
    ] == [
        ("10.8.0.0/16", 443, 443, "tcp"),
        ("192.168.7.0/24", 443, 443, "tcp"),
    ]


def test_eks_installs_no_add_on_that_is_not_pinned_here() -> None:
    assert only(synthesize(), "AWS::EKS::Cluster")["BootstrapSelfManagedAddons"] is False
