"""What of a rehearsal's report is wrong, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from disagg.checks.rehearsal import (
    BLOCKED,
    DROPPED,
    GAP,
    IDLE,
    MOVING,
    REFUSED,
    STUCK,
    UNGUARDED,
    UNMADE,
    UNPLAYED,
    WAITING,
)
from disagg.errors import Problem
from disagg.local.cluster.report import Report, Waiting

SCHEMA_VERSION = 4
_LONGEST_TEXT = 600


def findings(report: Report) -> list[Problem]:
    """Return every finding; none means that everything was accepted, placed and can be replaced."""
    return [*_refused(report), *_homeless(report), *_stuck(report), *_open(report)]


def to_json(report: Report, name: str, file: Path) -> dict[str, Any]:
    """Return the report on the environment of that name and file, with findings, as plain data."""
    found = [one.to_json() for one in findings(report)]
    judged = {"environment": name, "file": str(file), "passed": not found}
    return {"schema_version": SCHEMA_VERSION, **judged, **asdict(report), "findings": found}


def _refused(report: Report) -> Iterator[Problem]:
    for one in report.applied.refusals:
        yield _problem(
            REFUSED,
            one.name,
            one.file,
            got=f"the API server answers {one.status}: {one.message[:_LONGEST_TEXT]}",
            need="every object accepted",
            fix=one.fix,
        )
    for one in report.applied.dropped:
        yield _problem(
            DROPPED,
            one.name,
            one.file,
            got=f"the API server forgets {one.message[:_LONGEST_TEXT]}",
            need="every field kept",
            fix="take the field out: its feature is switched off on EKS",
        )


def _homeless(report: Report) -> Iterator[Problem]:
    for name, message in report.unmade.items():
        yield _problem(
            UNMADE,
            name,
            report.files.get(name, ""),
            got=f"pods cannot be made: {message[:_LONGEST_TEXT]}",
            need="every pod made",
            fix="raise the quota, or change what the policy refuses",
        )
    for name in report.unplayed:
        yield _problem(
            UNPLAYED,
            name,
            report.files.get(name.partition(" ")[2], ""),
            got="its controller does not run here: its pods were judged and not placed",
            need="a place that was tried for every pod",
            fix="place it on a real cluster before you rely on it",
        )
    for one in report.waiting:
        yield _problem(
            WAITING,
            one.workload,
            report.files.get(one.workload, ""),
            got=f"{pods_in_words(one)} Pending: {one.why}",
            need="a node for every pod",
            fix=one.fix,
        )
    moving = [
        *([] if report.settled else [""]),
        *(f"loss of {one.node}" for one in report.losses if not one.settled),
        *(f"drain of {one.node}" for one in report.drains if not one.settled),
    ]
    for when in moving:
        yield _problem(
            MOVING,
            when,
            "",
            got="pods were still being made or placed when patience ended",
            need="placement at rest",
            fix="run it again on a quiet machine; if it stays, workloads evict one another",
        )


def _stuck(report: Report) -> Iterator[Problem]:
    for one in report.drains:
        for name, message in one.blocked.items():
            yield _problem(
                BLOCKED,
                f"{one.node} {name}",
                report.files.get(name, ""),
                got=f"its pods may not be evicted: {message[:_LONGEST_TEXT]}",
                need="a node that can be drained",
                fix="let the disruption budget give a node's worth of pods free",
            )
    for each in report.rollouts:
        if not each.complete:
            yield _problem(
                STUCK,
                each.workload,
                report.files.get(each.workload, ""),
                got="a new pod finds no place while the old ones are there",
                need="a roll-out that ends",
                fix="set maxSurge to 0 and maxUnavailable to 1, or keep a node free",
            )

        elif each.of > 1 and not each.least_ready:
            yield _problem(
                GAP,
                each.workload,
                report.files.get(each.workload, ""),
                got=f"of {each.of} pods none is ready at the worst moment of a roll-out",
                need="one ready pod at every moment",
                fix="set maxUnavailable to 1",
            )


def _open(report: Report) -> Iterator[Problem]:
    for name in report.unguarded:
        yield _problem(
            UNGUARDED,
            name,
            report.files.get(name, ""),
            got="no network policy selects its pods: everybody may connect to them",
            need="a policy for every pod",
            fix="select the pods by labels they have, or deny by default in their namespace",
        )
    for name in report.idle_policies:
        yield _problem(
            IDLE,
            f"NetworkPolicy {name}",
            "",
            got="it selects no pod",
            need="pods for every policy",
            fix="select the pods by labels they have, or take the policy out",
        )


def pods_in_words(one: Waiting) -> str:
    """Return how many pods of how many wait."""
    return f"{one.pods} of {one.of} pods"


def _problem(code: str, path: str, file: str, *, got: str, need: str, fix: str) -> Problem:
    return Problem(code=code, path=path, file=file, got=got, need=need, fix=fix)
