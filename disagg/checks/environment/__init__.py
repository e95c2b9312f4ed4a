"""The door: an environment file in, a checked environment out, or every problem at once."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from disagg.catalog.prices import Prices
from disagg.checks import workload_rules
from disagg.checks.environment import (
    budget_rules,
    capacity_rules,
    clock_rules,
    closed_rules,
    delivery_rules,
    device_rules,
    existing_rules,
    gateway_rules,
    hyperpod_rules,
    karpenter_rules,
    model_rules,
    network_rules,
    organisation_rules,
    override_rules,
    reservation_rules,
    router_rules,
    weights_rules,
)
from disagg.checks.rule import Finding, Rule, rules_of, run
from disagg.config.environment import Environment
from disagg.config.inherit import read_inherited
from disagg.config.parse import parse
from disagg.config.prices import bundled_prices
from disagg.config.yaml_reader import Document, dotted
from disagg.errors import InvalidInputError, Problem, Severity, in_file_order

ENVIRONMENT_RULES: tuple[Rule, ...] = rules_of(
    network_rules,
    closed_rules,
    capacity_rules,
    reservation_rules,
    hyperpod_rules,
    karpenter_rules,
    device_rules,
    model_rules,
    weights_rules,
    router_rules,
    gateway_rules,
    budget_rules,
    delivery_rules,
    workload_rules,
    organisation_rules,
    override_rules,
    existing_rules,
)
CLOCK_RULES: tuple[Rule, ...] = rules_of(clock_rules)
"""Those that need to be told the time."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound environment, and what is worth knowing about it."""

    environment: Environment
    warnings: list[Problem]


def load_environment(path: Path, now: datetime | None = None) -> Checked:
    """Return the environment of a file over what it extends, with its warnings.

    Rules of meaning run over every section that is sound, so a misspelt key in one section hides
    nothing in another.

    Args:
        path: The file.
        now: The time, in UTC, for rules about what has ended. Default: they are passed over.

    Raises:
        InvalidInputError: Every problem of the file, in the order of its lines.
    """
    return check(read_inherited(path), now=now)


def check(document: Document, prices: Prices | None = None, now: datetime | None = None) -> Checked:
    """Return the environment of a document that is already read.

    Args:
        document: The file, read.
        prices: What rules about money count with. Default: the prices of the catalogue.
        now: As for `load_environment`.

    Raises:
        InvalidInputError: Every problem of the document, in the order of its lines.
    """
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if isinstance(kind, str) and kind in _OTHER_FILES:
        raise InvalidInputError([_another_file(document, kind)])
    parsed = parse(document)
    given = parsed.sections | {"prices": prices or bundled_prices()}
    given |= {"now": now} if now else {}
    rules = (*ENVIRONMENT_RULES, *CLOCK_RULES)
    found = [placed(document, one, finding) for one, finding in run(rules, given)]
    errors = [
        *parsed.problems,
        *(problem for problem in found if problem.severity is Severity.ERROR),
    ]
    warnings = in_file_order(problem for problem in found if problem.severity is Severity.WARNING)
    if errors or parsed.environment is None:
        raise InvalidInputError(errors)
    return Checked(parsed.environment, warnings)


_OTHER_FILES = {
    "Workload": "ask about it with size, decide or cost, or compare -w; write one: disagg init",
    "Fleet": "look at it with fleet or validate, write its stacks with synth --fleet",
}
"""Kinds of files that are no environment, and what takes them."""


def _another_file(document: Document, kind: str) -> Problem:
    return document.problem(
        "DISAGG-FILE-008",
        ("kind",),
        got=f"a {kind.lower()} file",
        need="an environment file",
        fix=_OTHER_FILES[kind],
    )


def placed(document: Document, one: Rule, finding: Finding) -> Problem:
    """Return a finding as a problem of the document, with its line.

    Of several values that are wrong together, the line is that of the one said last; those of other
    files are named with theirs.
    """
    locs = (finding.at, *finding.beside)
    at = document.latest(locs)
    here = document.origin(at)[0]
    others: dict[str, str] = {}
    for loc in locs:
        file, line = document.origin(loc)
        if loc in document.values and file != here:
            others.setdefault(f"{file}:{line}", dotted(loc))
    told = ", ".join(f"{place} {path}" for place, path in others.items())
    got = f"{finding.got}, with {told}" if others else finding.got
    problem = document.problem(one.code, at, got=got, need=finding.need, fix=finding.fix)
    return replace(problem, severity=one.severity)
