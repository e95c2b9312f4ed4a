"""The fabric gate's script, run by a real shell against stand-ins for `fi_info`."""

import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

import disagg_k8s

# As `fi_info -p efa` of libfabric 2 prints it: two fabrics and several domains for each device.
DEVICE = """\
provider: efa
    fabric: efa
    domain: {name}-rdm
    version: 203.0
    type: FI_EP_RDM
provider: efa
    fabric: efa-direct
    domain: {name}-rdm
    version: 203.0
    type: FI_EP_RDM
provider: efa
    fabric: efa
    domain: {name}-dgrm
    version: 203.0
    type: FI_EP_DGRAM
"""


@pytest.fixture(scope="module")
def gate() -> dict[str, Any]:
    files = disagg_k8s.render(checked("pilot").environment)
    (decode,) = files["30-decode-pool.yaml"]
    container: dict[str, Any] = decode["spec"]["template"]["spec"]["initContainers"][0]
    return container


def run(
    gate: dict[str, Any], folder: Path, fi_info: str, seconds: str = "60"
) -> subprocess.CompletedProcess[str]:
    tool = folder / "fi_info"
    tool.write_text(f"#!/bin/sh\n{fi_info}\n", encoding="utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    shell, option, script = gate["command"]
    script = script.replace("timeout 60", f"timeout {seconds}")
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [shell, option, script], env={"PATH": path}, capture_output=True, text=True, check=False
    )


def listing(folder: Path, devices: int) -> str:
    text = "".join(DEVICE.format(name=f"rdmap{i}s0") for i in range(devices))
    (folder / "listing").write_text(text, encoding="utf-8")
    return f"cat {folder}/listing"


def test_all_devices_open_the_gate(gate: dict[str, Any], tmp_path: Path) -> None:
    done = run(gate, tmp_path, listing(tmp_path, 4))
    assert (done.returncode, done.stdout) == (0, "fabric gate: 4 of 4 EFA devices, as asked\n")


@pytest.mark.parametrize("devices", [0, 1, 3, 5, 8])
def test_any_other_number_of_devices_keeps_it_shut(
    gate: dict[str, Any], tmp_path: Path, devices: int
) -> None:
    done = run(gate, tmp_path, listing(tmp_path, devices))
    assert done.returncode == 1
    assert f"libfabric sees {devices} EFA devices, this pod asked for 4" in done.stdout


def test_an_error_is_shown(gate: dict[str, Any], tmp_path: Path) -> None:
    done = run(gate, tmp_path, "echo 'fi_getinfo: -61 (No data available)' >&2; exit 61")
    assert done.returncode == 1
    assert "fi_info exit 61" in done.stdout
    assert "fi_getinfo: -61" in done.stdout


def test_a_hang_ends(gate: dict[str, Any], tmp_path: Path) -> None:
    started = time.monotonic()
    done = run(gate, tmp_path, "exec sleep 30", seconds="0.5")
    assert time.monotonic() - started < 10
    assert done.returncode == 1
    assert "fi_info exit 124" in done.stdout


def test_the_gate_asks_for_the_devices_it_counts(gate: dict[str, Any]) -> None:
    assert gate["resources"]["limits"]["vpc.amazonaws.com/efa"] == "4"
    assert gate["resources"]["requests"]["vpc.amazonaws.com/efa"] == "4"
