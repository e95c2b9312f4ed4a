"""What user data of a launch template makes of a node, read as its AMI reads it."""

import tomllib
from typing import Any

_INIT, _BIND = (
    ["apiclient", "ephemeral-storage", "init"],
    ["apiclient", "ephemeral-storage", "bind"],
)
_KUBELET = "/var/lib/kubelet"


def joins_local_disks(user_data: str) -> bool:
    """Return whether the local disks become one array with kubelet's directory on it.

    Example:
        >>> joins_local_disks("spec: {instance: {localStorage: {}}}")
        False
    """
    if "strategy: RAID0" in user_data:
        return True
    commands = [
        command
        for one in _settings(user_data).get("bootstrap-commands", {}).values()
        for command in one.get("commands", [])
    ]
    # Why the first match: to bind what was not made first is refused, and the node does not boot.
    binds = [command for command in commands if command[:3] == _BIND and _KUBELET in command]
    return _INIT in commands and bool(binds) and commands.index(_INIT) < commands.index(binds[0])


def runs_own_gpu_plugin(user_data: str) -> bool:
    """Return whether the device plugin that comes with Bottlerocket stays on."""
    nvidia = _settings(user_data).get("kubelet-device-plugins", {}).get("nvidia", {})
    return bool(nvidia.get("enabled", True))


def _settings(user_data: str) -> dict[str, Any]:
    """Return the settings of TOML user data; none for any other text."""
    try:
        found: dict[str, Any] = tomllib.loads(user_data).get("settings", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found
