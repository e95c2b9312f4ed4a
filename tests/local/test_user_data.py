"""User data is read back as the AMI reads it."""

import pytest

from disagg.local.aws.user_data import joins_local_disks, runs_own_gpu_plugin

INIT = '["apiclient", "ephemeral-storage", "init"]'
BIND = '["apiclient", "ephemeral-storage", "bind", "--dirs", "/var/lib/kubelet"]'


def commands(*given: str) -> str:
    return f"[settings.bootstrap-commands.x]\ncommands = [{', '.join(given)}]\n"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("localStorage:\n  strategy: RAID0\n", True),
        ("localStorage:\n  strategy: Mount\n", False),
        (commands(INIT, BIND), True),
        (commands(BIND, INIT), False),
        (commands(INIT), False),
        (commands(INIT, BIND.replace("kubelet", "containerd")), False),
        ("", False),
        ("not = [toml", False),
    ],
)
def test_disks_are_joined_where_kubelet_is_bound_to_what_was_made(text: str, joined: bool) -> None:
    assert joins_local_disks(text) is joined


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", True),
        ("[settings.kubelet-device-plugins.nvidia]\nenabled = true\n", True),
        ("[settings.kubelet-device-plugins.nvidia]\nenabled = false\n", False),
    ],
)
def test_the_plugin_of_the_ami_runs_unless_it_is_switched_off(text: str, runs: bool) -> None:
    assert runs_own_gpu_plugin(text) is runs
