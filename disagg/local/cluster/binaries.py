"""The programs of the control plane: built once by Go from pinned modules, found afterwards."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disagg.errors import MissingToolError
from disagg.local.cluster.go import (
    CACHE,
    OLDEST_GO,
    SOURCES,
    BuildError,
    dotted,
    find_go,
    go_environment,
)
from disagg.local.processes import run_to_end

KUBERNETES = "1.34.4"
"""Release of the control plane; its minor version is the one environments name."""
KWOK = "0.7.0"
DIRECTORY = CACHE / "bin"
_ONE_BUILD_SECONDS = 3_600
_BETWEEN_SIGNS_SECONDS = 15.0
_KUBERNETES_STAMPS = "".join(
    f" -X {package}.{variable}={value}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, value in (
        ("gitVersion", f"v{KUBERNETES}"),
        ("gitMajor", KUBERNETES.split(".", maxsplit=1)[0]),
        ("gitMinor", KUBERNETES.split(".")[1]),
        ("gitCommit", "module"),
        ("gitTreeState", "clean"),
    )
)

Say = Callable[[str], None]
_PACKAGE = re.compile(r"[\w.~-]+(/[\w.~-]+)*")
"""A line of `go build -v`: the path of a package."""


@dataclass(frozen=True, slots=True)
class Binary:
    """One program, and how Go makes it."""

    name: str
    module: str
    """Folder below `tools/`. kwok stands alone: its Kubernetes libraries are another release."""
    package: str
    stamps: str = ""
    """Linker flags that say the version; without them `/version` is a placeholder."""

    def key(self, sources: Path) -> str:
        """Return what the build depends on, as a hash: pins, package and stamps."""
        digest = hashlib.sha256(f"{self.package}\n{self.stamps}\n".encode())
        for file in ("go.mod", "go.sum"):
            digest.update((sources / self.module / file).read_bytes())
        return digest.hexdigest()


BINARIES = (
    Binary("etcd", "kube", "go.etcd.io/etcd/server/v3"),
    *(
        Binary(name, "kube", f"k8s.io/kubernetes/cmd/{name}", _KUBERNETES_STAMPS)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ),
    Binary(
        "kwok",
        "kwok",
        "sigs.k8s.io/kwok/cmd/kwok",
        f" -X sigs.k8s.io/kwok/pkg/consts.Version=v{KWOK}",
    ),
)
"""In the order they are started and built."""


def missing(directory: Path = DIRECTORY, sources: Path = SOURCES) -> list[str]:
    """Return the names of programs that are not there, or were built from other pins."""
    return [one.name for one in BINARIES if not _is_built(one, directory, sources)]


def binaries(directory: Path = DIRECTORY, sources: Path = SOURCES) -> dict[str, Path]:
    """Return where each program is, by name.

    Raises:
        MissingToolError: some are not built.
    """
    if not (sources / "kube" / "go.mod").exists():
        raise MissingToolError(
            "the rehearsal on a control plane needs a checkout of disagg: its Go modules are not"
            " in the package"
        )
    absent = missing(directory, sources)
    if absent:
        raise MissingToolError(
            f"a control plane is needed and {', '.join(absent)} not built in {directory}\n"
            f"  -> run: make kube   (once, about 10 minutes; needs Go {dotted(OLDEST_GO)})"
        )
    return {one.name: directory / one.name for one in BINARIES}


def build(say: Say, directory: Path = DIRECTORY, sources: Path = SOURCES) -> None:
    """Build what is missing, one program after the other, so that a stopped build goes on.

    Raises:
        MissingToolError: Go is not there or too old.
        BuildError: Go refused.
    """
    absent = missing(directory, sources)
    for number, one in enumerate(BINARIES, 1):
        place = f"kube {number}/{len(BINARIES)}: {one.name}"
        if one.name not in absent:
            say(f"{place}: built before")
            continue
        go = find_go()
        say(f"{place}: building")
        began = time.monotonic()
        _build_one(go, one, directory, sources, Signs(say, place))
        size = (directory / one.name).stat().st_size
        say(f"{place}: {time.monotonic() - began:.0f} s, {size / 1e6:.0f} MB")
    if absent and "GOCACHE" not in os.environ:
        # Why: 4 GB that only another build of the same pins would use.
        shutil.rmtree(directory.parent / "go" / "build", ignore_errors=True)


def stamp(one: Binary, directory: Path = DIRECTORY, sources: Path = SOURCES) -> None:
    """Note what a program was built from; written last, so it vouches for a whole file."""
    path = _stamp_file(one, directory)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(f"{one.key(sources)}\n")
    partial.replace(path)


def _is_built(one: Binary, directory: Path, sources: Path) -> bool:
    try:
        noted = _stamp_file(one, directory).read_text().strip()
    except FileNotFoundError:
        return False
    return os.access(directory / one.name, os.X_OK) and noted == one.key(sources)


def _stamp_file(one: Binary, directory: Path) -> Path:
    return directory / f".{one.name}.stamp"


class Signs:
    """Counts the packages that Go says it compiles, and tells the count now and then."""

    def __init__(self, say: Say, place: str, *, every: float = _BETWEEN_SIGNS_SECONDS) -> None:
        self._say, self._place, self._every = say, place, every
        self._compiled, self._told = 0, time.monotonic()

    def __call__(self, line: str) -> None:
        """Take one line of Go's output."""
        if _PACKAGE.fullmatch(line):
            self._compiled += 1
        if time.monotonic() - self._told >= self._every:
            self._say(f"{self._place}: {self._compiled:,} packages compiled")
            self._told = time.monotonic()


def _build_one(
    go: str, one: Binary, directory: Path, sources: Path, on_line: Callable[[str], None]
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{one.name}.{os.getpid()}"
    flags = f"-s -w{one.stamps}"
    command = [go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(partial), one.package]
    try:
        done = run_to_end(
            command,
            on_line=on_line,
            environment=go_environment(directory.parent / "go"),
            folder=sources / one.module,
            limit_seconds=_ONE_BUILD_SECONDS,
        )
        if done.status != 0:
            last = "\n".join(done.tail)
            raise BuildError(f"go build {one.package} ended with status {done.status}\n{last}")
        _stamp_file(one, directory).unlink(missing_ok=True)
        partial.replace(directory / one.name)
        stamp(one, directory, sources)
    finally:
        partial.unlink(missing_ok=True)
