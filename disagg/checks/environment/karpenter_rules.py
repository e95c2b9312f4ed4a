"""Rules about Karpenter: what its static node pools take, and what only node groups take."""

from collections.abc import Iterator

from disagg.catalog.karpenter import KARPENTER, KEPT_TAGS
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity, Reservation
from disagg.config.environment import Aws, Cluster
from disagg.planner.layout import groups

_AT = ("capacity", "provisioner")


@rule("DISAGG-KRP-001")
def karpenter_makes_nodes_of_eks(capacity: Capacity, cluster: Cluster) -> Iterator[Finding]:
    """Karpenter of this project makes EC2 instances, for `platform: eks`.

    HyperPod makes its nodes itself, in an account of SageMaker; the Karpenter that it offers is one
    of its own, and knows no EC2NodeClass.
    """
    if capacity.provisioner == KARPENTER and cluster.platform != "eks":
        yield Finding(
            at=_AT,
            got=f"karpenter on {cluster.platform}",
            need="platform eks",
            fix="remove it, or set cluster.platform to eks",
        )


@rule("DISAGG-KRP-002")
def karpenter_is_installed_by_the_environment(
    capacity: Capacity, cluster: Cluster
) -> Iterator[Finding]:
    """Karpenter makes nodes of a cluster that the environment makes.

    In a cluster of others there may be a Karpenter, and two of them end each other's nodes. Whether
    theirs has static capacity switched on, and may pass on the role of our nodes, they only know.
    """
    if capacity.provisioner == KARPENTER and cluster.existing is not None:
        yield Finding(
            at=_AT,
            got=f"karpenter in the existing cluster {cluster.existing.name}",
            need="managed_node_groups, or a cluster made here",
            fix="set provisioner to managed_node_groups, or remove cluster.existing",
        )


@rule("DISAGG-KRP-003")
def node_classes_name_their_placement_group(capacity: Capacity) -> Iterator[Finding]:
    """No placement group is made for the nodes of Karpenter.

    A node class selects one by name or id. CloudFormation makes both up when it creates the group,
    and takes no name, so no manifest can know them. A reservation made in a group names it.
    Source: schema of AWS::EC2::PlacementGroup, where GroupName is read-only.
    """
    if capacity.provisioner == KARPENTER and capacity.placement_group == "cluster":
        yield Finding(
            at=("capacity", "placement_group"),
            got="cluster with karpenter",
            need="auto or none",
            fix="set it to auto, or provisioner to managed_node_groups",
        )


@rule("DISAGG-KRP-004")
def node_classes_select_reservations_by_id(capacity: Capacity) -> Iterator[Finding]:
    """A reservation is named by its id where Karpenter makes the nodes.

    `capacityReservationSelectorTerms` takes ids and tags, and no resource group.
    """
    if capacity.provisioner != KARPENTER:
        return
    for name, group in groups(capacity).items():
        source = group.source
        if isinstance(source, Reservation) and source.resource_group is not None:
            yield Finding(
                at=("capacity", name, "source", "resource_group"),
                got="a resource group with karpenter",
                need="the id of one reservation",
                fix="give id, or set capacity.provisioner to managed_node_groups",
            )


@rule("DISAGG-KRP-005")
def karpenters_own_tags_are_left_alone(capacity: Capacity, aws: Aws) -> Iterator[Finding]:
    """No tag takes a key of those by which Karpenter knows what it made.

    Its role may touch only what carries them, and the API server refuses a node class that sets
    one. Source: definition of EC2NodeClass, `spec.tags`.
    """
    if capacity.provisioner != KARPENTER:
        return
    for key in aws.tags:
        if key.startswith(KEPT_TAGS):
            yield Finding(
                at=("aws", "tags", key),
                got="a tag of Karpenter",
                need=f"a key that does not begin with {' or '.join(KEPT_TAGS)}",
                fix="choose another key",
            )
