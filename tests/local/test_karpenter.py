"""Karpenter, played on what was created: the nodes of the plan, and every difference noticed."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from in_process import Endpoint, deployed
from shipped import checked

from disagg import artifacts
from disagg.artifacts import Manifests
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.local.cluster.nodes import UnknownNodeError, group_of, make_nodes
from disagg.local.compare import Created, compare, read_created
from disagg.local.karpenter import with_node_pools
from tests.local.templates import CLUSTER, Aws, Deploy, get, ref, refused, resource

BLOCK = {
    "kind": "capacity_block",
    "id": "cr-0123456789abcdef0",
    "instances": 1,
    "zone_id": "usw2-az2",
    "end": "2027-03-01T11:30:00Z",
}
MIXED = checked(
    "pilot",
    capacity__provisioner="karpenter",
    capacity__decode__ami="bottlerocket",
    capacity__decode__source=BLOCK,
).environment
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return artifacts.render(MIXED)


@pytest.fixture
def created(aws: Callable[[str], Any], tmp_path: Path) -> Created:
    """Return what the stacks make, without what Karpenter makes of it."""
    artifacts.write_stacks(MIXED, tmp_path / "stacks")
    deployed(aws, tmp_path / "stacks")
    return read_created(Endpoint(aws), MIXED.cluster_name)


def different(created: Created, manifests: Manifests) -> list[str]:
    facts = compare(MIXED, with_node_pools(created, manifests))
    return [one.about for one in facts if not one.agrees]


def changed(manifests: Manifests, kind: str, change: Change) -> Manifests:
    """Return manifests in which the decode object of a kind has a changed spec."""
    found = copy.deepcopy(manifests)
    (one,) = [
        one
        for one in found["15-gpu-nodes.yaml"]
        if (one["kind"], one["metadata"]["name"]) == (kind, "pilot-decode")
    ]
    change(one["spec"])
    return found


POOLS: list[tuple[Change, str]] = [
    (lambda s: s.update(limits={"nodes": 2}), "decode nodes: size"),
    (lambda s: s["template"]["metadata"]["labels"].pop("disagg/ami"), "decode nodes: labels"),
    (lambda s: s["template"]["spec"].update(taints=[]), "decode nodes: taints"),
    (
        lambda s: s["template"]["spec"]["requirements"][2].update(values=["on-demand"]),
        "decode nodes: capacity type",
    ),
    (
        lambda s: s["template"]["spec"]["requirements"][0].update(values=["p5.48xlarge"]),
        "decode nodes: instance type",
    ),
    (
        lambda s: s["template"]["spec"]["requirements"][1].update(values=["usw2-az1"]),
        "decode nodes: zone",
    ),
]
CLASSES: list[tuple[Change, str]] = [
    (lambda s: s["networkInterfaces"].pop(), "decode nodes: 9 interfaces, card by card"),
    (
        lambda s: s["amiSelectorTerms"][0].update(alias="al2023@latest"),
        "decode nodes: AMI",
    ),
    (lambda s: s["blockDeviceMappings"][0]["ebs"].update(encrypted=False), "encrypted volumes"),
    (lambda s: s.pop("instanceStorePolicy"), "NVMe as RAID 0"),
    (lambda s: s["metadataOptions"].update(httpPutResponseHopLimit=2), "hop limit"),
    (lambda s: s.pop("capacityReservationSelectorTerms"), "market, reservation"),
    (lambda s: s.update(placementGroupSelector={"name": "ours"}), "placement group"),
    (lambda s: s["securityGroupSelectorTerms"].pop(0), "interfaces with the cluster's group"),
    (lambda s: s["securityGroupSelectorTerms"].pop(1), "a group open to itself both ways"),
    (
        lambda s: (
            s["userData"]
            and s.update(userData="[settings.kubelet-device-plugins.nvidia]\nenabled = false\n")
        ),
        "the AMI's own GPU plugin",
    ),
]


def test_what_was_created_makes_the_nodes_of_the_plan(
    created: Created, manifests: Manifests
) -> None:
    assert different(created, manifests) == []
    assert len(compare(MIXED, with_node_pools(created, manifests))) > 50


def test_without_its_objects_karpenter_makes_no_nodes_and_that_is_noticed(
    created: Created, manifests: Manifests
) -> None:
    without = {name: one for name, one in manifests.items() if name != "15-gpu-nodes.yaml"}
    assert with_node_pools(created, without) == created
    assert different(created, without) == [
        f"{role} nodes: node groups labelled disagg/role={role}" for role in ("prefill", "decode")
    ]


def test_every_difference_of_pool_and_class_is_noticed(
    created: Created, manifests: Manifests
) -> None:
    for kind, changes in (("NodePool", POOLS), ("EC2NodeClass", CLASSES)):
        for change, fact in changes:
            found = different(created, changed(manifests, kind, change))
            assert any(fact in about for about in found), fact


def test_every_difference_in_the_account_is_noticed(created: Created, manifests: Manifests) -> None:
    there = created.karpenter
    assert there is not None
    (queue,) = there.queues
    (profile,) = there.instance_profiles
    changes = {
        "queue encrypted": replace(there, queues=(replace(queue, encrypted=False),)),
        "events": replace(there, queues=(replace(queue, events=queue.events[1:]),)),
        "senders": replace(there, queues=(replace(queue, senders=()),)),
        "instance profile": replace(there, instance_profiles={profile: ()}),
        "pass on": replace(there, passes_on=("*",)),
    }
    for fact, one in changes.items():
        found = different(replace(created, karpenter=one), manifests)
        assert any(fact in about for about in found), fact
    found = different(replace(created, access_entries=()), manifests)
    assert "Karpenter: its nodes may join" in found
    assert "Karpenter: a role of its own" in different(replace(created, karpenter=None), manifests)


def test_a_fabric_without_its_tags_gives_nodes_no_place(
    created: Created, manifests: Manifests
) -> None:
    bare = tuple(replace(one, tags={}) for one in created.subnets)
    played = with_node_pools(replace(created, subnets=bare), manifests)
    with pytest.raises(UnknownNodeError, match="pilot-prefill: its subnet none does not exist"):
        make_nodes(played)


def test_stand_in_nodes_carry_karpenters_labels_and_no_node_group(
    created: Created, manifests: Manifests
) -> None:
    nodes = make_nodes(with_node_pools(created, manifests))
    (decode,) = [one for one in nodes if one["metadata"]["name"] == "decode-1"]
    labels = decode["metadata"]["labels"]
    assert group_of(decode) == labels["karpenter.sh/nodepool"] == "pilot-decode"
    assert labels["karpenter.sh/capacity-type"] == "reserved"
    assert not any(key.startswith("eks.amazonaws.com/") for key in labels)
    instance = INSTANCE_TYPES["p6-b200.48xlarge"]
    given = decode["status"]["allocatable"]
    assert given["vpc.amazonaws.com/efa"] == str(instance.efa_devices)
    assert given["ephemeral-storage"] == f"{instance.nvme_gb * 10**9 // 2**30}Gi"


QUEUE = resource("SQS::Queue", QueueName="one", SqsManagedSseEnabled=True)
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": get("Queue", "Arn"),
}


def policy(*statements: dict[str, Any], queues: tuple[Any, ...] = (ref("Queue"),)) -> Any:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return resource("SQS::QueuePolicy", Queues=list(queues), PolicyDocument=document)


def test_a_queue_has_the_policy_of_its_template_until_that_goes(aws: Aws, deploy: Deploy) -> None:
    def found() -> Any:
        url = aws("sqs").get_queue_url(QueueName="one")["QueueUrl"]
        answer = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return answer["Attributes"].get("Policy", "")

    deploy({"Queue": QUEUE, "Policy": policy(STATEMENT)})
    assert "sqs:SendMessage" in found()
    deploy({"Queue": QUEUE, "Policy": policy({**STATEMENT, "Action": "sqs:Other"})})
    assert "sqs:Other" in found()
    deploy({"Queue": QUEUE})
    assert found() == ""


def test_a_policy_of_a_queue_that_is_not_there_is_refused(deploy: Deploy) -> None:
    gone = ("https://sqs.us-west-2.amazonaws.com/123456789012/gone",)
    anybody = {**STATEMENT, "Resource": "*"}
    message = refused(deploy, {**CLUSTER, "Policy": policy(anybody, queues=gone)})
    assert "The specified queue does not exist" in message
