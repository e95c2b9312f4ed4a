"""Which problems of what was rendered come of an override, and where an override is in its file."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from disagg.config.environment import Environment
from disagg.config.inherit import read_inherited
from disagg.config.overrides import Overrides
from disagg.config.yaml_reader import Loc
from disagg.errors import InvalidInputError, Problem
from disagg.planner.overridden import suspects

Judge = Callable[[Environment], list[Problem]]
_PARTS = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")


def plain(environment: Environment) -> Environment:
    """Return the environment without its overrides."""
    return replace(environment, overrides=Overrides())


def judged(environment: Environment, judge: Judge) -> list[Problem]:
    """Return what `judge` finds, each problem that overrides brought with the likely one named.

    Args:
        environment: Whose renderings are judged.
        judge: Renders and judges an environment; asked a second time, without overrides, only
            where it finds something.
    """
    if not environment.overrides:
        return judge(environment)
    try:
        found = judge(environment)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        # Why: rules take for granted what every chart and construct writes.
        return [_beyond_judgement(environment, error)]
    before = set(judge(plain(environment))) if found else set()
    return [one if one in before else _blamed(environment, one) for one in found]


def hinted(environment: Environment, problems: list[Problem]) -> list[Problem]:
    """Return problems of an engine that is not asked twice, with what may have brought them."""
    if not environment.overrides:
        return problems
    return [_blamed(environment, one) for one in problems]


def _blamed(environment: Environment, problem: Problem) -> Problem:
    names = ", ".join(suspects(environment.overrides, problem.path))
    return replace(
        problem, fix=f"correct or remove {names}, the likely cause; otherwise {problem.fix}"
    )


def _beyond_judgement(environment: Environment, error: Exception) -> Problem:
    names = ", ".join(suspects(environment.overrides, ""))
    return Problem(
        code="DISAGG-OVR-007",
        path="overrides",
        got=f"a rule met {type(error).__name__}: {error}",
        need="objects of the usual form, such as a pod with its containers",
        fix=f"correct or remove {names}",
    )


@contextmanager
def lines_of(file: Path) -> Iterator[None]:
    """Give problems about overrides, which are found when all is rendered, file and line.

    Raises:
        InvalidInputError: The problems of the block, with their places.
    """
    try:
        yield
    except InvalidInputError as error:
        document = read_inherited(file)
        raise InvalidInputError(
            [
                one
                if one.file
                else document.problem(
                    one.code, _loc(one.path), got=one.got, need=one.need, fix=one.fix
                )
                for one in error.problems
            ]
        ) from None


def _loc(path: str) -> Loc:
    """Return the keys of a dotted path.

    Example:
        >>> _loc("overrides.manifests[0].target")
        ('overrides', 'manifests', 0, 'target')
    """
    return tuple(int(number) if number else name for name, number in _PARTS.findall(path))
