"""What all launch templates say: no credentials for pods, encrypted disks, owners on the bill."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

ROOT_DEVICE = "/dev/xvda"
"""Root device of Amazon Linux 2023. Source: EKS user guide "launch templates", block device
mappings."""

_BOUNDARY = "disagg-node-config"
_NODE_CONFIG = """\
---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0
"""


def metadata_options() -> ec2.CfnLaunchTemplate.MetadataOptionsProperty:
    """Return IMDSv2 with one hop: the node reaches its credentials, a pod does not."""
    return ec2.CfnLaunchTemplate.MetadataOptionsProperty(
        http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
    )


def root_volume(
    size_gib: int, device_name: str = ROOT_DEVICE
) -> ec2.CfnLaunchTemplate.BlockDeviceMappingProperty:
    """Return an encrypted gp3 volume of `size_gib` [GiB], deleted with its node."""
    return ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
        device_name=device_name,
        ebs=ec2.CfnLaunchTemplate.EbsProperty(
            delete_on_termination=True, encrypted=True, volume_size=size_gib, volume_type="gp3"
        ),
    )


def tag_specifications(
    tags: Mapping[str, str],
) -> list[ec2.CfnLaunchTemplate.TagSpecificationProperty]:
    """Return the tags of instances and volumes; EKS does not pass on the tags of the node group."""
    rows = [cdk.CfnTag(key=key, value=value) for key, value in sorted(tags.items())]
    return [
        ec2.CfnLaunchTemplate.TagSpecificationProperty(resource_type=kind, tags=rows)
        for kind in ("instance", "volume")
    ]


def local_storage_user_data() -> str:
    """Return user data that joins a node's NVMe disks to one RAID 0, for kubelet and images.

    EKS merges it with its own part, which is why it is MIME multi-part and holds nothing else.

    Source: awslabs/amazon-eks-ami templates/shared/runtime/bin/setup-local-disks, which moves
    /var/lib/kubelet, /var/lib/containerd and /var/log/pods to /mnt/k8s-disks/0.
    """
    return (
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
        f"--{_BOUNDARY}\nContent-Type: application/node.eks.aws\n\n{_NODE_CONFIG}\n"
        f"--{_BOUNDARY}--\n"
    )
