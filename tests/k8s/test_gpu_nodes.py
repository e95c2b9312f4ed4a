"""What Karpenter is given: the same nodes that a managed node group of the same file would make."""

import re
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_ec2 as ec2
from cdk8s import App
from custom_kinds import complaints
from shipped import checked

from disagg.artifacts import render
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.config.environment import Environment
from disagg_constructs import GpuNodeGroup, GpuNodeGroupProps
from disagg_k8s.gpu_nodes import GpuNodes
from tests.stacks.synthesis import ROOT, context, of_type, synthesize, template_of

FILE = "15-gpu-nodes.yaml"
# Written down from the EC2 user guide (efa-acc-inst-types): whether card 0 has an EFA device beside
# the plain interface, and the last card that has one.
CARDS = {
    "p6-b200.48xlarge": (True, 7),
    "p6-b300.48xlarge": (False, 16),
    "p5en.48xlarge": (True, 15),
    "p5e.48xlarge": (True, 31),
    "p5.48xlarge": (True, 31),
    "g7e.48xlarge": (True, 3),
    "g6e.48xlarge": (True, 3),
}
ONE = {"id": "cr-0123456789abcdef0", "instances": 2, "zone_id": "usw2-az2"}
BLOCK = ONE | {"kind": "capacity_block", "end": "2027-03-01T11:30:00Z"}
BOUND = ONE | {"kind": "reservation", "placement_group": "ours"}
EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "fabric_subnet": {
        "id": "subnet-0123456789abcdef0",
        "cidr": "10.42.0.0/20",
        "zone_id": "usw2-az2",
    },
    "system_subnets": [
        {"id": "subnet-0123456789abcdef1", "cidr": "10.42.32.0/24", "zone_id": "usw2-az1"},
        {"id": "subnet-0123456789abcdef2", "cidr": "10.42.33.0/24", "zone_id": "usw2-az2"},
    ],
}


def of_file(**edits: Any) -> Environment:
    return checked("pilot", capacity__provisioner="karpenter", **edits).environment


def objects(environment: Environment) -> list[dict[str, Any]]:
    return GpuNodes(App(), "GpuNodes", environment=environment).objects()


def specs(environment: Environment, kind: str) -> dict[str, dict[str, Any]]:
    """Return the specs of a kind by the name of their group."""
    return {
        one["metadata"]["name"].rpartition("-")[2]: one["spec"]
        for one in objects(environment)
        if one["kind"] == kind
    }


def layout(name: str) -> list[tuple[int, int, str]]:
    on_card_zero, last = CARDS[name]
    return [
        (0, 0, "interface"),
        *([(0, 1, "efa-only")] if on_card_zero else []),
        *((card, 0, "efa-only") for card in range(1, last + 1)),
    ]


def cards_of(node_class: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [
        (one["networkCardIndex"], one["deviceIndex"], one["interfaceType"])
        for one in node_class["networkInterfaces"]
    ]


def cards_of_launch_templates() -> dict[str, list[tuple[int, int, str]]]:
    """Return the interfaces that a managed node group of each type launches with."""
    stack = cdk.Stack(cdk.App(context=context()), "Types")
    group = ec2.SecurityGroup.from_security_group_id(stack, "A", "sg-1")
    subnet = ec2.Subnet.from_subnet_attributes(stack, "S", subnet_id="subnet-1", route_table_id="r")
    for name in INSTANCE_TYPES:
        props = GpuNodeGroupProps(
            cluster_name="one",
            cluster_security_group=group,
            efa_security_group=group,
            subnet=subnet,
            role="decode",
            instance_type=name,
            max_nodes=1,
        )
        GpuNodeGroup(stack, name.replace(".", ""), props=props)
    data = [
        one["LaunchTemplateData"]
        for one in of_type(template_of(stack), "AWS::EC2::LaunchTemplate").values()
    ]
    return {
        one["InstanceType"]: [
            (card["NetworkCardIndex"], card["DeviceIndex"], card["InterfaceType"])
            for card in one["NetworkInterfaces"]
        ]
        for one in data
    }


def test_every_type_has_the_interfaces_of_its_cards_as_in_its_launch_template() -> None:
    assert CARDS.keys() == INSTANCE_TYPES.keys()
    templates = cards_of_launch_templates()
    # Why not the whole check: a type decides its interfaces, whatever fits on it.
    one = of_file()
    for name in INSTANCE_TYPES:
        found = cards_of(specs(with_type(one, name), "EC2NodeClass")["decode"])
        assert found == layout(name) == templates[name]


def with_type(environment: Environment, name: str) -> Environment:
    capacity = environment.capacity
    assert capacity.decode is not None
    decode = replace(capacity.decode, instance_type=name)
    return replace(environment, capacity=replace(capacity, decode=decode))


@pytest.mark.parametrize("ami", ["al2023", "bottlerocket"])
@pytest.mark.parametrize("exposure", ["device_plugin", "dra"])
def test_nodes_are_labelled_tainted_and_stored_as_those_of_a_managed_group(
    ami: str, exposure: str
) -> None:
    edits = {"capacity__decode__ami": ami, "capacity__device_exposure": exposure}
    managed = synthesize(checked("pilot", **edits).environment)["Disagg-Pilot-Capacity"]
    (group,) = [
        one
        for one in of_type(managed, "AWS::EKS::Nodegroup").values()
        if one["Labels"]["disagg/role"] == "decode"
    ]
    data = managed["Resources"][group["LaunchTemplate"]["Id"]["Ref"]]["Properties"]
    pool = specs(of_file(**edits), "NodePool")["decode"]["template"]
    node_class = specs(of_file(**edits), "EC2NodeClass")["decode"]
    assert pool["metadata"]["labels"] == group["Labels"]
    assert [(one["key"], one["value"]) for one in pool["spec"]["taints"]] == [
        (one["Key"], one["Value"]) for one in group["Taints"]
    ]
    volumes = [
        (one["DeviceName"], f"{one['Ebs']['VolumeSize']}Gi", one["Ebs"]["Encrypted"])
        for one in data["LaunchTemplateData"]["BlockDeviceMappings"]
    ]
    assert volumes == [
        (one["deviceName"], one["ebs"]["volumeSize"], one["ebs"]["encrypted"])
        for one in node_class["blockDeviceMappings"]
    ]
    assert node_class["instanceStorePolicy"] == "RAID0"


@pytest.mark.parametrize(
    "source", [{"kind": "on_demand"}, BOUND, BLOCK], ids=lambda one: one["kind"]
)
@pytest.mark.parametrize("ami", ["al2023", "bottlerocket"])
def test_the_definitions_of_karpenter_have_nothing_against_it(
    ami: str, source: dict[str, Any]
) -> None:
    edits = {"capacity__decode__ami": ami, "capacity__decode__source": source}
    found = objects(of_file(**edits))
    assert [one["kind"] for one in found] == ["EC2NodeClass", "NodePool"] * 2
    assert [text for one in found for text in complaints(one)] == []


def test_a_field_that_no_definition_knows_is_found() -> None:
    one = objects(of_file())[0]
    one["spec"]["networkInterface"] = []
    assert any("networkInterface" in text for text in complaints(one))


def test_a_pool_runs_what_is_desired_and_never_more_than_is_planned() -> None:
    environment = of_file(capacity__decode__desired_nodes=1)
    pools = specs(environment, "NodePool")
    assert (pools["decode"]["replicas"], pools["prefill"]["replicas"]) == (1, 0)
    assert [one["limits"] for one in pools.values()] == [{"nodes": 1}, {"nodes": 1}]


def test_karpenter_replaces_no_node_by_itself() -> None:
    for pool in specs(of_file(), "NodePool").values():
        assert pool["disruption"]["budgets"] == [{"nodes": "0"}]
        assert pool["template"]["spec"]["expireAfter"] == "Never"


def requirement(pool: dict[str, Any], key: str) -> Any:
    (found,) = [one for one in pool["template"]["spec"]["requirements"] if one["key"] == key]
    return found["operator"], found["values"]


@pytest.mark.parametrize(
    ("source", "bought", "selected", "placed", "drain"),
    [
        ({"kind": "on_demand"}, "on-demand", None, None, "60m"),
        (BOUND, "reserved", [{"id": ONE["id"]}], {"name": "ours"}, "60m"),
        (BLOCK, "reserved", [{"id": ONE["id"]}], None, "10m"),
    ],
    ids=["on demand", "reservation", "block"],
)
def test_nodes_start_in_what_was_bought_and_nowhere_else(
    source: dict[str, Any], bought: str, selected: Any, placed: Any, drain: str
) -> None:
    environment = of_file(capacity__decode__source=source)
    node_class = specs(environment, "EC2NodeClass")["decode"]
    pool = specs(environment, "NodePool")["decode"]
    assert requirement(pool, "karpenter.sh/capacity-type") == ("In", [bought])
    assert requirement(pool, "node.kubernetes.io/instance-type") == ("In", ["p6-b200.48xlarge"])
    assert requirement(pool, "topology.k8s.aws/zone-id") == ("In", ["usw2-az2"])
    assert node_class.get("capacityReservationSelectorTerms") == selected
    assert node_class.get("placementGroupSelector") == placed
    assert pool["template"]["spec"]["terminationGracePeriod"] == drain


def test_two_nodes_on_demand_get_no_placement_group_that_no_manifest_could_name() -> None:
    environment = of_file(
        capacity__decode__nodes=2, serving__decode={"replicas": 4, "tensor_parallel": 4}
    )
    assert "placementGroupSelector" not in specs(environment, "EC2NodeClass")["decode"]
    template = synthesize(environment)["Disagg-Pilot-Capacity"]
    assert of_type(template, "AWS::EC2::PlacementGroup") == {}


def test_in_a_vpc_of_others_the_subnet_is_named_and_in_ours_found_by_its_tag() -> None:
    theirs = specs(of_file(network__existing=EXISTING), "EC2NodeClass")["decode"]
    assert theirs["subnetSelectorTerms"] == [{"id": "subnet-0123456789abcdef0"}]
    ours = specs(of_file(), "EC2NodeClass")["decode"]
    (term,) = ours["subnetSelectorTerms"]
    wanted = {"Key": "disagg:fabric", "Value": term["tags"]["disagg:fabric"]}
    tagged = [
        (stack, one["Type"])
        for stack, template in synthesize(of_file()).items()
        for one in template["Resources"].values()
        # Why a list: types that write tags as a mapping are neither.
        if wanted in list(one.get("Properties", {}).get("Tags", []))
    ]
    assert tagged == [
        ("Disagg-Pilot-Network", "AWS::EC2::Subnet"),
        ("Disagg-Pilot-Capacity", "AWS::EC2::SecurityGroup"),
    ]
    assert term in ours["securityGroupSelectorTerms"]


def test_bottlerocket_is_told_of_huge_pages_and_plugin_and_karpenter_of_the_disks() -> None:
    def user_data(exposure: str) -> str:
        one = of_file(capacity__decode__ami="bottlerocket", capacity__device_exposure=exposure)
        return str(specs(one, "EC2NodeClass")["decode"]["userData"])

    assert '"vm.nr_hugepages" = "5128"' in user_data("dra")
    assert "[settings.kubelet-device-plugins.nvidia]\nenabled = false" in user_data("dra")
    assert "nvidia" not in user_data("device_plugin")
    assert "ephemeral-storage" not in user_data("dra")
    assert "userData" not in specs(of_file(), "EC2NodeClass")["decode"]


def test_an_override_pins_the_ami_as_the_page_says() -> None:
    page = (ROOT / "docs/karpenter.md").read_text("utf-8")
    (text,) = re.findall(r"^    overrides:\n(?:      .*\n)+", page, re.MULTILINE)
    overrides = yaml.safe_load(text.replace("mine-", "pilot-"))["overrides"]
    rendered = render(of_file(overrides=overrides))[FILE]
    aliases = {
        one["metadata"]["name"]: one["spec"]["amiSelectorTerms"][0]["alias"]
        for one in rendered
        if one["kind"] == "EC2NodeClass"
    }
    assert aliases == {"pilot-prefill": "al2023@latest", "pilot-decode": "al2023@v20261101"}


def test_the_file_is_there_with_karpenter_only() -> None:
    assert FILE in render(of_file())
    assert FILE not in render(checked("pilot").environment)
