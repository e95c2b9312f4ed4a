"""CDK entry: `cdk synth -c env=environments/pilot.yaml` makes the stacks of one environment.

`-c fleet=fleet.yaml` makes those of every environment of a fleet, in the order of its stages.
"""

import sys
from pathlib import Path

import aws_cdk as cdk

from disagg.checks.environment import load_environment
from disagg.checks.fleet import load_fleet
from disagg.checks.overriding import lines_of
from disagg.config.environment import Environment
from disagg.errors import InvalidInputError, Problem
from disagg_stacks import build_fleet

Asked = tuple[list[list[Environment]], dict[str, Path], list[Problem]]


def asked(app: cdk.App) -> Asked:
    """Return the environments of each stage, their files, and what is worth knowing of them."""
    fleet = app.node.try_get_context("fleet")
    if fleet:
        checked = load_fleet(Path(fleet))
        stages = [[one.environment for one in stage] for stage in checked.stages()]
        files = {one.environment.name: one.file for one in checked.members}
        return stages, files, checked.warnings
    path = Path(app.node.try_get_context("env") or "environments/pilot.yaml")
    only = load_environment(path)
    return [[only.environment]], {only.environment.name: path}, only.warnings


def main() -> int:
    """Write the cloud assembly; return the exit code."""
    app = cdk.App()
    try:
        stages, files, warnings = asked(app)
        build_fleet(app, stages, within=lambda one: lines_of(files[one.name]))
    except InvalidInputError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    for warning in warnings:
        sys.stderr.write(f"{warning}\n")
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
