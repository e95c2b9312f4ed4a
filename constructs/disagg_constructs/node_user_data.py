"""User data of GPU nodes, in the language of their AMI: local disks, huge pages, device plugin."""

from disagg.catalog.amis import AmiFamily
from disagg.planner.bottlerocket import bottlerocket_settings
from disagg_constructs.launch_template import local_storage_user_data


def gpu_user_data(ami: AmiFamily, *, device_plugin: bool) -> str:
    """Return user data that joins the NVMe disks to one array; EKS merges it with its own part.

    Args:
        ami: Family of the AMI; its language is the only one a node of it reads.
        device_plugin: Whether GPUs are advertised by a device plugin. False switches off the one
            that Bottlerocket brings: beside a DRA driver each would give away the same GPU.
    """
    if ami.user_data == "mime":
        return local_storage_user_data()
    return bottlerocket_settings(device_plugin=device_plugin, join_disks=True)
