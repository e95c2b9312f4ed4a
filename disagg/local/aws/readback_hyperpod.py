"""A SageMaker HyperPod cluster, read with boto3 and returned as plain typed data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceGroup:
    """Instances of one type that are alike."""

    name: str
    instance_type: str
    """With `ml.`."""
    count: int
    """Instances wanted."""
    role_arn: str
    security_group_ids: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    labels: Mapping[str, str]
    taints: tuple[tuple[str, str, str], ...]
    """Key, value, effect, in the words of Kubernetes."""
    interface_type: str
    """efa | efa-only; empty: no EFA."""
    threads_per_core: int | None
    volumes_gib: tuple[int, ...]
    script: str
    """URI of what runs before an instance joins; empty: nothing."""
    deep_health_checks: tuple[str, ...]
    training_plan_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HyperPod:
    """A HyperPod cluster."""

    name: str
    arn: str
    eks_cluster_arn: str
    node_recovery: str
    provisioning_mode: str
    tiered_storage_percent: int | None
    """Share of RAM; None: no tiered storage."""
    groups: tuple[InstanceGroup, ...]
    """In the order of the cluster."""


def find_hyperpod(sagemaker: Any, name: str) -> HyperPod | None:
    """Return the HyperPod cluster `name`, or None where there is none."""
    pages = sagemaker.get_paginator("list_clusters").paginate(NameContains=name)
    names = {one["ClusterName"] for page in pages for one in page["ClusterSummaries"]}
    return read_hyperpod(sagemaker, name) if name in names else None


def read_hyperpod(sagemaker: Any, name: str) -> HyperPod:
    """Return the HyperPod cluster `name`."""
    cluster = sagemaker.describe_cluster(ClusterName=name)
    tiered = cluster.get("TieredStorageConfig", {})
    return HyperPod(
        name=cluster["ClusterName"],
        arn=cluster["ClusterArn"],
        eks_cluster_arn=cluster["Orchestrator"]["Eks"]["ClusterArn"],
        node_recovery=cluster.get("NodeRecovery", ""),
        provisioning_mode=cluster.get("NodeProvisioningMode", ""),
        tiered_storage_percent=tiered.get("InstanceMemoryAllocationPercentage")
        if tiered.get("Mode") == "Enable"
        else None,
        groups=tuple(_group(one, cluster["VpcConfig"]) for one in cluster["InstanceGroups"]),
    )


def _group(group: Mapping[str, Any], default: Mapping[str, Any]) -> InstanceGroup:
    place = group.get("OverrideVpcConfig", default)
    kubernetes = group.get("KubernetesConfig", {})
    scripts = group.get("LifeCycleConfig", {})
    return InstanceGroup(
        name=group["InstanceGroupName"],
        instance_type=group["InstanceType"],
        count=group["TargetCount"],
        role_arn=group["ExecutionRole"],
        security_group_ids=tuple(place["SecurityGroupIds"]),
        subnet_ids=tuple(place["Subnets"]),
        labels=dict(sorted(kubernetes.get("DesiredLabels", {}).items())),
        taints=tuple(
            (one["Key"], one.get("Value", ""), one["Effect"])
            for one in kubernetes.get("DesiredTaints", [])
        ),
        interface_type=group.get("NetworkInterface", {}).get("InterfaceType", ""),
        threads_per_core=group.get("ThreadsPerCore"),
        volumes_gib=tuple(
            one["EbsVolumeConfig"]["VolumeSizeInGB"]
            for one in group.get("InstanceStorageConfigs", [])
            if "EbsVolumeConfig" in one
        ),
        script=f"{scripts['SourceS3Uri']}/{scripts['OnCreate']}" if scripts else "",
        deep_health_checks=tuple(group.get("OnStartDeepHealthChecks", [])),
        training_plan_arn=group.get("TrainingPlanArn", ""),
    )
