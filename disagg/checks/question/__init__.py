"""The door for questions: a workload file or an environment in, a checked question out."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.models import MODELS, Model
from disagg.catalog.prices import Prices
from disagg.checks import workload_rules
from disagg.checks.environment import ENVIRONMENT_RULES, check, placed
from disagg.checks.question import rules
from disagg.checks.rule import Rule, rules_of, run
from disagg.config.environment import Environment
from disagg.config.inherit import inherited, read_inherited
from disagg.config.model_config import read_model
from disagg.config.parse import parse
from disagg.config.workload import Question
from disagg.config.yaml_reader import Document, read
from disagg.errors import InvalidInputError, Problem
from disagg.planner.ask import one_type, question_of
from disagg.planner.layout import groups

QUESTION_RULES: tuple[Rule, ...] = rules_of(rules)
_SHARED = rules_of(workload_rules)
_OF_QUESTIONS = frozenset(one.name for one in fields(Question)) - frozenset(
    one.name for one in fields(Environment)
)
"""Keys that only a workload file has: one of them tells it from an environment."""
_PRICING = tuple(one for one in ENVIRONMENT_RULES if one.code == "DISAGG-PRC-004")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A sound question."""

    question: Question
    model: Model
    file: Path
    environment: Environment | None = None
    """The environment that asks, where the file is one."""
    warnings: tuple[Problem, ...] = ()


def load_question(path: Path, prices: Prices) -> Asked:
    """Return the question of a workload file, or the one an environment file asks.

    Raises:
        InvalidInputError: Every problem of the file, in the order of its lines.
    """
    document = read(path)
    if isinstance(document.data, dict) and (
        document.data.keys().isdisjoint(_OF_QUESTIONS) or document.data.get("kind") == "Fleet"
    ):
        document = inherited(document)
        checked = check(document, prices)
        if not one_type(checked.environment):
            raise InvalidInputError([_two_types(document, checked.environment)])
        asked = asked_by(checked.environment, path)
        # Why: what only matters to a planner (a promise no GPU can keep) is told here as well.
        found = _meaning(document, asked.question, asked.model, prices)
        if found:
            raise InvalidInputError(found)
        return replace(asked, warnings=tuple(checked.warnings))
    return _workload_file(document, path, prices)


def check_measurements(path: Path, asked: Asked) -> None:
    """Check the measured points of an environment, which only its model and nodes can judge.

    Raises:
        InvalidInputError: DISAGG-ASK-006 or 009, with the lines of the file.
    """
    rules_of_points = [one for one in QUESTION_RULES if "measurements" in one.needs]
    given = _given(asked.question, asked.model)
    document = read_inherited(path)
    found = [placed(document, one, finding) for one, finding in run(rules_of_points, given)]
    if found:
        raise InvalidInputError(found)


def _two_types(document: Document, environment: Environment) -> Problem:
    named = {name: one.instance_type for name, one in groups(environment.capacity).items()}
    return document.problem(
        "DISAGG-ASK-008",
        ("capacity",),
        got=", ".join(f"{name} on {kind}" for name, kind in named.items()),
        need="nodes of one type",
        fix="ask with a workload file (kind: Workload) for each type",
    )


def asked_by(environment: Environment, path: Path) -> Asked:
    """Return the question that a checked environment asks."""
    hybrid = IMAGE_PROFILES[environment.serving.image_profile].hybrid_kv_cache_default
    question = question_of(environment, hybrid=hybrid)
    return Asked(
        question=question, model=MODELS[question.model], file=path, environment=environment
    )


def _workload_file(document: Document, path: Path, prices: Prices) -> Asked:
    parsed = parse(document, Question)
    problems = list(parsed.problems)
    name = parsed.sections.get("model")
    geometry = MODELS.get(name) if isinstance(name, str) else None
    described = parsed.sections.get("model_config_file")
    if described and isinstance(name, str):
        found = read_model(
            path.parent / described, name, weight_gib=parsed.sections.get("weight_gib")
        )
        if isinstance(found, Model):
            geometry = found
        else:
            problems.append(
                document.problem(
                    found.code,
                    ("model_config_file",),
                    got=found.got,
                    need=found.need,
                    fix=found.fix,
                )
            )
    given = parsed.sections | {"prices": prices}
    if not described or geometry is not None:
        given["geometry"] = geometry
    problems += [
        placed(document, one, finding)
        for one, finding in run((*_SHARED, *QUESTION_RULES, *_PRICING), given)
    ]
    if problems:
        raise InvalidInputError(problems)
    assert geometry is not None  # noqa: S101  Why: DISAGG-ASK-001 says so otherwise.
    return Asked(question=Question(**parsed.sections), model=geometry, file=path)


def _meaning(document: Document, question: Question, model: Model, prices: Prices) -> list[Problem]:
    given = _given(question, model) | {"prices": prices}
    return [placed(document, one, finding) for one, finding in run(QUESTION_RULES, given)]


def _given(question: Question, model: Model) -> dict[str, Any]:
    sections = {name: getattr(question, name) for name in Question.__dataclass_fields__}
    return sections | {"geometry": model}
