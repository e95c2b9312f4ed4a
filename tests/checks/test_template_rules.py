from collections.abc import Callable
from typing import Any

import pytest

from disagg.checks.rule import rules_of
from disagg.checks.templates import TEMPLATE_RULES, check_templates, hyperpod_rules
from tests.stacks.synthesis import Template, templates

NETWORK, CLUSTER, CAPACITY = (
    "Disagg-Pilot-Network",
    "Disagg-Pilot-Cluster",
    "Disagg-Pilot-Capacity",
)
Given = dict[str, Template]
Change = Callable[[Given], object]


def first(given: Given, stack: str, kind: str) -> dict[str, Any]:
    """Return the properties of the first resource of a type."""
    bodies = given[stack]["Resources"].values()
    properties: dict[str, Any] = next(one["Properties"] for one in bodies if one["Type"] == kind)
    return properties


def launch(given: Given) -> dict[str, Any]:
    data: dict[str, Any] = first(given, CAPACITY, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    return data


def group(given: Given) -> dict[str, Any]:
    return first(given, CAPACITY, "AWS::EKS::Nodegroup")


def cluster(given: Given) -> dict[str, Any]:
    return first(given, CLUSTER, "AWS::EKS::Cluster")


def drop(given: Given, stack: str, kind: str) -> None:
    found = given[stack]["Resources"]
    for logical_id in [key for key, one in found.items() if one["Type"] == kind]:
        del found[logical_id]


def add(given: Given, kind: str) -> None:
    given[CLUSTER]["Resources"]["Added"] = {"Type": kind, "Properties": {}}


def old_vpc_cni(given: Given, version: str | None) -> None:
    for one in given[CLUSTER]["Resources"].values():
        if one.get("Properties", {}).get("AddonName") == "vpc-cni":
            one["Properties"].pop("AddonVersion")
            if version:
                one["Properties"]["AddonVersion"] = version


# Each row breaks the real templates of the pilot in one way: code, where, how.
VIOLATIONS: list[tuple[str, str, Change]] = [
    ("001", CAPACITY, lambda t: launch(t)["NetworkInterfaces"].pop()),
    ("001", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][3].update(InterfaceType="efa")),
    ("001", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][3].update(DeviceIndex=1)),
    ("001", CAPACITY, lambda t: launch(t)["NetworkInterfaces"].reverse()),
    ("001", CAPACITY, lambda t: launch(t).pop("NetworkInterfaces")),
    ("002", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][8].pop("Groups")),
    ("002", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][8]["Groups"].pop()),
    ("002", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][0].update(Groups=["sg-1", "sg-2"])),
    ("002", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][8]["Groups"].pop(0)),
    ("003", CAPACITY, lambda t: launch(t)["NetworkInterfaces"][0].update(SubnetId="subnet-1")),
    ("003", CAPACITY, lambda t: launch(t).update(SecurityGroupIds=["sg-1"])),
    ("003", CAPACITY, lambda t: launch(t).update(IamInstanceProfile={"Name": "x"})),
    ("004", CAPACITY, lambda t: drop(t, CAPACITY, "AWS::EC2::SecurityGroupEgress")),
    ("004", CAPACITY, lambda t: drop(t, CAPACITY, "AWS::EC2::SecurityGroupIngress")),
    (
        "004",
        CAPACITY,
        lambda t: first(t, CAPACITY, "AWS::EC2::SecurityGroupEgress").update(IpProtocol="tcp"),
    ),
    ("005", CAPACITY, lambda t: group(t).update(InstanceTypes=["p6-b200.48xlarge"])),
    ("005", CAPACITY, lambda t: group(t).update(DiskSize=100)),
    ("005", CAPACITY, lambda t: group(t).update(RemoteAccess={"Ec2SshKey": "key"})),
    ("005", CAPACITY, lambda t: group(t).pop("AmiType")),
    ("006", CAPACITY, lambda t: group(t)["Subnets"].append("subnet-2")),
    ("006", CAPACITY, lambda t: group(t)["Subnets"].clear()),
    ("006", CAPACITY, lambda t: group(t).update(AmiType="CUSTOM", Subnets=["a", "b"])),
    ("007", CAPACITY, lambda t: launch(t)["MetadataOptions"].update(HttpTokens="optional")),
    ("007", CAPACITY, lambda t: launch(t)["MetadataOptions"].update(HttpPutResponseHopLimit=2)),
    ("007", CAPACITY, lambda t: launch(t).pop("MetadataOptions")),
    ("008", CAPACITY, lambda t: launch(t)["BlockDeviceMappings"][0]["Ebs"].update(Encrypted=False)),
    ("008", CAPACITY, lambda t: launch(t).pop("BlockDeviceMappings")),
    ("009", CLUSTER, lambda t: cluster(t)["ResourcesVpcConfig"].update(EndpointPublicAccess=True)),
    ("009", CLUSTER, lambda t: cluster(t)["ResourcesVpcConfig"].pop("EndpointPublicAccess")),
    (
        "009",
        CLUSTER,
        lambda t: cluster(t)["ResourcesVpcConfig"].update(EndpointPrivateAccess=False),
    ),
    ("010", CLUSTER, lambda t: cluster(t).pop("EncryptionConfig")),
    ("011", CLUSTER, lambda t: cluster(t)["Logging"]["ClusterLogging"]["EnabledTypes"].pop(1)),
    ("011", CLUSTER, lambda t: cluster(t).pop("Logging")),
    (
        "012",
        CAPACITY,
        lambda t: first(t, CAPACITY, "AWS::EC2::PlacementGroup").update(
            Tags=[{"Key": "a", "Value": "b"}]
        ),
    ),
    ("013", CLUSTER, lambda t: add(t, "Custom::VpcRestrictDefaultSG")),
    ("013", CLUSTER, lambda t: add(t, "AWS::Lambda::Function")),
    ("013", CLUSTER, lambda t: add(t, "AWS::CloudFormation::CustomResource")),
    ("014", CLUSTER, lambda t: old_vpc_cni(t, "v1.18.4-eksbuild.1")),
    ("014", CLUSTER, lambda t: old_vpc_cni(t, "v1.9.10-eksbuild.1")),
    ("014", CLUSTER, lambda t: old_vpc_cni(t, None)),
    ("015", NETWORK, lambda t: first(t, NETWORK, "AWS::KMS::Key").update(EnableKeyRotation=False)),
    ("015", CLUSTER, lambda t: first(t, CLUSTER, "AWS::KMS::Key").pop("EnableKeyRotation")),
]


@pytest.mark.parametrize("name", ["pilot", "reference"])
def test_committed_environments_break_no_rule(name: str) -> None:
    assert check_templates(templates(name)) == []


@pytest.mark.parametrize(
    ("number", "stack", "change"),
    VIOLATIONS,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(VIOLATIONS)],
)
def test_a_change_for_the_worse_is_found_where_it_is(
    number: str, stack: str, change: Change
) -> None:
    given = templates("pilot")
    change(given)
    found = [one for one in check_templates(given) if one.code == f"DISAGG-TPL-{number}"]
    assert found
    for one in found:
        owner, _, rest = one.path.partition("/")
        assert owner == stack
        assert rest.split(".")[0] in given[stack]["Resources"]


def test_every_rule_is_broken_by_some_change() -> None:
    # Rules about HyperPod, AMIs, storage, and those that ask for the environment have tests of
    # their own.
    elsewhere = rules_of(hyperpod_rules)
    own = {
        one.code
        for one in TEMPLATE_RULES
        if one.needs == ("templates",) and "-TPL-" in one.code and one not in elsewhere
    }
    assert {f"DISAGG-TPL-{row[0]}" for row in VIOLATIONS} == own


def test_every_rule_says_what_why_and_from_where() -> None:
    for one in TEMPLATE_RULES:
        assert one.title.endswith("."), one.code
        assert "Source: " in one.explanation, one.code


def test_an_efa_group_of_another_stack_is_found_through_its_export() -> None:
    given = templates("pilot")
    capacity = given[CAPACITY]
    (efa,) = [k for k, v in capacity["Resources"].items() if v["Type"] == "AWS::EC2::SecurityGroup"]
    export = {"Export": {"Name": "efa"}, "Value": {"Fn::GetAtt": [efa, "GroupId"]}}
    given[NETWORK]["Outputs"]["Efa"] = export
    for key, body in list(capacity["Resources"].items()):
        if body["Type"].startswith("AWS::EC2::SecurityGroup"):
            given[NETWORK]["Resources"][key] = capacity["Resources"].pop(key)
    for body in capacity["Resources"].values():
        if body["Type"] == "AWS::EC2::LaunchTemplate":
            for interface in body["Properties"]["LaunchTemplateData"]["NetworkInterfaces"]:
                interface["Groups"][1] = {"Fn::ImportValue": "efa"}
    assert check_templates(given) == []


def test_an_asymmetric_key_need_not_rotate() -> None:
    given = templates("pilot")
    key = first(given, NETWORK, "AWS::KMS::Key")
    key.pop("EnableKeyRotation")
    key["KeySpec"] = "RSA_4096"
    assert check_templates(given) == []


def test_no_templates_no_findings() -> None:
    assert check_templates({}) == []
