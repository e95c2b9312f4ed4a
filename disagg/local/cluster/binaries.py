"""The programs of the control plane: built once by Go from pinned modules, found afterwards.

`python -m disagg.local.cluster.binaries` builds what is missing (`make kube`).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disagg.errors import DisaggError, MissingToolError
from disagg.local.processes import run_to_end

KUBERNETES = "1.34.4"
"""Release of the control plane; its minor version is the one environments name."""
KWOK = "0.7.0"
SOURCES = Path(__file__).resolve().parents[3] / "tools"
"""The Go modules that pin the programs; only a checkout has them."""
DIRECTORY = SOURCES.parent / ".cache" / "bin"
OLDEST_GO = (1, 26)
"""What the `go` lines of the modules ask for."""
_ONE_BUILD_SECONDS = 3_600
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


class BuildError(DisaggError):
    """Go could not build a program."""


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
            f"  -> run: make kube   (once, about 10 minutes; needs Go {_dotted(OLDEST_GO)})"
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
        go = _go()
        say(f"{place}: building")
        began = time.monotonic()
        _build_one(go, one, directory, sources)
        size = (directory / one.name).stat().st_size
        say(f"{place}: {time.monotonic() - began:.0f} s, {size / 1e6:.0f} MB")
    if absent and "GOCACHE" not in os.environ:
        # Why: 4 GB that only another build of the same pins would use.
        shutil.rmtree(_own_cache(directory) / "build", ignore_errors=True)


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


def _build_one(go: str, one: Binary, directory: Path, sources: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{one.name}.{os.getpid()}"
    flags = f"-s -w{one.stamps}"
    command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(partial), one.package]
    try:
        done = run_to_end(
            command,
            on_line=lambda _: None,
            environment=_environment(directory),
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


def _environment(directory: Path) -> dict[str, str]:
    """Return our environment with the settings that make the build repeatable."""
    cache = _own_cache(directory)
    own = {"GOCACHE": str(cache / "build"), "GOMODCACHE": str(cache / "modules")}
    return {
        **own,
        **os.environ,
        "CGO_ENABLED": "0",
        # Why readonly: go.sum is complete, so a build that would change the pins is an error.
        # Why modcacherw: `make clean` must be able to remove what was downloaded.
        "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _own_cache(directory: Path) -> Path:
    return directory.parent / "go"


def _go() -> str:
    go = shutil.which("go")
    oldest = _dotted(OLDEST_GO)
    remedy = f"  -> install Go {oldest} or newer and put it on PATH, then run: make kube"
    if go is None:
        raise MissingToolError(
            f"Go is needed to build the control plane and was not found\n{remedy}"
        )
    said = subprocess.run(  # noqa: S603 - a program of the machine, no shell
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    ).stdout.strip()
    version = re.match(r"go(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_GO:
        raise MissingToolError(f"Go {oldest} or newer is needed and {go} is {said!r}\n{remedy}")
    return go


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def main() -> int:
    """Build and return the exit code."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        build(say)
    except DisaggError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what is built stays, and make kube goes on from there\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
