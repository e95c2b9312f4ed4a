"""The script of a HyperPod instance, run with real mounts in a namespace of its own."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from disagg_constructs.lifecycle_scripts import script

MOVED = ("var/lib/containerd", "var/lib/kubelet", "var/log/pods")
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in is-active) exit "$CONTAINERD";; esac
"""


UNSHARE = shutil.which("unshare")


def _unshare_works() -> bool:
    if UNSHARE is None or shutil.which("systemd-escape") is None:
        return False
    return subprocess.run([UNSHARE, "-rm", "true"], check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not _unshare_works(), reason="no mount namespaces here")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """Return the root of a node as HyperPod hands it over, with an image on it."""
    for one in (*MOVED, "opt/dlami/nvme", "opt/sagemaker", "bin"):
        (tmp_path / one).mkdir(parents=True)
    (tmp_path / MOVED[0] / "image").write_text("layers")
    (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    return tmp_path


def run(node: Path, disks: str, *, times: int = 1, containerd: int = 0) -> str:
    """Run the script in a mount namespace where some disks are mounted; return what it said.

    What is below the moved directories in the end is listed into `<node>/seen`.
    """
    mounts = "\n".join(f'mount -t tmpfs none "{node}/{one}"' for one in disks.split())
    listing = " ".join(f'"{node}/{one}"' for one in MOVED)
    again = "\n".join([f'bash "{script()}" "{node}"'] * times)
    inside = f"""set -e
{mounts}
export PATH="{node}/bin:$PATH" CALLS="{node}/calls" CONTAINERD={containerd}
{again}
for one in {listing}; do findmnt -n -o SOURCE --target "$one" | tail -n 1; done > "{node}/seen"
cat "{node}/{MOVED[0]}/image" >> "{node}/seen"
"""
    assert UNSHARE is not None
    done = subprocess.run(
        [UNSHARE, "-rm", "/bin/bash", "-c", inside], capture_output=True, text=True, check=True
    )
    return done.stdout


def calls(node: Path) -> list[str]:
    file = node / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_the_script_passes_shellcheck() -> None:
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    if not shellcheck.exists():
        pytest.skip("shellcheck is not installed (group lint)")
    subprocess.run([shellcheck, "--severity=style", script()], check=True)


@needs_mounts
def test_directories_move_to_the_nvme_with_what_is_in_them(node: Path) -> None:
    run(node, "opt/dlami/nvme opt/sagemaker")
    *sources, image = (node / "seen").read_text().split("\n")[:4]
    assert all("/disagg/var/" in one for one in sources)
    assert image == "layers"
    assert calls(node)[1:2] == ["stop containerd"]
    assert calls(node)[-1] == "start containerd"
    unit = node / "etc/systemd/system/var-lib-containerd.mount"
    text = unit.read_text()
    assert "What=/opt/dlami/nvme/disagg/var/lib/containerd" in text
    assert "Before=containerd.service kubelet.service" in text


@needs_mounts
def test_without_nvme_the_second_volume_is_taken(node: Path) -> None:
    assert "/var/lib/kubelet is on /opt/sagemaker now" in run(node, "opt/sagemaker")


@needs_mounts
def test_a_node_with_one_disk_stays_as_it_is(node: Path) -> None:
    said = run(node, "")
    assert "stay on the root volume" in said
    assert calls(node) == []
    assert not (node / "etc").exists()


@needs_mounts
def test_running_it_again_does_nothing(node: Path) -> None:
    said = run(node, "opt/dlami/nvme", times=2)
    assert said.count("is on a disk of its own already") == len(MOVED)
    assert calls(node).count("stop containerd") == 1


@needs_mounts
def test_containerd_is_left_alone_where_it_does_not_run(node: Path) -> None:
    run(node, "opt/dlami/nvme", containerd=3)
    assert not {"stop containerd", "start containerd"} & set(calls(node))
