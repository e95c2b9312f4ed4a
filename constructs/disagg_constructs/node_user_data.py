"""User data of GPU nodes, in the language of their AMI: local disks, huge pages, device plugin."""

import json

from disagg.catalog.amis import LOCAL_DISK_DIRECTORIES, AmiFamily
from disagg.catalog.resources import EFA_HUGE_PAGES
from disagg_constructs.launch_template import local_storage_user_data


def gpu_user_data(ami: AmiFamily, *, device_plugin: bool) -> str:
    """Return user data that joins the NVMe disks to one array; EKS merges it with its own part.

    Args:
        ami: Family of the AMI; its language is the only one a node of it reads.
        device_plugin: Whether GPUs are advertised by a device plugin. False switches off the one
            that Bottlerocket brings: beside a DRA driver each would give away the same GPU.
    """
    return (
        local_storage_user_data() if ami.user_data == "mime" else _toml(device_plugin=device_plugin)
    )


def _toml(*, device_plugin: bool) -> str:
    """Return settings of the Bottlerocket API.

    Why huge pages are written: left alone, Bottlerocket takes 110 pages for each core where it
    finds EFA, 41 GiB on 192 cores, and pods would be planned for memory that is not there.
    Why essential: a node whose images and caches landed on an EBS volume fails later and worse.

    Source: bottlerocket-os/bottlerocket-core-kit@a10182f sources/api/corndog/src/main.rs (huge
        pages) and sources/api/apiserver/src/server/ephemeral_storage.rs; bottlerocket.dev,
        bootstrap commands.
    """
    init = ["apiclient", "ephemeral-storage", "init"]
    bind = ["apiclient", "ephemeral-storage", "bind", "--dirs", *LOCAL_DISK_DIRECTORIES]
    lines = [
        "[settings.kernel.sysctl]",
        f'"vm.nr_hugepages" = "{EFA_HUGE_PAGES}"',
        "",
        "[settings.bootstrap-commands.local-disks]",
        f"commands = {json.dumps([init, bind])}",
        "essential = true",
        'mode = "always"',
    ]
    if not device_plugin:
        lines += ["", "[settings.kubelet-device-plugins.nvidia]", "enabled = false"]
    return "\n".join(lines) + "\n"
