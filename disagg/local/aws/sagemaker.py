"""SageMaker HyperPod clusters for moto's CloudFormation, kept as boto3's `sagemaker` answers them.

Refused is what SageMaker refuses: a control plane, role, subnet, group or script that is not there,
and a taint where deep health checks run.
"""

import re
from typing import Any

from moto.core.utils import utcnow
from moto.eks.models import eks_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from disagg.local.aws import ec2
from disagg.local.aws.cloudformation import Call, Created, Properties, ResourceType

_FIXED = ("ClusterName", "Orchestrator", "VpcConfig")
"""What cannot change. Source: CloudFormation schema of AWS::SageMaker::Cluster, createOnly."""
_SCRIPTS = re.compile(r"s3://(?P<bucket>sagemaker-[^/]+)/?(?P<folder>.*)")
_ID_LENGTH = 12


class HyperPod:
    """A cluster in the shape of moto's, which knows a third of the fields."""

    def __init__(self, call: Call, name: str) -> None:
        # Why: an ARN of HyperPod ends in twelve letters and digits, not in the name.
        identifier = call.identifier("hp", name).removeprefix("hp-")[:_ID_LENGTH]
        self.arn = call.arn("sagemaker", f"cluster/{identifier}")
        self.cluster_name = name
        self.creation_time = utcnow()
        self.nodes: dict[str, Any] = {}
        self.properties: Properties = {}

    def describe(self) -> dict[str, Any]:
        """Return what `DescribeCluster` answers."""
        given = {
            name: value
            for name, value in self.properties.items()
            if name not in {"ClusterName", "InstanceGroups", "Tags"}
        }
        return {
            **self.summary(),
            **given,
            "InstanceGroups": [_group(one) for one in self.properties["InstanceGroups"]],
        }

    def summary(self) -> dict[str, Any]:
        """Return what `ListClusters` answers."""
        return {
            "ClusterArn": self.arn,
            "ClusterName": self.cluster_name,
            "ClusterStatus": "InService",
            "CreationTime": self.creation_time,
        }


def _group(given: Properties) -> dict[str, Any]:
    """Return an instance group as the API answers it: counts and Kubernetes words are renamed."""
    group = {name: value for name, value in given.items() if name != "InstanceCount"}
    if "KubernetesConfig" in group:
        config = group["KubernetesConfig"]
        group["KubernetesConfig"] = {
            f"{when}{what}": config[what]
            for what in ("Labels", "Taints")
            if what in config
            for when in ("Current", "Desired")
        }
    count = given["InstanceCount"]
    return {**group, "CurrentCount": count, "TargetCount": count, "Status": "InService"}


def _clusters(call: Call) -> dict[str, Any]:
    clusters: dict[str, Any] = sagemaker_backends[call.account][call.region].clusters
    return clusters


def _name(call: Call) -> str:
    return str(call.properties.get("ClusterName") or call.name)


def _check(call: Call) -> None:
    """Look up everything the cluster names.

    Raises:
        ValueError: SageMaker would refuse it.
    """
    arn = call.properties["Orchestrator"]["Eks"]["ClusterArn"]
    eks_backends[call.account][call.region].describe_cluster(name=arn.rsplit("/", 1)[-1])
    for place in (
        call.properties["VpcConfig"],
        *(one["OverrideVpcConfig"] for one in _groups(call) if "OverrideVpcConfig" in one),
    ):
        for subnet in place["Subnets"]:
            ec2.backend(call).get_subnet(subnet)
        ec2.backend(call).describe_security_groups(group_ids=place["SecurityGroupIds"])
    for group in _groups(call):
        _check_group(call, group)


def _groups(call: Call) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = call.properties["InstanceGroups"]
    return groups


def _check_group(call: Call, group: Properties) -> None:
    name = group["InstanceGroupName"]
    iam_backends[call.account][call.partition].get_role_by_arn(group["ExecutionRole"])
    if group.get("OnStartDeepHealthChecks") and group.get("KubernetesConfig", {}).get("Taints"):
        raise ValueError(f"instance group {name}: custom taints beside deep health checks")
    scripts = group.get("LifeCycleConfig")
    if scripts is None:
        return
    uri = scripts["SourceS3Uri"]
    place = _SCRIPTS.fullmatch(uri)
    if place is None:
        raise ValueError(f"instance group {name}: SourceS3Uri {uri!r} is not s3://sagemaker-...")
    key = f"{place['folder'].rstrip('/')}/{scripts['OnCreate']}".lstrip("/")
    if s3_backends[call.account][call.partition].get_object(place["bucket"], key) is None:
        raise ValueError(f"instance group {name}: no script at s3://{place['bucket']}/{key}")


def _create(call: Call) -> Created:
    name = _name(call)
    if name in _clusters(call):
        raise ValueError(f"a HyperPod cluster named {name} exists already")
    _check(call)
    return _put(call, HyperPod(call, name))


def _update(call: Call) -> Created:
    cluster = _clusters(call)[_name(call)]
    for field in _FIXED:
        if cluster.properties.get(field) != call.properties.get(field):
            raise ValueError(f"{field} of a HyperPod cluster that has a name cannot change")
    _check(call)
    return _put(call, cluster)


def _put(call: Call, cluster: HyperPod) -> Created:
    cluster.properties = call.properties
    _clusters(call)[cluster.cluster_name] = cluster
    answers = {"ClusterArn": cluster.arn, "ClusterStatus": "InService"}
    return Created(physical_id=cluster.arn, attributes=answers)


def _delete(call: Call) -> None:
    _clusters(call).pop(_name(call), None)


TYPES = (
    ResourceType(
        name="AWS::SageMaker::Cluster",
        attributes=("ClusterArn", "ClusterStatus"),
        create=_create,
        update=_update,
        delete=_delete,
    ),
)
