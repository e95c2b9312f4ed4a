"""An environment in a VPC of others: what is made, where, and what is left alone."""

import json
from typing import Any

from shipped import checked

from disagg.checks.templates import check_templates
from disagg.config.environment import Environment
from disagg.config.prices import bundled_prices
from disagg.planner.plan import make_plan
from tests.stacks.synthesis import Template, of_type, only, synthesize

FABRIC, FIRST, SECOND = (f"subnet-{number:017x}" for number in (1, 2, 3))
EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "other_cidrs": ["100.64.0.0/16"],
    "fabric_subnet": {"id": FABRIC, "cidr": "100.64.0.0/18", "zone_id": "usw2-az2"},
    "system_subnets": [
        {"id": FIRST, "cidr": "10.20.16.0/24", "zone_id": "usw2-az1"},
        {"id": SECOND, "cidr": "10.20.17.0/24", "zone_id": "usw2-az2"},
    ],
}


def in_a_vpc_of_others(**more: Any) -> Environment:
    return checked(
        "pilot", network__cidr="10.20.0.0/16", network__existing=EXISTING, **more
    ).environment


def built() -> tuple[Template, Template, Template]:
    network, cluster, capacity = synthesize(in_a_vpc_of_others()).values()
    return network, cluster, capacity


def test_the_network_stack_holds_names_and_nothing_else() -> None:
    network, _, _ = built()
    assert {one["Type"] for one in network["Resources"].values()} == {"AWS::SSM::Parameter"}
    said = {one["Name"]: one["Value"] for one in of_type(network, "AWS::SSM::Parameter").values()}
    assert said == {
        "/disagg/pilot/network/vpc-id": "vpc-0123456789abcdef0",
        "/disagg/pilot/network/fabric-subnet-id": FABRIC,
        "/disagg/pilot/network/system-subnet-ids": f"{FIRST},{SECOND}",
    }


def test_cluster_and_nodes_are_in_the_subnets_of_the_file() -> None:
    _, cluster, capacity = built()
    access = only(cluster, "AWS::EKS::Cluster")["ResourcesVpcConfig"]
    assert access["SubnetIds"] == [FIRST, SECOND]
    assert only(cluster, "AWS::EKS::Nodegroup")["Subnets"] == [FIRST, SECOND]
    groups = of_type(capacity, "AWS::EKS::Nodegroup").values()
    assert [one["Subnets"] for one in groups] == [[FABRIC], [FABRIC]]
    assert only(capacity, "AWS::EC2::SecurityGroup")["VpcId"] == "vpc-0123456789abcdef0"


def test_every_template_rule_holds_and_nothing_is_made_in_the_vpc_but_a_group() -> None:
    given = synthesize(in_a_vpc_of_others())
    assert check_templates(given) == []
    kinds = {one["Type"] for template in given.values() for one in template["Resources"].values()}
    assert {kind for kind in kinds if kind.startswith("AWS::EC2::")} == {
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::PlacementGroup",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
    }


def test_what_others_own_is_named_in_the_plan_and_not_priced() -> None:
    mine, theirs = (
        make_plan(one, bundled_prices()) for one in (checked().environment, in_a_vpc_of_others())
    )
    gone = {line.item for line in mine.costs} - {line.item for line in theirs.costs}
    assert gone == {"NAT gateway", "public IPv4 address of it", "interface endpoints"}
    assert mine.existing == ()
    assert [one.ids for one in theirs.existing] == [
        ("vpc-0123456789abcdef0",),
        (FABRIC,),
        (FIRST, SECOND),
    ]
    assert theirs.to_json()["subnets"]["public"] is None
    json.dumps(theirs.to_json())


def test_every_range_of_the_vpc_reaches_the_router() -> None:
    from disagg_k8s import render  # noqa: PLC0415  Why: starts Node only where it is needed.

    files = render(in_a_vpc_of_others(cluster__client_cidrs=["192.168.0.0/24"]))
    (service,) = [one for one in files["70-router.yaml"] if one["kind"] == "Service"]
    assert service["spec"]["loadBalancerSourceRanges"] == [
        "10.20.0.0/16",
        "100.64.0.0/16",
        "192.168.0.0/24",
    ]
    text = json.dumps(files["20-network-policies.yaml"])
    assert '"cidr": "100.64.0.0/16"' in text


CLUSTER = {
    "name": "platform",
    "security_group_id": "sg-0123456789abcdef0",
    "vpc_cni_version": "v1.21.1-eksbuild.1",
}


def in_a_cluster_of_others() -> Environment:
    return in_a_vpc_of_others(cluster__existing=CLUSTER, cluster__administrators=[])


def test_in_a_cluster_of_others_only_capacity_is_made() -> None:
    network, cluster, capacity = synthesize(in_a_cluster_of_others()).values()
    for names in (network, cluster):
        assert {one["Type"] for one in names["Resources"].values()} == {"AWS::SSM::Parameter"}
    said = {one["Name"]: one["Value"] for one in of_type(cluster, "AWS::SSM::Parameter").values()}
    assert said == {
        "/disagg/pilot/cluster/name": "platform",
        "/disagg/pilot/cluster/security-group-id": "sg-0123456789abcdef0",
    }
    groups = of_type(capacity, "AWS::EKS::Nodegroup").values()
    assert {one["ClusterName"] for one in groups} == {"platform"}
    for one in of_type(capacity, "AWS::EC2::LaunchTemplate").values():
        interfaces = one["LaunchTemplateData"]["NetworkInterfaces"]
        assert len(interfaces) == 9
        assert all("sg-0123456789abcdef0" in each["Groups"] for each in interfaces)


def test_no_rule_is_added_to_a_group_of_others_and_every_template_rule_holds() -> None:
    given = synthesize(in_a_cluster_of_others())
    assert check_templates(given, in_a_cluster_of_others()) == []
    for direction in ("Ingress", "Egress"):
        rules = of_type(given["Disagg-Pilot-Capacity"], f"AWS::EC2::SecurityGroup{direction}")
        assert all(one["GroupId"] != "sg-0123456789abcdef0" for one in rules.values())


def test_the_plan_of_a_cluster_of_others_prices_gpu_nodes_only() -> None:
    made = make_plan(in_a_cluster_of_others(), bundled_prices())
    assert made.usd_per_hour_without_gpus == 0
    assert [one.what for one in made.existing][:2] == ["cluster", "cluster security group"]
    assert "2 nodes labelled disagg/role: system" in made.existing[0].needs


def test_a_hyperpod_in_a_vpc_of_others_is_in_their_subnets() -> None:
    one = in_a_vpc_of_others(
        cluster__platform="hyperpod", aws__name_prefix="acme", aws__bootstrap_qualifier="acme"
    )
    given = synthesize(one)
    assert check_templates(given, one) == []
    made = only(given["acme-Pilot-Capacity"], "AWS::SageMaker::Cluster")
    text = json.dumps(made)
    assert FABRIC in text
    assert FIRST in text
    assert "AWS::EC2::VPC" not in json.dumps(given)
