"""Karpenter in place of node groups: the names on which manifests and stacks agree.

A manifest holds no token of CloudFormation, so a node class finds what the stacks make by names and
tags that the environment file decides.
"""

from disagg.catalog.karpenter import KARPENTER
from disagg.config.environment import Environment

FABRIC_TAG = "disagg:fabric"
"""Tag of the fabric subnet and of the EFA security group; its value is the name of the cluster,
which no other environment of the region has."""


def by_karpenter(environment: Environment) -> bool:
    """Tell whether Karpenter makes the GPU nodes."""
    return environment.capacity.provisioner == KARPENTER


def fabric_tags(environment: Environment) -> dict[str, str]:
    """Return the tags by which a node class finds the fabric subnet and the EFA group."""
    return {FABRIC_TAG: environment.cluster_name}


def queue_name(environment: Environment) -> str:
    """Return the name of the queue from which Karpenter reads what happens to instances."""
    return f"{environment.cluster_name}-karpenter"


def instance_profile_name(environment: Environment) -> str:
    """Return the name of the nodes' instance profile: one account has one set for all regions."""
    return f"{environment.cluster_name}-{environment.aws.region}-gpu-nodes"


def pool_name(environment: Environment, group: str) -> str:
    """Return the name of a group's node pool and node class, which are cluster-wide."""
    return f"{environment.name}-{group}"
