"""A rehearsal's report in words; findings are not in it, they are told as problems."""

from collections.abc import Iterator

from disagg.local.cluster.connections import Connection
from disagg.local.cluster.findings import findings, pods_in_words
from disagg.local.cluster.report import Report, Waiting
from disagg.quantities import quantity

_LONGEST_TEXT = 600
_MEANT = {"IPC_LOCK": " (meant: RDMA pins memory; DISAGG-POD-010 lets nothing else by)"}
"""What to add to a server's warning that is no surprise."""


def lines(report: Report) -> Iterator[str]:
    """Yield the report in words."""
    objects = f"{report.applied.accepted} objects accepted"
    yield f"Kubernetes {report.kubernetes}: {objects}, {len(report.applied.refusals)} refused"
    yield "GPU groups are at their largest size here, whatever the file starts them with."
    yield from _placed(report)
    for warned in report.applied.warnings:
        meant = next((why for text, why in _MEANT.items() if text in warned.message), "")
        yield f"  accepted with a warning: {warned.name}: {warned.message[:_LONGEST_TEXT]}{meant}"
    if report.losses:
        yield from _losses(report)
        yield from _drains(report)
        yield from _rollouts(report)
    elif report.waiting or report.unmade:
        yield "Loss, drain and roll-out were not tried: pods are missing with all nodes there."
    yield from _connections(report)
    yield ""
    yield _verdict(report)


def _verdict(report: Report) -> str:
    """Return whether it passed, and that what a loss does is told and is no finding."""
    count = len(findings(report))
    if count:
        return f"{count} finding{'s' if count > 1 else ''}, told below."
    waits = [one for loss in report.losses for one in loss.waiting]
    if not waits:
        return "No findings."
    worst = max(waits, key=lambda one: one.pods / one.of)
    told = f"{pods_in_words(worst)} of {worst.workload} wait"
    tried = f"{len(report.losses)} loss{'es' if len(report.losses) > 1 else ''}"
    return f"No findings; of {tried} tried the worst: {told}."


def _placed(report: Report) -> Iterator[str]:
    for one in report.placements:
        if one.workload in report.files:
            where = ", ".join(f"{node} ({count})" for node, count in one.nodes.items())
            yield f"  {one.workload}: {where}; zone {', '.join(one.zones)}"
    for quota in report.quotas:
        left = ", ".join(
            f"{key} {quantity(hard) - quantity(quota.used.get(key, '0')):g} of {hard} left"
            for key, hard in quota.hard.items()
        )
        yield f"  quota {quota.name}: {left}"
    for each in report.definitions:
        yield f"  kind {each.name}: {', '.join(each.versions)} of {each.module}"


def _losses(report: Report) -> Iterator[str]:
    yield "If one node is lost (each was deleted once, and the scheduler placed again):"
    for loss in report.losses:
        yield from _wait(loss.node, "every pod finds another place", loss.waiting)


def _drains(report: Report) -> Iterator[str]:
    yield "If one node is drained for an upgrade (each was, and put back):"
    lost = {loss.node: loss.waiting for loss in report.losses}
    for one in report.drains:
        if one.blocked:
            continue
        if one.waiting and one.waiting == lost.get(one.node):
            yield f"  {one.node}: the same pods wait as when it is lost, for the same reasons"
        else:
            gone = f"its {one.evicted} pods go, each to another place"
            yield from _wait(one.node, gone, one.waiting)


def _wait(node: str, otherwise: str, waiting: tuple[Waiting, ...]) -> Iterator[str]:
    if not waiting:
        yield f"  {node}: {otherwise}"
    for pods in waiting:
        yield f"  {node}: {pods.workload}: {pods_in_words(pods)} wait: {pods.why}"
        yield f"    -> {pods.fix}"


def _rollouts(report: Report) -> Iterator[str]:
    yield "If every pod is replaced by a new one (each workload was, one after the other):"
    for one in report.rollouts:
        worst = f"at the worst moment {one.least_ready} of {one.of} pods are ready"
        stops = "" if one.least_ready else ": nothing is served until a new one is"
        yield f"  {one.workload}: {worst}{stops}"


def _connections(report: Report) -> Iterator[str]:
    yield (
        "Who may connect to whom (network policies on the labels of pods, those at 0 replicas too;"
        " nothing enforces them here; a range stands for every address in it):"
    )
    awake = {one.workload for one in report.placements} | {one.workload for one in report.waiting}
    ports: dict[tuple[str, str], list[str]] = {}
    for one in report.connections:
        ports.setdefault((one.source, one.destination), []).append(_port(one))
    for (source, destination), found in ports.items():
        asleep = "" if destination in awake else " (0 replicas)"
        yield f"  {source} -> {destination}{asleep}: {', '.join(found)}"


def _port(one: Connection) -> str:
    return f"{one.port} ({one.port_name})" if one.port_name else str(one.port)
