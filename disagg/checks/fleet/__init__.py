"""The door for fleets: a file in, every environment of it checked, or every problem at once."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from disagg.checks.environment import Checked, load_environment, placed
from disagg.checks.fleet import rules
from disagg.checks.fleet.rules import Member
from disagg.checks.rule import Rule, rules_of, run
from disagg.config.fleet import Fleet, Stage
from disagg.config.parse import parse
from disagg.config.yaml_reader import Document, Loc, read
from disagg.errors import InvalidInputError, Problem, Severity, in_file_order

FLEET_RULES: tuple[Rule, ...] = rules_of(rules)
FLEET_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-FLT-001": (
        "The file of an environment cannot be read.",
        "`file` names an environment file relative to the fleet file it is written in.",
    ),
    "DISAGG-FLT-013": (
        "The rehearsal of a fleet makes everything itself.",
        (
            "`demo --fleet` starts with empty accounts. An environment in a VPC or cluster that"
            " others own is rehearsed alone, where `demo` puts those there first."
        ),
    ),
    "DISAGG-FLT-015": (
        "A fleet and an environment are not written to one folder.",
        (
            "Both are written below `--dist`, to the folder of their name, which is replaced whole:"
            " the one written last would take away the stacks and manifests of the other."
        ),
    ),
    "DISAGG-FLT-010": (
        "An environment or a fleet, not both.",
        "`synth` and `demo` take one environment file, or `--fleet` and a fleet file.",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedFleet:
    """A sound fleet, its sound environments, and what is worth knowing about both."""

    fleet: Fleet
    members: tuple[Member, ...]
    """Environments in the order of the file."""
    warnings: list[Problem]

    def stages(self) -> list[list[Member]]:
        """Return the environments of each stage, in the order they are deployed."""
        return [
            [one for one in self.members if one.stage == stage.name] for stage in self.fleet.stages
        ]


def is_fleet(document: Document) -> bool:
    """Tell whether a document says of itself that it is a fleet."""
    return isinstance(document.data, dict) and document.data.get("kind") == "Fleet"


def load_fleet(path: Path, now: datetime | None = None) -> CheckedFleet:
    """Return a fleet with every environment of it.

    Args:
        path: The fleet file.
        now: The time, in UTC, for rules about what has ended. Default: they are passed over.

    Raises:
        InvalidInputError: Every problem of the fleet and of all its environments, each with the
            name of its own file.
    """
    document = read(path)
    parsed = parse(document, Fleet)
    problems, warnings = list(parsed.problems), list[Problem]()
    members = []
    for stage, at, file in _files(parsed.sections.get("stages", ()), path.parent):
        try:
            checked = load_environment(file, now)
        except InvalidInputError as error:
            problems += _of_the_fleet(document, at, file, error.problems)
            continue
        warnings += checked.warnings
        members.append(_member(stage, at, file, checked))
    given = parsed.sections | {"members": tuple(members)}
    for one, finding in run(FLEET_RULES, given):
        found = problems if one.severity is Severity.ERROR else warnings
        found.append(placed(document, one, finding))
    if problems:
        raise InvalidInputError(list(dict.fromkeys(problems)))
    return CheckedFleet(
        fleet=Fleet(**parsed.sections),
        members=tuple(members),
        warnings=in_file_order(dict.fromkeys(warnings)),
    )


def _files(stages: tuple[Stage, ...], folder: Path) -> list[tuple[Stage, Loc, Path]]:
    return [
        (stage, ("stages", number, "environments", index), folder / place.file)
        for number, stage in enumerate(stages)
        for index, place in enumerate(stage.environments)
    ]


def _member(stage: Stage, at: Loc, file: Path, checked: Checked) -> Member:
    return Member(
        stage=stage.name,
        at=at,
        place=stage.environments[int(at[-1])],
        file=file,
        environment=checked.environment,
    )


def _of_the_fleet(
    document: Document, at: Loc, file: Path, problems: list[Problem]
) -> list[Problem]:
    """Return the problems of an environment; that it cannot be read is one of the fleet file."""
    first = problems[0]
    if not first.code.startswith("DISAGG-FILE-") or first.line:
        return problems
    said = document.problem(
        "DISAGG-FLT-001",
        (*at, "file"),
        got=f"{file.as_posix()}: {first.got}",
        need="an environment file, named relative to this one",
        fix="correct the path, or write the file: disagg init",
    )
    return [replace(said, severity=first.severity)]
