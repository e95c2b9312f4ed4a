"""Rules about who hands out GPUs and EFA devices: device plugins or DRA drivers."""

from collections.abc import Iterator

from disagg.catalog.amis import AL2023, AMI_FAMILIES
from disagg.catalog.dra import DEVICE_PLUGIN, DRA, MINIMUM_KUBERNETES
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Cluster
from disagg.config.serving import Serving
from disagg.errors import Severity
from disagg.planner.layout import groups

_AT = ("capacity", "device_exposure")


@rule("DISAGG-DEV-001")
def dra_needs_its_kubernetes(capacity: Capacity, cluster: Cluster) -> Iterator[Finding]:
    """DRA drivers need Kubernetes 1.34: it is the first that serves resource.k8s.io/v1.

    An older API server knows no claim of that version, and EKS supports the EFA driver from 1.34
    on. Source: EKS user guide, device-management-efa.
    """
    version = cluster.kubernetes_version
    parts = version.split(".")
    if not all(part.isdecimal() for part in parts):
        return
    if capacity.device_exposure == DRA and tuple(int(part) for part in parts) < MINIMUM_KUBERNETES:
        yield Finding(
            at=_AT,
            got=f"dra with Kubernetes {version}",
            need=f"Kubernetes {'.'.join(str(part) for part in MINIMUM_KUBERNETES)} or later",
            fix="raise cluster.kubernetes_version, or set device_exposure to device_plugin",
        )


@rule("DISAGG-DEV-002")
def dra_needs_eks(capacity: Capacity, cluster: Cluster) -> Iterator[Finding]:
    """DRA drivers run on EKS node groups only.

    AWS names managed and self-managed node groups and Karpenter for them; HyperPod brings the
    device plugins. Source: EKS user guide, device-management.
    """
    if capacity.device_exposure == DRA and cluster.platform != "eks":
        yield Finding(
            at=_AT,
            got=f"dra on {cluster.platform}",
            need="platform eks",
            fix="set device_exposure to device_plugin, or cluster.platform to eks",
        )


@rule("DISAGG-DEV-003", severity=Severity.WARNING)
def plugins_know_what_is_near(capacity: Capacity) -> Iterator[Finding]:
    """With device plugins a pod gets GPUs and EFA devices that are near each other.

    The plugins agree on it on Amazon Linux 2023 only. On Bottlerocket they count each kind apart,
    and the KV cache of a pod may cross the CPU on its way to the card: all-reduce over one EFA
    device ran at 6.0 GB/s across PCIe roots and at 11.4 GB/s within one (p4d.24xlarge). Source: EKS
    user guide, device-management-efa; kubernetes-sigs/dranet, examples for EKS.
    """
    if capacity.device_exposure != DEVICE_PLUGIN:
        return
    for name, group in groups(capacity).items():
        if not AMI_FAMILIES[group.ami].gpu_efa_affinity:
            yield Finding(
                at=("capacity", name, "ami"),
                got=f"{group.ami} with device plugins: GPUs and EFA devices are given apart",
                need="devices near each other",
                fix="set capacity.device_exposure to dra, or ami to al2023",
            )


@rule("DISAGG-DEV-004", severity=Severity.WARNING)
def claims_do_not_wait_behind_smaller_ones(
    capacity: Capacity, serving: Serving
) -> Iterator[Finding]:
    """Where devices are claimed, no role needs the priority of its pods to get a node.

    The scheduler of Kubernetes 1.34 takes no claimed device away from a pod of lower priority:
    prefill pods spread over two shared nodes leave a decode pod of eight GPUs waiting for ever,
    which with device plugins displaces them. Source: measured on a real scheduler 1.34.4.
    """
    shared = groups(capacity).get("shared")
    wider = serving.decode.tensor_parallel > serving.prefill.tensor_parallel
    if capacity.device_exposure == DRA and shared and shared.nodes > 1 and wider:
        yield Finding(
            at=_AT,
            got=f"dra with {shared.nodes} shared nodes: decode may wait behind prefill",
            need="nodes of its own for each role, or one shared node",
            fix="set serving.placement to separate_nodes, or device_exposure to device_plugin",
        )


@rule("DISAGG-DEV-011")
def the_ami_can_be_chosen(capacity: Capacity, cluster: Cluster) -> Iterator[Finding]:
    """The AMI of a group is chosen on EKS only.

    HyperPod's nodes run an image of SageMaker, which is made from Amazon Linux: another one would
    be a setting silently lost. Source: CloudFormation schema of AWS::SageMaker::Cluster, ImageId.
    """
    for name, group in groups(capacity).items():
        if cluster.platform != "eks" and group.ami != AL2023:
            yield Finding(
                at=("capacity", name, "ami"),
                got=f"{group.ami} on {cluster.platform}",
                need="platform eks",
                fix="remove it, or set cluster.platform to eks",
            )
