"""AMI families of GPU nodes: what each is called, what user data it reads, what it brings along."""

from dataclasses import dataclass
from typing import Literal

from disagg.catalog.source import Kind, Source

AL2023 = "al2023"
BOTTLEROCKET = "bottlerocket"
LABEL_NODE_AMI = "disagg/ami"
"""Family of a node's AMI, on nodes that are not Amazon Linux: GPU plugins of charts stay off those
that bring their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AmiFamily:
    """One family of EKS-optimized AMIs with the NVIDIA driver."""

    name: str
    ami_type: str
    """AMI type of a managed node group."""
    user_data: Literal["mime", "toml"]
    """`mime`: parts, one of them a NodeConfig; `toml`: settings of the Bottlerocket API."""
    system_volume_gib: int | None
    """Size of a volume of its own for the system [GiB]; None: system and data share the root."""
    data_device: str
    """Device name of the volume for images, containers and logs where there are no local disks."""
    local_disks: str
    """Directory where the array of local disks is mounted."""
    brings_gpu_plugin: bool
    """Whether the AMI runs NVIDIA's device plugin itself."""
    gpu_efa_affinity: bool
    """Whether the device plugins give a pod GPUs and EFA devices that are near each other."""
    source: Source


_FAMILIES = (
    AmiFamily(
        name=AL2023,
        ami_type="AL2023_x86_64_NVIDIA",
        user_data="mime",
        system_volume_gib=None,
        data_device="/dev/xvda",
        local_disks="/mnt/k8s-disks/0",
        brings_gpu_plugin=False,
        gpu_efa_affinity=True,
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "EKS user guide ml-eks-optimized-ami and device-management-efa; awslabs/"
                "amazon-eks-ami templates/shared/runtime/bin/setup-local-disks"
            ),
            date="2026-11-23",
        ),
    ),
    AmiFamily(
        name=BOTTLEROCKET,
        ami_type="BOTTLEROCKET_x86_64_NVIDIA",
        user_data="toml",
        # Why as much as Karpenter gives: a volume smaller than the AMI's snapshot is refused.
        system_volume_gib=4,
        data_device="/dev/xvdb",
        local_disks="/mnt/.ephemeral",
        brings_gpu_plugin=True,
        gpu_efa_affinity=False,
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "EKS user guide ml-eks-optimized-ami and device-management-efa; bottlerocket-os/"
                "bottlerocket-core-kit@a10182f sources/api/apiserver/src/server/"
                "ephemeral_storage.rs (mount point); volumes of aws/karpenter-provider-aws@1d92708"
                " pkg/providers/amifamily/bottlerocket.go"
            ),
            date="2026-11-23",
        ),
    ),
)

AMI_FAMILIES: dict[str, AmiFamily] = {row.name: row for row in _FAMILIES}
"""AMI families an environment may name."""

LOCAL_DISK_DIRECTORIES = ("/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods")
"""What both families move to the local disks: images, volumes of pods, logs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BottlerocketSetting:
    """One key of user data for Bottlerocket."""

    path: str
    """Below `settings`; `*` stands for a name of one's own."""
    kind: type
    """Type of its value in TOML."""
    since: str
    """First Bottlerocket that knows it. An older one refuses the user data and does not boot."""


_SETTINGS = (
    BottlerocketSetting(path="kernel.sysctl.*", kind=str, since="1.0.0"),
    BottlerocketSetting(path="bootstrap-commands.*.commands", kind=list, since="1.22.0"),
    BottlerocketSetting(path="bootstrap-commands.*.essential", kind=bool, since="1.22.0"),
    BottlerocketSetting(path="bootstrap-commands.*.mode", kind=str, since="1.22.0"),
    BottlerocketSetting(path="kubelet-device-plugins.nvidia.enabled", kind=bool, since="1.63.0"),
)

BOTTLEROCKET_SETTINGS: dict[str, BottlerocketSetting] = {row.path: row for row in _SETTINGS}
"""Settings that user data of ours may hold."""
BOTTLEROCKET_SETTINGS_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "bottlerocket-os/bottlerocket@91632ff CHANGELOG.md (bootstrap commands: 1.22.0) and release"
        " notes of v1.63.0 (nvidia-device-plugin can be switched off); bottlerocket.dev, API"
        " settings reference"
    ),
    date="2026-11-28",
)
