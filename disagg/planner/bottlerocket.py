"""Settings of the Bottlerocket API for GPU nodes, as the text of their user data."""

import json

from disagg.catalog.amis import LOCAL_DISK_DIRECTORIES
from disagg.catalog.resources import EFA_HUGE_PAGES


def bottlerocket_settings(*, device_plugin: bool, join_disks: bool) -> str:
    """Return settings of the Bottlerocket API, in TOML.

    Why huge pages are written: left alone, Bottlerocket takes 110 pages for each core where it
    finds EFA, 41 GiB on 192 cores, and pods would be planned for memory that is not there.
    Why essential: a node whose images and caches landed on an EBS volume fails later and worse.

    Args:
        device_plugin: Whether GPUs are advertised by the plugin it brings; beside a DRA driver each
            would give away the same GPU.
        join_disks: Whether to join the NVMe disks to one array; nobody else does, unless Karpenter
            makes the node.

    Source: bottlerocket-os/bottlerocket-core-kit@a10182f sources/api/corndog/src/main.rs (huge
        pages) and sources/api/apiserver/src/server/ephemeral_storage.rs; bottlerocket.dev,
        bootstrap commands.
    """
    lines = ["[settings.kernel.sysctl]", f'"vm.nr_hugepages" = "{EFA_HUGE_PAGES}"']
    if join_disks:
        init = ["apiclient", "ephemeral-storage", "init"]
        bind = ["apiclient", "ephemeral-storage", "bind", "--dirs", *LOCAL_DISK_DIRECTORIES]
        lines += [
            "",
            "[settings.bootstrap-commands.local-disks]",
            f"commands = {json.dumps([init, bind])}",
            "essential = true",
            'mode = "always"',
        ]
    if not device_plugin:
        lines += ["", "[settings.kubelet-device-plugins.nvidia]", "enabled = false"]
    return "\n".join(lines) + "\n"
