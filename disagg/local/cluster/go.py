"""Go, as the programs and definitions of the control plane need it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from disagg.errors import DisaggError, MissingToolError

SOURCES = Path(__file__).resolve().parents[3] / "tools"
"""The Go modules that pin the programs; only a checkout has them."""
CACHE = SOURCES.parent / ".cache"
OLDEST_GO = (1, 26)
"""What the `go` lines of the modules ask for."""


class BuildError(DisaggError):
    """Go could not build or fetch something."""


def find_go() -> str:
    """Return the path of a Go that is new enough.

    Raises:
        MissingToolError: Go is not there or too old.
    """
    go = shutil.which("go")
    oldest = dotted(OLDEST_GO)
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


def go_environment(cache: Path) -> dict[str, str]:
    """Return our environment with the settings that make builds repeatable.

    Args:
        cache: Where Go keeps what it builds and downloads, unless the user says otherwise.
    """
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


def dotted(version: tuple[int, int]) -> str:
    """Return `(1, 26)` as `1.26`."""
    return ".".join(map(str, version))
