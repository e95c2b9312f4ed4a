"""What is known of Karpenter: names it is installed under, events it reads, tags it keeps."""

from disagg.catalog.source import Kind, Source

KARPENTER = "karpenter"
"""Value of `capacity.provisioner`, and name of the chart."""
KARPENTER_VERSION = "1.14.1"
"""Chart and controller. EC2NodeClass has `networkInterfaces` and `placementGroupSelector` from 1.11
on, NodePool `replicas` from 1.8 on."""
KARPENTER_NAMESPACE = "kube-system"
KARPENTER_SERVICE_ACCOUNT = "karpenter"

NODE_CLASS_API = "karpenter.k8s.aws/v1"
NODE_POOL_API = "karpenter.sh/v1"
LABEL_NODE_POOL = "karpenter.sh/nodepool"
LABEL_NODE_CLASS = "karpenter.k8s.aws/ec2nodeclass"
LABEL_BOUGHT = "karpenter.sh/capacity-type"
"""How a node is bought: `on-demand`, or `reserved` from a reservation or Capacity Block."""

EVENTS = (
    ("Health", "aws.health", "AWS Health Event"),
    ("StateChange", "aws.ec2", "EC2 Instance State-change Notification"),
    (
        "ReservationInterruption",
        "aws.ec2",
        "EC2 Capacity Reservation Instance Interruption Warning",
    ),
)
"""Name, source and type of the events that Karpenter reads from its queue. Those of spot instances
are left out: none is bought."""

CAPACITY_BLOCK_DRAIN_MINUTES = 10
"""How long before EC2 ends the instances of a Capacity Block Karpenter drains them [minutes]."""

KEPT_TAGS = ("karpenter.sh/", "karpenter.k8s.aws/")
"""Beginnings of the tags that are Karpenter's own."""

KARPENTER_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "aws/karpenter-provider-aws@1d927085d (1.14.1): charts/karpenter/values.yaml; website"
        " getting-started cloudformation.yaml (policies, queue, events), concepts/nodeclasses.md"
        " and nodepools.md (static capacity), tasks/odcrs.md (Capacity Blocks); CRDs of its tags"
        " v1.10.0 and v1.11.0; kubernetes-sigs/karpenter pkg/controllers/static and"
        " disruption/staticdrift.go"
    ),
    date="2026-08-21",
)
