"""Rules about HyperPod clusters in synthesized templates: fabric, checks, scripts."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES, ec2_name
from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import (
    Resource,
    Templates,
    groups_open_to_themselves,
    referred,
    resources,
)

HYPERPOD = "AWS::SageMaker::Cluster"


def _groups(templates: Templates) -> Iterator[tuple[Resource, int, Mapping[str, Any]]]:
    for one in resources(templates, HYPERPOD):
        for index, group in enumerate(one.properties.get("InstanceGroups", [])):
            yield one, index, group


def _has_efa(group: Mapping[str, Any]) -> bool:
    instance = INSTANCE_TYPES.get(ec2_name(group.get("InstanceType", "")))
    return instance is not None and instance.efa_devices > 0


@rule("DISAGG-TPL-016")
def hyperpod_groups_have_a_fabric(templates: Templates) -> Iterator[Finding]:
    """An instance group with EFA has `efa-only` interfaces, one subnet, and an EFA security group.

    A plain `efa` interface takes addresses on every card; EFA does not leave a zone; and without a
    group open to itself the cluster fails with "EFA health check error" after its nodes are paid
    for. Source: SageMaker developer guide, sagemaker-hyperpod-eks-prerequisites;
    awsome-distributed-ai PR 259.
    """
    efa = groups_open_to_themselves(templates, "Ingress") & groups_open_to_themselves(
        templates, "Egress"
    )
    for one, index, group in _groups(templates):
        if not _has_efa(group):
            continue
        kind = group.get("NetworkInterface", {}).get("InterfaceType")
        place = group.get("OverrideVpcConfig", one.properties.get("VpcConfig", {}))
        subnets, wired = place.get("Subnets", []), place.get("SecurityGroupIds", [])
        open_to_itself = any(referred(templates, one.stack, each) in efa for each in wired)
        if kind != "efa-only" or len(subnets) != 1 or not open_to_itself:
            yield Finding(
                at=(one.name, "InstanceGroups", index),
                got=f"interfaces {kind}, {len(subnets)} subnets,"
                f" {'with' if open_to_itself else 'without'} an EFA group",
                need="efa-only, one subnet, a security group open to itself both ways",
                fix="take HyperPodCluster of disagg_constructs with the group of EfaFabric",
            )


@rule("DISAGG-TPL-017")
def deep_health_checks_meet_no_taint_of_ours(templates: Templates) -> Iterator[Finding]:
    """An instance group with deep health checks has no custom taint.

    The pods of the checks tolerate HyperPod's own taint only, so they would wait for ever and the
    node would never become schedulable. Source: SageMaker developer guide,
    sagemaker-hyperpod-eks-resiliency-deep-health-checks.
    """
    for one, index, group in _groups(templates):
        taints = group.get("KubernetesConfig", {}).get("Taints", [])
        if taints and group.get("OnStartDeepHealthChecks"):
            yield Finding(
                at=(one.name, "InstanceGroups", index, "KubernetesConfig", "Taints"),
                got=f"taints {', '.join(each['Key'] for each in taints)} with deep health checks",
                need="none",
                fix="remove the taint, or the checks",
            )


@rule("DISAGG-TPL-018")
def hyperpod_instances_use_all_threads(templates: Templates) -> Iterator[Finding]:
    """An instance group says two threads a core.

    Unsaid, HyperPod turns hyper-threading off, and a node offers half of the CPUs its pods were
    planned with. Source: SageMaker API reference, ClusterInstanceGroupSpecification.
    """
    for one, index, group in _groups(templates):
        if group.get("ThreadsPerCore") != 2:  # noqa: PLR2004
            yield Finding(
                at=(one.name, "InstanceGroups", index, "ThreadsPerCore"),
                got=str(group.get("ThreadsPerCore")),
                need="2",
                fix="set ThreadsPerCore to 2",
            )


@rule("DISAGG-TPL-019")
def hyperpod_scripts_are_where_sagemaker_looks(templates: Templates) -> Iterator[Finding]:
    """Scripts of an instance group come from a bucket whose name begins with `sagemaker-`.

    The managed policy of the instances reads no other, and SageMaker refuses the cluster.
    Source: SageMaker API reference, ClusterLifeCycleConfig.
    """
    for one, index, group in _groups(templates):
        uri = group.get("LifeCycleConfig", {}).get("SourceS3Uri", "s3://sagemaker-")
        if not str(uri).startswith("s3://sagemaker-"):
            yield Finding(
                at=(one.name, "InstanceGroups", index, "LifeCycleConfig", "SourceS3Uri"),
                got=str(uri),
                need="s3://sagemaker-...",
                fix="name the bucket with disagg_constructs.lifecycle_scripts.bucket_name",
            )
