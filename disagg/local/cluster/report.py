"""What a rehearsal on a control plane found, as plain data, as findings, and in words."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from disagg.catalog.resources import LABEL_INSTANCE_TYPE, LABEL_ZONE
from disagg.checks.rehearsal import DROPPED, MOVING, REFUSED, UNMADE, WAITING
from disagg.errors import Problem
from disagg.local.cluster.apply import Applied, Manifests, title
from disagg.local.cluster.nodes import group_of
from disagg.local.cluster.state import State
from disagg.local.cluster.words import explain

SCHEMA_VERSION = 1
_LONGEST_TEXT = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFact:
    """One node that stood in for what was created."""

    name: str
    group: str
    instance_type: str
    zone: str
    taints: tuple[str, ...]
    allocatable: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where the pods of a workload are."""

    workload: str
    nodes: Mapping[str, int]
    """Pods on each node."""
    zones: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Pods of a workload without a place, all for the same reason."""

    workload: str
    pods: int
    of: int
    """How many pods the workload has."""
    why: str
    fix: str
    scheduler: str
    """The scheduler's own words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What the loss of one node does: it was deleted, and the scheduler placed again."""

    node: str
    group: str
    waiting: tuple[Waiting, ...]
    """Empty: every pod found another place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """A resource quota and what of it is used."""

    name: str
    """`namespace/name`"""
    hard: Mapping[str, str]
    used: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything a rehearsal on a control plane found."""

    kubernetes: str
    """Version that judged."""
    nodes: tuple[NodeFact, ...]
    applied: Applied
    placements: tuple[Placement, ...]
    waiting: tuple[Waiting, ...]
    unmade: Mapping[str, str]
    """Why pods of a workload could not be made, by workload."""
    settled: bool
    losses: tuple[Loss, ...]
    """One node of each group; empty when pods were missing with all nodes there."""
    quotas: tuple[Quota, ...]
    files: Mapping[str, str]
    """File of each workload."""
    seconds: Mapping[str, float]
    """How long each part took [s]."""

    def problems(self) -> list[Problem]:
        """Return every finding; none means that everything was accepted and placed."""
        return [*self._refused(), *self._homeless()]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        data = asdict(self)
        found = [one.to_json() for one in self.problems()]
        return {"schema_version": SCHEMA_VERSION, **data, "findings": found}

    def _refused(self) -> Iterator[Problem]:
        for one in self.applied.refusals:
            yield _problem(
                REFUSED,
                one.name,
                one.file,
                got=f"the API server answers {one.status}: {one.message[:_LONGEST_TEXT]}",
                need="every object accepted",
                fix=one.fix,
            )
        for one in self.applied.dropped:
            yield _problem(
                DROPPED,
                one.name,
                one.file,
                got=f"the API server forgets {one.message[:_LONGEST_TEXT]}",
                need="every field kept",
                fix="take the field out: its feature is switched off on EKS",
            )

    def _homeless(self) -> Iterator[Problem]:
        for name, message in self.unmade.items():
            yield _problem(
                UNMADE,
                name,
                self.files.get(name, ""),
                got=f"pods cannot be made: {message[:_LONGEST_TEXT]}",
                need="every pod made",
                fix="raise the quota, or change what the policy refuses",
            )
        for one in self.waiting:
            yield _problem(
                WAITING,
                one.workload,
                self.files.get(one.workload, ""),
                got=f"{_pods(one)} Pending: {one.why}",
                need="a node for every pod",
                fix=one.fix,
            )
        if not self.settled:
            yield _problem(
                MOVING,
                "",
                "",
                got="pods were still being made or placed when patience ended",
                need="placement at rest",
                fix="run it again on a quiet machine; if it stays, workloads evict one another",
            )


def make_report(  # noqa: PLR0913  Why: each is a part of the report, by keyword.
    *,
    kubernetes: str,
    nodes: Sequence[Mapping[str, Any]],
    manifests: Manifests,
    applied: Applied,
    state: State,
    losses: Sequence[Loss],
    quotas: Sequence[Mapping[str, Any]],
    seconds: Mapping[str, float],
) -> Report:
    """Return the report of one rehearsal."""
    return Report(
        kubernetes=kubernetes,
        nodes=tuple(_node_fact(one) for one in nodes),
        applied=applied,
        placements=_placements(state, nodes),
        waiting=waiting(state, nodes),
        unmade=state.unmade,
        settled=state.settled,
        losses=tuple(losses),
        quotas=tuple(_quota(one) for one in quotas),
        files={
            title(one).partition(" ")[2]: file
            for file, objects in manifests.items()
            for one in objects
            if "template" in one.get("spec", {})
        },
        seconds={name: round(value, 2) for name, value in seconds.items()},
    )


def waiting(
    state: State, nodes: Sequence[Mapping[str, Any]], lost: Mapping[str, Any] | None = None
) -> tuple[Waiting, ...]:
    """Return the pods without a place, those of one workload and reason together."""
    total = Counter(one.workload for one in state.pods)
    groups = Counter((one.workload, one.message) for one in state.pending)
    specs = {one.workload: one.spec for one in state.pending}
    found = []
    for (workload, message), count in sorted(groups.items()):
        told = explain(message, specs[workload], nodes, count, lost=lost)
        found.append(
            Waiting(
                workload=workload,
                pods=count,
                of=total[workload],
                why=told.why,
                fix=told.fix,
                scheduler=message,
            )
        )
    return tuple(found)


def lines(report: Report) -> Iterator[str]:
    """Yield the report in words; findings are not in it, they are told as problems."""
    objects = f"{report.applied.accepted} objects accepted"
    yield f"Kubernetes {report.kubernetes}: {objects}, {len(report.applied.refusals)} refused"
    for one in report.placements:
        where = ", ".join(f"{node} ({count})" for node, count in one.nodes.items())
        yield f"  {one.workload}: {where}; zone {', '.join(one.zones)}"
    for quota in report.quotas:
        used = ", ".join(
            f"{key} {quota.used.get(key, '0')} of {quota.hard[key]}" for key in quota.hard
        )
        yield f"  quota {quota.name}: {used}"
    for warned in report.applied.warnings:
        yield f"  accepted with a warning: {warned.name}: {warned.message[:_LONGEST_TEXT]}"
    if report.losses:
        yield "If one node is lost (each was deleted once, and the scheduler placed again):"
    elif report.waiting or report.unmade:
        yield "What the loss of a node does was not tried: pods are missing with all nodes there."
    for loss in report.losses:
        if not loss.waiting:
            yield f"  {loss.node}: every pod finds another place"
        for pods in loss.waiting:
            yield f"  {loss.node}: {pods.workload}: {_pods(pods)} wait: {pods.why}"
            yield f"    -> {pods.fix}"


def _pods(one: Waiting) -> str:
    return f"{one.pods} of {one.of} pods"


def _problem(code: str, path: str, file: str, *, got: str, need: str, fix: str) -> Problem:
    return Problem(code=code, path=path, file=file, got=got, need=need, fix=fix)


def _node_fact(node: Mapping[str, Any]) -> NodeFact:
    labels = node["metadata"]["labels"]
    return NodeFact(
        name=node["metadata"]["name"],
        group=group_of(node),
        instance_type=labels.get(LABEL_INSTANCE_TYPE, ""),
        zone=labels.get(LABEL_ZONE, ""),
        taints=tuple(
            f"{one['key']}={one['value']}:{one['effect']}" for one in node["spec"]["taints"]
        ),
        allocatable=node["status"]["allocatable"],
    )


def _placements(state: State, nodes: Sequence[Mapping[str, Any]]) -> tuple[Placement, ...]:
    zones = {one["metadata"]["name"]: one["metadata"]["labels"].get(LABEL_ZONE) for one in nodes}
    placed: dict[str, Counter[str]] = {}
    for one in state.pods:
        if one.node:
            placed.setdefault(one.workload, Counter())[one.node] += 1
    return tuple(
        Placement(
            workload=workload,
            nodes=dict(sorted(counted.items())),
            zones=tuple(sorted({str(zones.get(node)) for node in counted})),
        )
        for workload, counted in sorted(placed.items())
    )


def _quota(one: Mapping[str, Any]) -> Quota:
    status = one.get("status") or {}
    return Quota(
        name=f"{one['metadata']['namespace']}/{one['metadata']['name']}",
        hard=status.get("hard", {}),
        used=status.get("used", {}),
    )
