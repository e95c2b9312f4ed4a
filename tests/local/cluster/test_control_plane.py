"""The control plane as a guest on the machine: private, alone, and gone at the end."""

import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted import interrupt, running_below

from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.processes import ProcessError

pytestmark = pytest.mark.slow

Programs = dict[str, Path]


def listeners(pid: int) -> set[str]:
    """Return the addresses a process listens on, as the kernel writes them."""
    sockets = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(one.readlink()))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


def test_it_listens_on_loopback_only_and_keeps_its_keys(
    programs: Programs, tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    with ControlPlane(directory=tmp_path / "c", programs=programs) as plane:
        assert plane.api().get("/version")["gitVersion"] == "v1.34.4"
        pids = plane.pids
        assert len(pids) == 5
        assert {one for pid in pids.values() for one in listeners(pid)} == {"0100007F"}
        assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
        for file in ("tls.key", "tokens.csv", "admin.kubeconfig"):
            assert stat.S_IMODE((tmp_path / "c" / file).stat().st_mode) == 0o600
        stranger = plane.api().impersonating("somebody")
        assert stranger.request("GET", "/api/v1/pods").status == 403
    assert all(gone(pid) for pid in pids.values())
    left = {one.suffix for one in (tmp_path / "c").iterdir()}
    assert left == {".log", ".crt"}


def test_two_run_side_by_side_and_one_does_not_end_the_other(
    programs: Programs, tmp_path: Path
) -> None:
    with ControlPlane(directory=tmp_path / "a", programs=programs) as first:
        with ControlPlane(directory=tmp_path / "b", programs=programs) as second:
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-here"}}
            assert second.api().create(space).accepted
            assert first.port != second.port
            assert first.api().request("GET", "/api/v1/namespaces/only-here").status == 404
        assert first.api().request("GET", "/readyz").accepted
        assert not set(first.pids.values()) & set(second.pids.values())


def test_a_program_that_fails_leaves_its_log_and_no_process(
    programs: Programs, tmp_path: Path
) -> None:
    flags = {"kube-scheduler": ["--no-such-flag"]}
    plane = ControlPlane(directory=tmp_path, programs=programs, flags=flags)
    with pytest.raises(ProcessError, match="unknown flag: --no-such-flag"):
        plane.__enter__()
    assert "no-such-flag" in (tmp_path / "kube-scheduler.log").read_text()
    assert running_below(tmp_path) == []
    assert not (tmp_path / "tls.key").exists()


@pytest.mark.parametrize("moment", ["Kubernetes", "One node of each group"])
@pytest.mark.usefixtures("programs")
def test_ctrl_c_leaves_no_process_and_exits_130(moment: str, tmp_path: Path) -> None:
    interrupt("rehearse", moment, signal.SIGINT, tmp_path, after=1)
