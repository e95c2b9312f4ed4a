"""A verb that is interrupted by a signal, and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def interrupt(verb: str, moment: str, sent: signal.Signals, dist: Path, *, after: float) -> None:
    """Start a verb, signal its process group during a step, and check that nothing is left.

    Args:
        verb: A verb that takes an environment and `--dist`.
        moment: Beginning of the step's title.
        sent: The signal.
        dist: An empty directory, which also takes the temporary files.
        after: Wait after the step began [s].
    """
    run = subprocess.Popen(
        [sys.executable, "-m", "disagg", verb, "environments/pilot.yaml", "--dist", dist],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(dist)},
    )
    assert run.stdout is not None
    begun = any(line.startswith(f" ..   {moment}") for line in run.stdout)
    assert begun, f"{verb} never came to {moment!r}"
    time.sleep(after)
    os.killpg(run.pid, sent)
    rest = run.stdout.read()
    assert run.wait(timeout=30) == 130, rest
    assert "Traceback" not in rest
    assert running_below(dist) == []
    left = [one.name for one in dist.iterdir() if one.name.startswith((".", "disagg-"))]
    assert left == []


def running_below(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for one in Path("/proc").iterdir():
        if not one.name.isdigit() or int(one.name) == os.getpid():
            continue
        try:
            command = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found
