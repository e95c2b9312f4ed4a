"""Nodes are made from what was read back and from the catalogue, never from the file."""

from dataclasses import replace
from typing import Any

import pytest
from fleet import GROUP, TEMPLATE, created_of

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.local.aws.readback import NodeGroup, Volume
from disagg.local.aws.readback_network import Subnet
from disagg.local.cluster.nodes import UnknownNodeError, group_of, make_nodes
from disagg.local.compare import Created

B200 = INSTANCE_TYPES["p6-b200.48xlarge"]


SUBNETS = tuple(
    Subnet(
        id=f"subnet-{number}",
        name="",
        zone_id=f"usw2-az{number}",
        zone_name=f"us-west-2{letter}",
        cidr="",
        public=False,
        maps_public_addresses=False,
        tags={},
    )
    for number, letter in ((1, "b"), (2, "a"))
)


def created(*groups: NodeGroup) -> Created:
    return created_of(groups, SUBNETS)


def nodes(**changes: Any) -> list[dict[str, Any]]:
    return make_nodes(created(replace(GROUP, **changes)))


def test_a_gpu_group_gives_as_many_nodes_as_it_may_have() -> None:
    assert [one["metadata"]["name"] for one in nodes()] == ["decode-1", "decode-2", "decode-3"]
    assert nodes(maximum=0) == []


def test_a_group_without_gpus_gives_the_nodes_it_is_created_with() -> None:
    system = replace(
        GROUP, launch_template=None, instance_types=("m7i.2xlarge",), desired=2, labels={}
    )
    found = make_nodes(created(system))
    assert [one["metadata"]["name"] for one in found] == ["node-1", "node-2"]
    assert found[0]["status"]["allocatable"]["cpu"] == "7910m"
    assert "nvidia.com/gpu" not in found[0]["status"]["allocatable"]


def test_two_groups_of_one_role_have_nodes_with_different_names() -> None:
    found = make_nodes(created(GROUP, replace(GROUP, name="other")))
    names = [one["metadata"]["name"] for one in found]
    assert len(set(names)) == 6
    assert {group_of(one) for one in found} == {GROUP.name, "other"}


def test_labels_taints_and_zones_are_those_that_were_read_back() -> None:
    first, second, _ = nodes()
    labels = first["metadata"]["labels"]
    assert labels["disagg/role"] == "decode"
    assert labels["more"] == "yes"
    assert labels["node.kubernetes.io/instance-type"] == B200.name
    assert labels["topology.kubernetes.io/zone"] == "us-west-2b"
    assert labels["topology.kubernetes.io/region"] == "us-west-2"
    assert labels["topology.k8s.aws/zone-id"] == "usw2-az1"
    assert second["metadata"]["labels"]["topology.kubernetes.io/zone"] == "us-west-2a"
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    assert first["spec"]["taints"] == [taint]
    assert nodes(taints=())[0]["spec"]["taints"] == []


def test_how_a_node_is_bought_and_each_effect_of_a_taint_are_as_eks_writes_them() -> None:
    first, *_ = nodes(capacity_type="CAPACITY_BLOCK")
    assert first["metadata"]["labels"]["eks.amazonaws.com/capacityType"] == "CAPACITY_BLOCK"
    for theirs, ours in (
        ("NO_SCHEDULE", "NoSchedule"),
        ("NO_EXECUTE", "NoExecute"),
        ("PREFER_NO_SCHEDULE", "PreferNoSchedule"),
    ):
        (taint,) = nodes(taints=(replace(GROUP.taints[0], effect=theirs),))[0]["spec"]["taints"]
        assert taint["effect"] == ours


def test_the_disk_is_the_nvme_where_it_is_joined_and_the_root_volume_elsewhere() -> None:
    def disk(**changes: Any) -> str:
        template = replace(TEMPLATE, **changes)
        found = nodes(launch_template=template)[0]["status"]["allocatable"]["ephemeral-storage"]
        return str(found)

    root = Volume(
        device_name="/dev/xvda",
        size_gib=300,
        type="gp3",
        iops=None,
        throughput_mibps=None,
        encrypted=True,
        kms_key_id="",
    )
    # p6-b200.48xlarge has 8 x 3,800 GB.
    assert disk() == f"{8 * 3_800 * 10**9 // 2**30}Gi"
    assert disk(user_data="", volumes=(root,)) == "300Gi"
    assert disk(user_data="") == "20Gi"


def test_efa_devices_are_counted_in_the_launch_template() -> None:
    allocatable = nodes()[0]["status"]["allocatable"]
    assert allocatable["vpc.amazonaws.com/efa"] == "3"
    assert allocatable["nvidia.com/gpu"] == "8"
    assert allocatable["pods"] == "198"
    assert allocatable["hugepages-2Mi"] == "10256Mi"
    # What kubelet leaves, less huge pages; daemons take their share as pods.
    assert allocatable["memory"] == f"{1_937_332 - 10_256}Mi"
    assert allocatable["cpu"] == "191450m"


def test_without_efa_there_are_no_huge_pages() -> None:
    bare = nodes(launch_template=replace(TEMPLATE, interfaces=()))[0]["status"]["allocatable"]
    assert "vpc.amazonaws.com/efa" not in bare
    assert "hugepages-2Mi" not in bare
    assert bare["memory"] == "1937332Mi"


def test_an_unknown_type_and_a_lost_subnet_are_said() -> None:
    with pytest.raises(UnknownNodeError, match=r"Decode-Nodes-1AB.*'p9\.big'"):
        nodes(launch_template=replace(TEMPLATE, instance_type="p9.big"))
    with pytest.raises(UnknownNodeError, match="subnet-9 does not exist"):
        nodes(subnet_ids=("subnet-9",))
    with pytest.raises(UnknownNodeError, match="none does not exist"):
        nodes(subnet_ids=())


def test_a_long_group_name_still_makes_a_label() -> None:
    label = nodes(name="x" * 62 + "-yz")[0]["metadata"]["labels"]["eks.amazonaws.com/nodegroup"]
    assert label == "x" * 62
