import email
import tomllib
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from disagg_constructs import GpuNodeGroup, GpuNodeGroupProps, Reserved
from tests.stacks.synthesis import context, of_type, only, template_of

# Written down from the EC2 user guide (efa-acc-inst-types), not taken from the planner.
P6_B200_INTERFACES = [(0, 0, "interface"), (0, 1, "efa-only")] + [
    (card, 0, "efa-only") for card in range(1, 8)
]


def synthesize(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs")
    given: dict[str, Any] = {
        "cluster_name": "theirs",
        "cluster_security_group": ec2.SecurityGroup.from_security_group_id(
            stack, "A", "sg-cluster"
        ),
        "efa_security_group": ec2.SecurityGroup.from_security_group_id(stack, "B", "sg-efa"),
        "subnet": ec2.Subnet.from_subnet_attributes(
            stack, "S", subnet_id="subnet-1", route_table_id="rtb-1"
        ),
        "role": "prefill",
        "instance_type": "p6-b200.48xlarge",
        "max_nodes": 2,
    }
    if options.pop("own_role", False):
        options["node_role"] = iam.Role.from_role_arn(stack, "R", "arn:aws:iam::1:role/theirs")
    GpuNodeGroup(stack, "Gpu", props=GpuNodeGroupProps(**given, **options))
    return template_of(stack)


def launch_data(template: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    return data


def test_a_node_has_the_nine_interfaces_of_its_type() -> None:
    interfaces = launch_data(synthesize())["NetworkInterfaces"]
    got = [(i["NetworkCardIndex"], i["DeviceIndex"], i["InterfaceType"]) for i in interfaces]
    assert got == P6_B200_INTERFACES


def test_every_interface_carries_both_groups_and_goes_with_its_node() -> None:
    for interface in launch_data(synthesize())["NetworkInterfaces"]:
        assert interface["Groups"] == ["sg-cluster", "sg-efa"]
        assert interface["DeleteOnTermination"] is True
        assert "SubnetId" not in interface
        assert "AssociatePublicIpAddress" not in interface


def test_the_launch_template_leaves_to_eks_what_is_its_own() -> None:
    forbidden = {
        "SecurityGroupIds",
        "SecurityGroups",
        "IamInstanceProfile",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "HibernationOptions",
    }
    assert not forbidden & launch_data(synthesize()).keys()


def test_credentials_of_the_node_stay_on_the_node() -> None:
    assert launch_data(synthesize())["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_the_root_volume_is_encrypted_and_as_large_as_asked() -> None:
    for options, size in (({}, 200), ({"root_volume_gib": 500}, 500)):
        (mapping,) = launch_data(synthesize(**options))["BlockDeviceMappings"]
        assert mapping["Ebs"] == {
            "DeleteOnTermination": True,
            "Encrypted": True,
            "VolumeSize": size,
            "VolumeType": "gp3",
        }


def test_user_data_joins_the_nvme_disks() -> None:
    text = launch_data(synthesize())["UserData"]["Fn::Base64"]
    (part,) = list(email.message_from_string(text).walk())[1:]
    assert part.get_content_type() == "application/node.eks.aws"
    config = yaml.safe_load(str(part.get_payload()))
    assert config["kind"] == "NodeConfig"
    assert config["spec"] == {"instance": {"localStorage": {"strategy": "RAID0"}}}


def test_a_group_starts_empty_in_one_subnet_and_takes_its_hardware_from_the_template() -> None:
    group = only(synthesize(), "AWS::EKS::Nodegroup")
    assert group["ScalingConfig"] == {"MinSize": 0, "DesiredSize": 0, "MaxSize": 2}
    assert group["Subnets"] == ["subnet-1"]
    assert group["AmiType"] == "AL2023_x86_64_NVIDIA"
    assert group["CapacityType"] == "ON_DEMAND"
    assert group["UpdateConfig"] == {"MaxUnavailable": 1, "UpdateStrategy": "MINIMAL"}
    assert group["NodeRepairConfig"] == {"Enabled": True}
    assert not {"InstanceTypes", "DiskSize", "RemoteAccess", "NodegroupName"} & group.keys()


def test_nodes_are_labelled_and_keep_others_off() -> None:
    group = only(synthesize(labels={"team": "search"}), "AWS::EKS::Nodegroup")
    assert group["Labels"] == {"disagg/role": "prefill", "team": "search"}
    assert group["Taints"] == [
        {"Key": "nvidia.com/gpu", "Value": "present", "Effect": "NO_SCHEDULE"}
    ]


def test_every_option_is_used() -> None:
    template = synthesize(
        desired_nodes=2, placement_group_name="near", tags={"team": "search"}, own_role=True
    )
    group = only(template, "AWS::EKS::Nodegroup")
    data = launch_data(template)
    assert group["ScalingConfig"]["DesiredSize"] == 2
    assert group["NodeRole"] == "arn:aws:iam::1:role/theirs"
    assert not of_type(template, "AWS::IAM::Role")
    assert data["Placement"] == {"GroupName": "near"}
    kinds = {spec["ResourceType"]: spec["Tags"] for spec in data["TagSpecifications"]}
    assert set(kinds) == {"instance", "volume"}
    assert {"Key": "team", "Value": "search"} in kinds["instance"]


def test_version_and_image_are_pinned_where_asked_and_left_to_eks_otherwise() -> None:
    plain = only(synthesize(), "AWS::EKS::Nodegroup")
    pinned = only(
        synthesize(kubernetes_version="1.34", ami_release_version="1.34.2-20261101"),
        "AWS::EKS::Nodegroup",
    )
    assert not {"Version", "ReleaseVersion"} & plain.keys()
    assert (pinned["Version"], pinned["ReleaseVersion"]) == ("1.34", "1.34.2-20261101")


def test_without_a_placement_group_the_template_names_none() -> None:
    assert "Placement" not in launch_data(synthesize())


def test_a_new_node_role_may_join_and_pull_and_nothing_else() -> None:
    role = only(synthesize(), "AWS::IAM::Role")
    names = {str(arn).rsplit("/", 1)[-1].split("'")[0] for arn in role["ManagedPolicyArns"]}
    assert names == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}
    assert "Policies" not in role


def test_an_unknown_instance_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"got 'p9\.48xlarge'.*p6-b200\.48xlarge"):
        GpuNodeGroup(cdk.Stack(), "Gpu", props=_props(instance_type="p9.48xlarge", max_nodes=1))


@pytest.mark.parametrize(("desired", "most"), [(2, 1), (-1, 1), (0, 0)])
def test_sizes_that_contradict_each_other_are_refused(desired: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"got {desired}, {most}; need 0 <= desired_nodes"):
        GpuNodeGroup(cdk.Stack(), "Gpu", props=_props(desired_nodes=desired, max_nodes=most))


def _props(**options: Any) -> GpuNodeGroupProps:
    stack = cdk.Stack()
    group = ec2.SecurityGroup.from_security_group_id(stack, "A", "sg-1")
    given: dict[str, Any] = {
        "cluster_name": "theirs",
        "cluster_security_group": group,
        "efa_security_group": group,
        "subnet": ec2.Subnet.from_subnet_attributes(
            stack, "S", subnet_id="subnet-1", route_table_id="rtb-1"
        ),
        "role": "prefill",
        "instance_type": "p6-b200.48xlarge",
    }
    return GpuNodeGroupProps(**{**given, **options})


def test_a_running_group_may_still_be_emptied() -> None:
    group = only(synthesize(desired_nodes=2), "AWS::EKS::Nodegroup")
    assert group["ScalingConfig"] == {"MinSize": 0, "DesiredSize": 2, "MaxSize": 2}


def test_a_group_bought_on_demand_names_no_market_and_no_reservation() -> None:
    template = synthesize()
    assert not {"InstanceMarketOptions", "CapacityReservationSpecification"} & (
        launch_data(template).keys()
    )


def test_a_capacity_block_is_a_market_of_its_own_and_the_only_place_nodes_start() -> None:
    # Source: EKS user guide "capacity-blocks-mng": what the launch template and the group must say.
    template = synthesize(reserved=Reserved(reservation_id="cr-1", capacity_block=True))
    data = launch_data(template)
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    assert data["CapacityReservationSpecification"] == {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-1"}
    }
    assert data["InstanceType"] == "p6-b200.48xlarge"
    assert "Placement" not in data
    assert only(template, "AWS::EKS::Nodegroup")["CapacityType"] == "CAPACITY_BLOCK"


@pytest.mark.parametrize(
    ("reserved", "target"),
    [
        (Reserved(reservation_id="cr-1"), {"CapacityReservationId": "cr-1"}),
        (
            Reserved(resource_group_arn="arn:rg"),
            {"CapacityReservationResourceGroupArn": "arn:rg"},
        ),
    ],
)
def test_an_on_demand_reservation_is_a_target_and_no_market(
    reserved: Reserved, target: dict[str, str]
) -> None:
    template = synthesize(reserved=reserved, placement_group_name="theirs")
    data = launch_data(template)
    assert data["CapacityReservationSpecification"] == {"CapacityReservationTarget": target}
    assert "InstanceMarketOptions" not in data
    assert data["Placement"] == {"GroupName": "theirs"}
    assert only(template, "AWS::EKS::Nodegroup")["CapacityType"] == "ON_DEMAND"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reserved": Reserved()}, "need one of reservation_id"),
        (
            {"reserved": Reserved(reservation_id="cr-1", resource_group_arn="arn:rg")},
            "need one of reservation_id",
        ),
        (
            {
                "reserved": Reserved(reservation_id="cr-1", capacity_block=True),
                "placement_group_name": "near",
            },
            "with a Capacity Block",
        ),
    ],
)
def test_a_reservation_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        synthesize(**options)


def settings(**options: Any) -> dict[str, Any]:
    """Return the settings that Bottlerocket would read."""
    text = launch_data(synthesize(ami="bottlerocket", **options))["UserData"]["Fn::Base64"]
    found: dict[str, Any] = tomllib.loads(text)["settings"]
    return found


def test_bottlerocket_reads_settings_it_knows_and_joins_its_disks_before_anything_starts() -> None:
    # Written down from bottlerocket.dev (bootstrap commands), not taken from the catalogue.
    assert settings() == {
        "kernel": {"sysctl": {"vm.nr_hugepages": "5128"}},
        "bootstrap-commands": {
            "local-disks": {
                "commands": [
                    ["apiclient", "ephemeral-storage", "init"],
                    [
                        "apiclient",
                        "ephemeral-storage",
                        "bind",
                        "--dirs",
                        "/var/lib/containerd",
                        "/var/lib/kubelet",
                        "/var/log/pods",
                    ],
                ],
                "essential": True,
                "mode": "always",
            }
        },
    }


def test_its_own_device_plugin_is_off_with_dra_and_on_without() -> None:
    assert settings(device_exposure="dra")["kubelet-device-plugins"] == {
        "nvidia": {"enabled": False}
    }
    assert "kubelet-device-plugins" not in settings(device_exposure="device_plugin")


def test_a_bottlerocket_node_has_a_small_system_volume_and_the_one_asked_for() -> None:
    mappings = launch_data(synthesize(ami="bottlerocket", root_volume_gib=300))[
        "BlockDeviceMappings"
    ]
    sizes = {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in mappings}
    assert sizes == {"/dev/xvda": 4, "/dev/xvdb": 300}
    assert all(one["Ebs"]["Encrypted"] for one in mappings)


@pytest.mark.parametrize(
    ("options", "ami_type", "labels"),
    [
        ({}, "AL2023_x86_64_NVIDIA", {}),
        ({"ami": "bottlerocket"}, "BOTTLEROCKET_x86_64_NVIDIA", {"disagg/ami": "bottlerocket"}),
        (
            {"device_exposure": "dra"},
            "AL2023_x86_64_NVIDIA",
            {"disagg/device-exposure": "dra"},
        ),
    ],
)
def test_daemons_find_their_nodes_by_labels(
    options: dict[str, Any], ami_type: str, labels: dict[str, str]
) -> None:
    group = only(synthesize(**options), "AWS::EKS::Nodegroup")
    assert group["AmiType"] == ami_type
    assert group["Labels"] == {"disagg/role": "prefill", **labels}


def test_amazon_linux_reads_the_same_user_data_whoever_hands_out_devices() -> None:
    with_plugins, with_claims = (
        launch_data(synthesize(device_exposure=one))["UserData"] for one in ("device_plugin", "dra")
    )
    assert with_plugins == with_claims


@pytest.mark.parametrize("options", [{"ami": "ubuntu"}, {"device_exposure": "both"}])
def test_an_unknown_family_or_exposure_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}: got .*; need one of"):
        synthesize(**options)
