"""How the steps of a deployment are called from where a verb is run."""

from collections.abc import Iterator
from pathlib import Path

from disagg.config.environment import Environment
from disagg.node import CHECKOUT
from disagg.planner.plan import Plan
from disagg.planner.steps import Commands, Step, steps


def commands(env: Path, base: Path) -> Commands:
    """Return how programs are called on a file and what was written of it, from this folder."""
    here = Path.cwd() == CHECKOUT
    stacks = base / "stacks"
    return Commands(
        file=str(env),
        base=base.as_posix(),
        stacks=(stacks if here else stacks.resolve()).as_posix(),
        make="make" if here else f"make -C {CHECKOUT}",
    )


def next_steps(made: Plan, environment: Environment, env: Path, dist: Path) -> Iterator[Step]:
    """Yield the steps in order; each is a sentence and its commands."""
    yield from steps(made, environment, commands(env, dist / environment.name))
