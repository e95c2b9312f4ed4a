"""CDK entry: `cdk synth -c env=environments/pilot.yaml` makes the stacks of one file."""

import sys
from pathlib import Path

import aws_cdk as cdk

from disagg.checks.environment import load_environment
from disagg.checks.overriding import lines_of
from disagg.errors import InvalidInputError
from disagg_stacks import build


def main() -> int:
    """Write the cloud assembly; return the exit code."""
    app = cdk.App()
    path = Path(app.node.try_get_context("env") or "environments/pilot.yaml")
    try:
        checked = load_environment(path)
        with lines_of(path):
            build(app, checked.environment)
    except InvalidInputError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    for warning in checked.warnings:
        sys.stderr.write(f"{warning}\n")
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
