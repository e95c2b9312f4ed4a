import json
from dataclasses import replace
from pathlib import Path

import pytest

from disagg_stacks.base import stack_name
from tests.stacks.synthesis import Template, environment, of_type, only, synthesize, templates

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "logical-ids.json"
STATEFUL = (
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EKS::Cluster",
    "AWS::EKS::Nodegroup",
    "AWS::EC2::PlacementGroup",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
)
ENVIRONMENTS = ("pilot", "reference")


def layer(name: str, suffix: str) -> Template:
    return templates(name)[f"Disagg-{name.capitalize()}-{suffix}"]


def test_an_environment_is_three_stacks_in_order_of_deployment() -> None:
    assert list(templates("pilot")) == [
        "Disagg-Pilot-Network",
        "Disagg-Pilot-Cluster",
        "Disagg-Pilot-Capacity",
    ]


def test_no_two_environments_share_a_stack_name() -> None:
    names = ("a-1", "a1", "a-b", "ab", "a--b", "a-b-c", "ab-c", "network", "a-network")
    layers = ("Network", "Cluster", "Capacity")
    made = {stack_name(name, one) for name in names for one in layers}
    assert len(made) == len(names) * len(layers)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_logical_ids_of_what_has_state_do_not_change(name: str, *, update_golden: bool) -> None:
    got = {
        stack: {kind: sorted(of_type(template, kind)) for kind in STATEFUL}
        for stack, template in templates(name).items()
    }
    got = {stack: {k: ids for k, ids in kinds.items() if ids} for stack, kinds in got.items()}
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if update_golden:
        text = json.dumps({**golden, name: got}, indent=2, sort_keys=True)
        GOLDEN.write_text(f"{text}\n")
        golden[name] = got
    assert got == golden[name], "a new logical id replaces the resource: that is a major version"


def test_separate_nodes_make_a_group_for_each_role() -> None:
    capacity = layer("pilot", "Capacity")
    labels = [one["Labels"] for one in of_type(capacity, "AWS::EKS::Nodegroup").values()]
    assert labels == [
        {"disagg/environment": "pilot", "disagg/role": role} for role in ("prefill", "decode")
    ]
    assert len(of_type(capacity, "AWS::EC2::PlacementGroup")) == 1
    assert len(of_type(capacity, "AWS::EC2::SecurityGroup")) == 1


def test_colocation_makes_one_shared_group_and_one_node_needs_no_placement_group() -> None:
    capacity = layer("reference", "Capacity")
    labels = {"disagg/environment": "reference", "disagg/role": "shared"}
    assert only(capacity, "AWS::EKS::Nodegroup")["Labels"] == labels
    assert not of_type(capacity, "AWS::EC2::PlacementGroup")


def test_gpu_groups_lie_in_the_fabric_subnet_and_start_empty() -> None:
    exports = {
        output["Export"]["Name"]: output["Value"]
        for output in layer("pilot", "Network")["Outputs"].values()
    }
    subnets = of_type(layer("pilot", "Network"), "AWS::EC2::Subnet")
    for group in of_type(layer("pilot", "Capacity"), "AWS::EKS::Nodegroup").values():
        (subnet,) = group["Subnets"]
        assert subnets[exports[subnet["Fn::ImportValue"]]["Ref"]]["CidrBlock"] == "10.42.0.0/17"
        assert group["ScalingConfig"] == {"MinSize": 0, "DesiredSize": 0, "MaxSize": 1}


def test_desired_nodes_of_the_file_reach_the_node_group() -> None:
    pilot = environment("pilot")
    assert pilot.capacity.decode is not None
    running = replace(pilot.capacity, decode=replace(pilot.capacity.decode, desired_nodes=1))
    capacity = synthesize(replace(pilot, capacity=running))["Disagg-Pilot-Capacity"]
    sizes = {
        group["Labels"]["disagg/role"]: group["ScalingConfig"]["DesiredSize"]
        for group in of_type(capacity, "AWS::EKS::Nodegroup").values()
    }
    assert sizes == {"prefill": 0, "decode": 1}


def test_nodes_follow_the_version_of_the_cluster() -> None:
    pilot = environment("pilot")
    newer = replace(pilot, cluster=replace(pilot.cluster, kubernetes_version="1.35"))
    versions = [
        one["Version"]
        for template in synthesize(newer).values()
        for kind in ("AWS::EKS::Cluster", "AWS::EKS::Nodegroup")
        for one in of_type(template, kind).values()
    ]
    assert versions == ["1.35"] * 4


def test_parameters_tell_people_what_was_made() -> None:
    parameters = {
        one["Name"]
        for template in templates("pilot").values()
        for one in of_type(template, "AWS::SSM::Parameter").values()
    }
    assert parameters == {
        "/disagg/pilot/network/vpc-id",
        "/disagg/pilot/network/fabric-subnet-id",
        "/disagg/pilot/network/system-subnet-ids",
        "/disagg/pilot/cluster/name",
        "/disagg/pilot/cluster/endpoint",
        "/disagg/pilot/cluster/security-group-id",
        "/disagg/pilot/capacity/efa-security-group-id",
        "/disagg/pilot/capacity/prefill-node-group",
        "/disagg/pilot/capacity/decode-node-group",
    }


def test_everything_that_takes_tags_says_its_environment_but_the_placement_group() -> None:
    untagged = {
        body["Type"]
        for template in templates("pilot").values()
        for body in template["Resources"].values()
        if "disagg:environment" not in json.dumps(body["Properties"])
    }
    assert untagged == {
        "AWS::EC2::PlacementGroup",
        # These have no tags of their own in CloudFormation.
        "AWS::EC2::Route",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
    }


def test_the_load_balancer_controller_has_its_role_and_no_wildcard_service() -> None:
    cluster = layer("pilot", "Cluster")
    associations = of_type(cluster, "AWS::EKS::PodIdentityAssociation").values()
    assert {(one["Namespace"], one["ServiceAccount"]) for one in associations} == {
        ("kube-system", "aws-node"),
        ("kube-system", "aws-load-balancer-controller"),
    }
    statements = only(cluster, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    actions = {
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert len(actions) > 40
    assert not {action for action in actions if "*" in action}


def test_resources_of_the_policy_follow_the_partition() -> None:
    pilot = environment("pilot")
    gov = replace(pilot, aws=replace(pilot.aws, region="us-gov-west-1"))
    text = json.dumps(only(synthesize(gov)["Disagg-Pilot-Cluster"], "AWS::IAM::ManagedPolicy"))
    assert '"arn:aws-us-gov:' in text
    assert '"arn:aws:' not in text


def test_templates_ask_nothing_at_deploy_time() -> None:
    for template in templates("pilot").values():
        assert not {"Parameters", "Rules", "Conditions", "Metadata"} & template.keys()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_values_cross_stacks_by_export_so_that_a_layer_in_use_cannot_go(name: str) -> None:
    text = json.dumps(templates(name))
    assert "Fn::ImportValue" in text
    assert "Fn::GetStackOutput" not in text
