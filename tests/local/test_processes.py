import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from disagg.local.processes import Process, ProcessError, Service, run_to_end

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
Gone = Callable[[int], bool]

PARENT = """
import sys, time
from pathlib import Path
from disagg.local.processes import Process, Service
folder = Path(sys.argv[1])
with Process(Service(name="child", command=[sys.executable, "-c", sys.argv[2]],
                     log=folder / "log", ready=lambda: True)) as child:
    (folder / "part").write_text(str(child.pid))
    (folder / "part").rename(folder / "pid")
    time.sleep(60)
"""


def service(tmp_path: Path, code: str, *, needs: str = "", **more: float) -> Service:
    """A Python child; it is ready when the file `needs` exists in `tmp_path`."""
    return Service(
        name="child",
        command=[sys.executable, "-c", code],
        log=tmp_path / "logs" / "child.log",
        ready=lambda: not needs or (tmp_path / needs).exists(),
        folder=tmp_path,
        start_seconds=more.get("start_seconds", 20),
        stop_seconds=more.get("stop_seconds", 5),
    )


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def start_parent(tmp_path: Path, child_code: str) -> tuple[subprocess.Popen[bytes], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), child_code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    assert wait_for((tmp_path / "pid").exists)
    return parent, int((tmp_path / "pid").read_text())


def test_a_child_runs_until_the_block_ends(tmp_path: Path, gone: Gone) -> None:
    with Process(service(tmp_path, SLEEP)) as process:
        pid = process.pid
        assert not gone(pid)
        assert os.getsid(pid) == pid, "its own session, so Ctrl-C does not reach it"
    assert gone(pid)
    with pytest.raises(ProcessError, match="not running"):
        _ = process.pid


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_time(
    tmp_path: Path, gone: Gone
) -> None:
    code = f"{STUBBORN} open('up', 'w'); {SLEEP}"
    process = Process(service(tmp_path, code, needs="up", stop_seconds=0.3))
    with process:
        pid = process.pid
        started = time.monotonic()
    assert gone(pid)
    assert 0.3 <= time.monotonic() - started < 5


def test_helpers_of_a_child_are_ended_with_it(tmp_path: Path, gone: Gone) -> None:
    helper = f"{STUBBORN} {SLEEP}"
    code = (
        "import subprocess, sys\n"
        f"helper = subprocess.Popen([sys.executable, '-c', {helper!r}])\n"
        "open('part', 'w').write(str(helper.pid))\n"
        "import os; os.rename('part', 'helper')\n" + SLEEP
    )
    with Process(service(tmp_path, code, needs="helper")):
        helper_pid = int((tmp_path / "helper").read_text())
        assert not gone(helper_pid)
    assert wait_for(lambda: gone(helper_pid))


def test_a_child_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    code = "print('no configuration'); raise SystemExit(3)"
    with pytest.raises(ProcessError, match=r"(?s)status 3 before it was ready.*no configuration"):
        Process(service(tmp_path, code, needs="never")).__enter__()


def test_a_child_that_is_never_ready_is_ended(tmp_path: Path, gone: Gone) -> None:
    code = f"import os; open('pid', 'w').write(str(os.getpid())); {SLEEP}"
    with pytest.raises(ProcessError, match=r"not ready within 1 s"):
        Process(service(tmp_path, code, needs="never", start_seconds=1)).__enter__()
    assert gone(int((tmp_path / "pid").read_text()))


def test_an_error_in_the_block_ends_the_child(tmp_path: Path, gone: Gone) -> None:
    process = Process(service(tmp_path, SLEEP))
    pid = 0

    def body() -> None:
        nonlocal pid
        with process:
            pid = process.pid
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        body()
    assert gone(pid)


def test_a_program_that_does_not_exist_is_an_error_of_the_user(tmp_path: Path) -> None:
    absent = Service(name="x", command=["/no/such"], log=tmp_path / "log", ready=lambda: True)
    with pytest.raises(ProcessError, match="/no/such cannot be started"):
        Process(absent).__enter__()


@pytest.mark.parametrize("child", [SLEEP, f"{STUBBORN} {SLEEP}"])
def test_killing_the_parent_leaves_no_child(tmp_path: Path, gone: Gone, child: str) -> None:
    parent, pid = start_parent(tmp_path, child)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: gone(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_the_parent_leaves_no_child(
    tmp_path: Path, gone: Gone, number: signal.Signals
) -> None:
    parent, pid = start_parent(tmp_path, SLEEP)
    parent.send_signal(number)
    parent.wait()
    assert wait_for(lambda: gone(pid))


def test_lines_come_as_they_are_printed_and_the_status_at_the_end() -> None:
    code = "print('one', flush=True); import sys; sys.stderr.write('two\\n'); raise SystemExit(4)"
    lines: list[str] = []
    run = run_to_end([sys.executable, "-c", code], on_line=lines.append)
    assert lines == ["one", "two"]
    assert run.tail == ("one", "two")
    assert run.status == 4


def test_only_the_last_lines_are_kept() -> None:
    code = "[print(i) for i in range(9)]"
    run = run_to_end([sys.executable, "-c", code], on_line=lambda _: None, tail_lines=2)
    assert run.tail == ("7", "8")
    assert run.status == 0


def test_a_run_that_takes_too_long_is_ended(gone: Gone) -> None:
    lines: list[str] = []
    code = f"import os; print(os.getpid(), flush=True); {SLEEP}"
    with pytest.raises(ProcessError, match=r"longer than 0\.5 s"):
        run_to_end([sys.executable, "-c", code], on_line=lines.append, limit_seconds=0.5)
    assert gone(int(lines[0]))


def test_an_error_of_the_listener_ends_the_run(gone: Gone) -> None:
    lines: list[str] = []

    def listen(line: str) -> None:
        lines.append(line)
        raise RuntimeError

    code = f"import os; print(os.getpid(), flush=True); {SLEEP}"
    with pytest.raises(RuntimeError):
        run_to_end([sys.executable, "-c", code], on_line=listen)
    assert gone(int(lines[0]))
