"""Child processes that never outlive this one.

A child runs in its own session, so Ctrl-C in the terminal reaches only us, and we stop its whole
group in order. The kernel kills the child when we die, even by `kill -9` (Linux). Start children
from a thread that lives as long as they should: the kernel watches the *thread* that started them.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from disagg.errors import DisaggError

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_TAIL_BYTES = 64 * 1024

# Why: loaded here, because the code between fork and exec must do as little as possible.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ProcessError(DisaggError):
    """A child process ended, or was not ready, when it should have been."""


def _die_with(parent: int) -> Callable[[], None]:
    """Return what the child does before it is the program: ask to be ended with us."""

    def arrange() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Guard: the parent may have died before prctl took effect; then nobody would tell us.
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def _spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None,
    folder: Path | None,
    output: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of its own session, bound to our life."""
    try:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - only prctl and getppid run there
        )
    except OSError as error:
        raise ProcessError(f"{command[0]} cannot be started: {error}") from error


def _exit_status(pid: int) -> int | None:
    """Return how the child ended (negative: by signal), None while it runs; do not reap it."""
    # Why: an unreaped leader keeps its number taken, so the group we signal is certainly ours.
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # Why: macOS answers EPERM when only zombies are left in the group.
        return


def _stop(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End the child's group: SIGTERM, at most `grace_seconds` [s], SIGKILL; reap the child."""
    if child.returncode is not None:
        return
    _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while _exit_status(child.pid) is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    # Why: always, because a helper of the child may ignore SIGTERM while its leader obeys.
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A long-running program: what to run, where it writes, and when it counts as ready."""

    name: str
    command: Sequence[str]
    log: Path
    """Its output, both streams; the folder is made."""
    ready: Callable[[], bool]
    """Asked until it says True; must return quickly."""
    environment: Mapping[str, str] | None = None
    """All of its environment; None: ours."""
    folder: Path | None = None
    start_seconds: float = 30
    """How long it may take to be ready [s]."""
    stop_seconds: float = 5
    """How long it may take to end after SIGTERM before it is killed [s]."""


class Process:
    """A running `Service`: a context manager, entered when it is ready, that leaves nothing behind.

    Raises:
        ProcessError: it ended or was not ready in time; the message has the last lines of its log.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running child."""
        if self._child is None:
            raise ProcessError(f"{self.service.name} is not running")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child has been started and has not ended."""
        return self._child is not None and _exit_status(self._child.pid) is None

    def __enter__(self) -> Self:
        self.service.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.service.log.open("wb") as output:
                self._child = _spawn(
                    self.service.command,
                    environment=self.service.environment,
                    folder=self.service.folder,
                    output=output,
                )
            self._wait_until_ready(self._child.pid)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the child and everything in its process group; harmless when it has ended."""
        child, self._child = self._child, None
        if child is not None:
            _stop(child, self.service.stop_seconds)

    def tail(self, lines: int = 20) -> str:
        """Return the last `lines` of the log."""
        try:
            with self.service.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _wait_until_ready(self, pid: int) -> None:
        deadline = time.monotonic() + self.service.start_seconds
        while True:
            status = _exit_status(pid)
            if status is not None:
                raise self._failed(f"ended with status {status} before it was ready")
            if self.service.ready():
                return
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready within {self.service.start_seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def _failed(self, what: str) -> ProcessError:
        return ProcessError(f"{self.service.name} {what}\n{self.tail()}\n  log: {self.service.log}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How a program that was run to its end came out."""

    status: int
    """Exit status; negative: the signal that ended it."""
    tail: tuple[str, ...]
    """The last lines of its output."""


def run_to_end(
    command: Sequence[str],
    *,
    on_line: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    limit_seconds: float = 600,
    tail_lines: int = 40,
) -> Finished:
    """Run `command`, hand each line of its output to `on_line` at once, return how it ended.

    Raises:
        ProcessError: it could not be started, or took longer than `limit_seconds` [s].
    """
    tail: deque[str] = deque(maxlen=tail_lines)
    child = _spawn(command, environment=environment, folder=folder, output=subprocess.PIPE)
    late = threading.Event()

    def end_late_run() -> None:
        late.set()
        _signal_group(child.pid, signal.SIGKILL)

    watchdog = threading.Timer(limit_seconds, end_late_run)
    watchdog.daemon = True
    try:
        watchdog.start()
        for raw in child.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            tail.append(line)
            on_line(line)
        while (status := _exit_status(child.pid)) is None:
            time.sleep(_POLL_SECONDS)
    finally:
        watchdog.cancel()
        _stop(child, grace_seconds=5)
        if child.stdout:
            child.stdout.close()
    if late.is_set():
        raise ProcessError(f"{command[0]} took longer than {limit_seconds:g} s and was ended")
    return Finished(status=status, tail=tuple(tail))
