"""Why a pod has no place, in plain words, and what would give it one.

The scheduler counts reasons (`1 Insufficient nvidia.com/gpu, 3 node(s) didn't match ...`) and names
neither amounts nor labels nor taints. They are in the pod and in the nodes, so they are added here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from disagg.catalog.cluster_agents import AGENTS
from disagg.catalog.dra import DEVICE_CLASSES, DRIVERS
from disagg.catalog.resources import LABEL_CAPACITY_TYPE
from disagg.quantities import quantity

Node = Mapping[str, Any]
Spec = Mapping[str, Any]
Condition = tuple[str, Callable[[Mapping[str, str]], bool]]
_HEAD = re.compile(r"(\d+)/(\d+) nodes are available: (.*)", re.DOTALL)
_TAIL = re.compile(
    r"\.(?: no new claims to deallocate| still not schedulable| preemption:|\s*$).*", re.DOTALL
)
_NEXT = re.compile(r", (?=\d+ )")
_PLUGINS = {
    one.advertises: one.name for one in (*AGENTS.values(), *DRIVERS.values()) if one.advertises
}
_UNCLAIMED = ("cannot allocate all claims", "timed out trying to allocate devices")
_NO_CLASS = re.compile(r"device class (\S+) does not exist")
_OF_OTHER_NODES = (
    "didn't match Pod's node affinity/selector",
    "untolerated taint",
    # The one that is being drained; the scheduler of a real cluster says so of cordoned nodes too.
    "were unschedulable",
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, and on how many nodes it holds."""

    nodes: int
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is in the way of a pod, and what to change."""

    why: str
    fix: str


def reasons(message: str) -> tuple[int, tuple[Reason, ...]]:
    """Return how many nodes the scheduler looked at, and its reasons.

    Example:
        >>> reasons("0/4 nodes are available: 1 Too many pods, 3 Insufficient cpu. preemption: x")
        (4, (Reason(nodes=1, text='Too many pods'), Reason(nodes=3, text='Insufficient cpu')))
    """
    head = _HEAD.match(message)
    if head is None:
        return 0, ()
    found = []
    for part in _NEXT.split(_TAIL.sub("", head[3])):
        count, _, text = part.partition(" ")
        if count.isdecimal():
            found.append(Reason(int(count), text))
    return int(head[2]), tuple(found)


def requests(spec: Spec) -> dict[str, Decimal]:
    """Return what a pod asks for: containers and sidecars together, or its largest init step."""
    running: dict[str, Decimal] = {}
    starting: dict[str, Decimal] = {}
    for one in spec.get("initContainers") or []:
        asked = _asked(one)
        if one.get("restartPolicy") == "Always":
            _add(running, asked)
        else:
            for name, amount in asked.items():
                step = running.get(name, Decimal(0)) + amount
                starting[name] = max(starting.get(name, Decimal(0)), step)
    for one in spec["containers"]:
        _add(running, _asked(one))
    return {
        name: max(running.get(name, Decimal(0)), starting.get(name, Decimal(0)))
        for name in sorted({*running, *starting})
    }


def _asked(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    merged = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(amount) for name, amount in merged.items()}


def _add(total: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def explain(
    message: str,
    spec: Spec,
    nodes: Sequence[Node],
    waiting: int = 1,
    *,
    lost: Node | None = None,
) -> Explanation:
    """Return why pods have no place and what to change.

    Args:
        message: The scheduler's own words.
        spec: The pod's.
        nodes: The nodes there were.
        waiting: How many pods of this kind wait.
        lost: The node whose loss is tried; it is not among `nodes`.
    """
    _, found = reasons(message)
    usable = [one for one in nodes if selects(spec, one)]
    bearable = [one for one in usable if not _unborne(spec, one)]
    if lost and not usable and selects(spec, lost):
        return Explanation(
            "they may use no other node",
            "one node more in its group keeps a place free; without it they wait until the group"
            " has replaced the node",
        )
    if nodes and not usable:
        # Why whatever the scheduler says: without such a node the rest is about other pods' nodes.
        return _no_such_label(spec, nodes)
    if not bearable and usable:
        return _taint(spec, usable)
    no_class = _NO_CLASS.search(message)
    if no_class:
        return _no_class(no_class[1])
    said = [_explained(one, spec, bearable, waiting) for one in found]
    known = [one for one in said if one is not None]
    if not known:
        text = message or "the scheduler has not said why"
        return Explanation(f"the scheduler says: {text}", "change what the scheduler names")
    fixes = dict.fromkeys(one.fix for one in known)
    return Explanation("; ".join(one.why for one in known), "; ".join(fixes))


def _explained(
    reason: Reason, spec: Spec, usable: Sequence[Node], waiting: int
) -> Explanation | None:
    """Return one reason explained; None for those that say nothing about the pod's own nodes."""
    text = reason.text
    # Why none: they are about nodes the pod may not use, or all of them would have been told.
    if any(words in text for words in _OF_OTHER_NODES):
        return None
    if text.startswith(("Insufficient ", "Too many pods")):
        resource = "pods" if text.startswith("Too many") else text.split()[1]
        return _too_little(resource, spec, usable, waiting)
    if "affinity rules" in text:
        return _other_pods(reason, spec)
    if text.startswith(_UNCLAIMED):
        return _unclaimed(spec, usable, waiting)
    return Explanation(f"{_nodes(reason.nodes)}: {text}", "change what the scheduler names")


def _other_pods(reason: Reason, spec: Spec) -> Explanation:
    if "anti-affinity" in reason.text:
        return Explanation(
            f"{_nodes(reason.nodes)} it may use run pods it must keep away from",
            "give each role nodes of its own (a node group and a label for each), or more nodes",
        )
    return Explanation(
        f"{_nodes(reason.nodes)} it may use are not in the {_domain(spec)} of the pods it must be"
        " near",
        "put both node groups into one availability zone (network.fabric_zone_id)",
    )


def _no_such_label(spec: Spec, nodes: Sequence[Node]) -> Explanation:
    wanted = _conditions(spec)
    absent = [name for name, holds in wanted if not any(holds(_labels(one)) for one in nodes)]
    if absent:
        why = f"no node is labelled {' or '.join(absent)}"
    else:
        why = f"no node has all it selects: {_nearest(wanted, nodes)}"
    return Explanation(
        why,
        "add the node that is missing, give a node group that label or type, or change what the"
        " pool selects",
    )


def _nearest(wanted: Sequence[Condition], nodes: Sequence[Node]) -> str:
    """Return what the nodes lack that lack the least, one node for each such lack."""
    lacks: dict[str, tuple[int, str]] = {}
    for one in nodes:
        missing = [name for name, holds in wanted if not holds(_labels(one))]
        lacks.setdefault(", ".join(missing), (len(missing), one["metadata"]["name"]))
    least = min(count for count, _ in lacks.values())
    return "; ".join(
        f"{node} lacks {missing}" for missing, (count, node) in lacks.items() if count == least
    )


def _too_little(resource: str, spec: Spec, usable: Sequence[Node], waiting: int) -> Explanation:
    needed = Decimal(1) if resource == "pods" else requests(spec).get(resource, Decimal(0))
    given = [quantity(one["status"]["allocatable"].get(resource, "0")) for one in usable]
    most = max(given, default=Decimal(0))
    unit = _shown(resource, needed)
    if not most and resource in _PLUGINS:
        return Explanation(
            f"it asks for {unit}, and no node it may use offers any: {_PLUGINS[resource]} does not"
            " run there",
            "let the device plugin tolerate the taints of the nodes and match their labels, or give"
            " the node group a type (or a launch template) with such devices",
        )
    if needed > most:
        return Explanation(
            f"it asks for {unit}, and no node it may use gives more than {_shown(resource, most)}",
            f"ask for less {resource}, or give the node group a type (or a launch template) with"
            " more",
        )
    # Why the fewest: every resource must fit, and the scarcest decides.
    fits = max(1, int(min(_fits(spec, one) for one in usable)))
    more = -(-waiting // fits)
    blocks = all(
        one["metadata"]["labels"].get(LABEL_CAPACITY_TYPE) == "CAPACITY_BLOCK" for one in usable
    )
    grow = f"{_nodes(more)} more in its group"
    if blocks:
        grow = f"a larger Capacity Block ({_nodes(more)} more)"
    return Explanation(
        f"it asks for {unit}, and on the {_nodes(len(usable))} it may use other pods leave less"
        f" (an empty one gives {_shown(resource, most)})",
        f"{grow}, or {waiting} replicas fewer",
    )


def _no_class(name: str) -> Explanation:
    chart = _PLUGINS.get(name, "the driver's chart")
    return Explanation(
        f"it claims devices of class {name}, and there is no such class: {chart} is not installed",
        f"install {chart} with its device class, or set capacity.device_exposure to device_plugin",
    )


def _unclaimed(spec: Spec, usable: Sequence[Node], waiting: int) -> Explanation:
    """Return why claims are not met: what is scarcest decides, then where devices sit."""
    wanted = {name: amount for name, amount in requests(spec).items() if name in DEVICE_CLASSES}
    most = {
        name: max(quantity(one["status"]["allocatable"].get(name, "0")) for one in usable)
        for name in wanted
    }
    for name, amount in wanted.items():
        if amount > most[name]:
            told = _too_little(name, spec, usable, waiting)
            if most[name]:
                return told
            return Explanation(
                told.why,
                f"let {_PLUGINS[name]} tolerate the taints of the nodes and match their labels: it"
                " publishes ResourceSlices where it runs (kubectl get resourceslices)",
            )
    listed = " and ".join(_shown(name, amount) for name, amount in wanted.items())
    return Explanation(
        f"it claims {listed or 'devices'}, and no node it may use has them free on the PCIe roots"
        " it asks for",
        "compare its claim with the devices that drivers publish (kubectl get resourceslices -o"
        f" yaml), add nodes to its group, or {waiting} replicas fewer",
    )


def _fits(spec: Spec, node: Node) -> Decimal:
    given = node["status"]["allocatable"]
    return min(
        (
            quantity(given.get(name, "0")) // amount
            for name, amount in requests(spec).items()
            if amount
        ),
        default=Decimal(1),
    )


def _taint(spec: Spec, nodes: Sequence[Node]) -> Explanation:
    listed = ", ".join(dict.fromkeys(name for one in nodes for name in _unborne(spec, one)))
    return Explanation(
        f"the nodes it may use carry {listed}, which it does not tolerate",
        "take the taint from the node group, or let the pool tolerate it",
    )


def _unborne(spec: Spec, node: Node) -> list[str]:
    """Return the taints of a node that keep a pod away from it."""
    tolerations = spec.get("tolerations") or []
    return [
        f"{one['key']}={one.get('value', '')}:{one['effect']}"
        for one in node["spec"].get("taints") or []
        if one["effect"] != "PreferNoSchedule" and not any(_bears(t, one) for t in tolerations)
    ]


def _bears(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return (toleration.get("key"), toleration.get("value", "")) == (
        taint["key"],
        taint.get("value", ""),
    )


def selects(spec: Spec, node: Node) -> bool:
    """Return whether a pod's node selector and required node affinity take a node."""
    return all(holds(_labels(node)) for _, holds in _conditions(spec))


def _conditions(spec: Spec) -> list[Condition]:
    """Return what a node's labels must be, each with the words for it."""
    found: list[Condition] = [
        (f"{key}={value}", lambda labels, k=key, v=value: labels.get(k) == v)  # type: ignore[misc]
        for key, value in (spec.get("nodeSelector") or {}).items()
    ]
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    choices = [[_expression(one) for one in term.get("matchExpressions") or []] for term in terms]
    return [*found, *(choices[0] if len(choices) == 1 else _any_of(choices))]


def _any_of(choices: Sequence[Sequence[Condition]]) -> list[Condition]:
    """Return one condition for terms of which one is enough."""
    if not choices:
        return []
    words = " or ".join("+".join(name for name, _ in term) for term in choices)
    return [
        (words, lambda labels: any(all(holds(labels) for _, holds in term) for term in choices))
    ]


def _expression(one: Mapping[str, Any]) -> Condition:
    key, operator, values = one["key"], one["operator"], one.get("values") or []
    listed = "|".join(values)
    tests: dict[str, Condition] = {
        "In": (f"{key}={listed}", lambda labels: labels.get(key) in values),
        "NotIn": (f"{key}!={listed}", lambda labels: labels.get(key) not in values),
        "Exists": (key, lambda labels: key in labels),
        "DoesNotExist": (f"!{key}", lambda labels: key not in labels),
        "Gt": (f"{key}>{listed}", lambda labels: _number(labels.get(key)) > int(values[0])),
        "Lt": (f"{key}<{listed}", lambda labels: -_number(labels.get(key)) > -int(values[0])),
    }
    return tests[operator]


def _number(label: str | None) -> float:
    """Return a label's number; one that is none fails every comparison."""
    return int(label) if label is not None and label.lstrip("-").isdecimal() else float("nan")


def _labels(node: Node) -> Mapping[str, str]:
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    return labels


def _domain(spec: Spec) -> str:
    affinity = (spec.get("affinity") or {}).get("podAffinity") or {}
    keys = dict.fromkeys(one["topologyKey"] for one in affinity.get(_REQUIRED) or [])
    return " and ".join(key.rpartition("/")[2] for key in keys) or "place"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _shown(resource: str, amount: Decimal) -> str:
    if resource == "memory" or resource.startswith(("hugepages-", "ephemeral-")):
        return f"{amount / 2**30:.4g} GiB of {resource}"
    return f"{amount:g} {resource}"
