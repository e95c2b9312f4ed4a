"""Who may open a connection to whom: network policies evaluated on the labels of live pods.

No network plugin enforces them here. The evaluation follows the NetworkPolicy API: a pod that no
policy selects takes everything; one that is selected takes the union of what its policies allow;
and a connection needs both ends' consent.

Source: Kubernetes API reference, networking.k8s.io/v1 NetworkPolicy.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from disagg.local.cluster.state import owner_of

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Pods that are alike: those of one workload, or an address outside the cluster."""

    name: str
    """`namespace/workload`, or the range an address stands for."""
    namespace: str = ""
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    ports: tuple[tuple[str, int], ...] = ()
    """Name and number of every container port."""
    address: str = ""
    """Outside the cluster, or where the network plugin gives pods addresses; empty: not known."""

    @property
    def outside(self) -> bool:
        """Whether it is no pod."""
        return not self.namespace


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Connection:
    """A connection that the policies allow."""

    source: str
    destination: str
    port: int
    port_name: str = ""


def connections(
    policies: Sequence[Object], pods: Sequence[Endpoint], outside: Sequence[Endpoint] = ()
) -> list[Connection]:
    """Return every connection to a container port that the policies allow, sorted."""
    return sorted(
        Connection(source=source.name, destination=target.name, port=number, port_name=name)
        for target in pods
        for source in (*pods, *outside)
        for port in target.ports
        for name, number in (port,)
        if _allowed(policies, source, target, port)
    )


def outside_ranges(policies: Sequence[Object]) -> list[Endpoint]:
    """Return one address of each range that policies name, and one that none names."""
    found = {"anywhere else": "203.0.113.7"}
    for one in policies:
        for rule in one["spec"].get("ingress") or []:
            for peer in rule.get("from") or []:
                if "ipBlock" in peer and (address := _sample(peer["ipBlock"])):
                    found[peer["ipBlock"]["cidr"]] = address
    return [
        Endpoint(name=name, labels={}, namespace_labels={}, address=address)
        for name, address in found.items()
    ]


def _sample(block: Object) -> str:
    """Return an address that a block takes; empty when it excepts all of its range."""
    left = [ip_network(block["cidr"], strict=False)]
    for cidr in block.get("except") or []:
        gone = ip_network(cidr, strict=False)
        left = [
            rest
            for one in left
            for rest in (
                one.address_exclude(gone)  # type: ignore[arg-type]
                if gone.subnet_of(one)  # type: ignore[arg-type]
                else [one]
            )
            if rest != gone
        ]
    first = min(left, default=None)
    return "" if first is None else str(first[min(1, first.num_addresses - 1)])


def unguarded(policies: Sequence[Object], pods: Sequence[Endpoint]) -> list[str]:
    """Return the pods that take connections from everybody because no policy selects them."""
    return [one.name for one in pods if not list(_selecting(policies, one, "Ingress"))]


def idle(policies: Sequence[Object], pods: Sequence[Endpoint]) -> list[str]:
    """Return the policies that select no pod, as `namespace/name`."""
    return [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in policies
        if not any(_selects(one, pod) for pod in pods)
    ]


def matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector takes labels; an empty one takes all.

    Example:
        >>> matches({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}), matches({}, {})
        (True, True)
    """
    given = selector or {}
    if any(labels.get(key) != value for key, value in (given.get("matchLabels") or {}).items()):
        return False
    return all(_holds(one, labels) for one in given.get("matchExpressions") or [])


def _holds(one: Object, labels: Mapping[str, str]) -> bool:
    key, operator, values = one["key"], one["operator"], one.get("values") or []
    there = key in labels
    tests = {
        "In": there and labels[key] in values,
        "NotIn": not there or labels[key] not in values,
        "Exists": there,
        "DoesNotExist": not there,
    }
    return tests[operator]


def _allowed(
    policies: Sequence[Object], source: Endpoint, target: Endpoint, port: tuple[str, int]
) -> bool:
    taken = _agreed(_selecting(policies, target, "Ingress"), "ingress", "from", source, port)
    if source.outside:
        return taken
    return taken and _agreed(_selecting(policies, source, "Egress"), "egress", "to", target, port)


def _agreed(
    selecting: Iterator[Object], rules: str, peers: str, other: Endpoint, port: tuple[str, int]
) -> bool:
    """Return whether the policies that select one end let it talk to the other end."""
    found = list(selecting)
    return not found or any(
        _is_peer(one, rule.get(peers) or [], other) and _takes_port(rule, port)
        for one in found
        for rule in one["spec"].get(rules) or []
    )


def _selecting(policies: Sequence[Object], pod: Endpoint, direction: str) -> Iterator[Object]:
    for one in policies:
        # Why: the API server fills the types in; Ingress is always among the defaults.
        types = one["spec"].get("policyTypes") or ["Ingress"]
        if direction in types and _selects(one, pod):
            yield one


def _selects(policy: Object, pod: Endpoint) -> bool:
    return policy["metadata"]["namespace"] == pod.namespace and matches(
        policy["spec"].get("podSelector"), pod.labels
    )


def _is_peer(policy: Object, peers: Sequence[Object], other: Endpoint) -> bool:
    return not peers or any(_peer(policy, one, other) for one in peers)


def _peer(policy: Object, peer: Object, other: Endpoint) -> bool:
    if "ipBlock" in peer:
        # Why pods as well: the VPC CNI gives them addresses of the subnets, so ranges hold them.
        return bool(other.address) and _within(other.address, peer["ipBlock"])
    if other.outside:
        return False
    if "namespaceSelector" in peer:
        near = matches(peer["namespaceSelector"], other.namespace_labels)
    else:
        near = other.namespace == policy["metadata"]["namespace"]
    return near and matches(peer.get("podSelector"), other.labels)


def _within(address: str, block: Object) -> bool:
    one = ip_address(address)
    return one in ip_network(block["cidr"], strict=False) and not any(
        one in ip_network(cidr, strict=False) for cidr in block.get("except") or []
    )


def _takes_port(rule: Object, port: tuple[str, int]) -> bool:
    wanted = rule.get("ports") or []
    return not wanted or any(_port(one, port) for one in wanted)


def _port(wanted: Object, port: tuple[str, int]) -> bool:
    name, number = port
    if wanted.get("protocol", "TCP") != "TCP":
        return False
    given = wanted.get("port")
    if given is None:
        return True
    if isinstance(given, str):
        return given == name
    return bool(given <= number <= wanted.get("endPort", given))


def endpoints(
    pods: Sequence[Object], spaces: Sequence[Object], address: str = ""
) -> list[Endpoint]:
    """Return one endpoint for each workload: its first pod.

    Args:
        pods: Live pods first, then those that workloads without replicas would have.
        spaces: The namespaces.
        address: Where the network plugin gives pods addresses.
    """
    labels = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in spaces}
    found: dict[str, Endpoint] = {}
    for one in pods:
        metadata = one["metadata"]
        containers = [*(one["spec"].get("initContainers") or []), *one["spec"]["containers"]]
        found.setdefault(
            owner_of(one),
            Endpoint(
                name=owner_of(one),
                namespace=metadata["namespace"],
                labels=metadata.get("labels") or {},
                namespace_labels=labels[metadata["namespace"]],
                address=address,
                ports=tuple(
                    (port.get("name", ""), port["containerPort"])
                    for each in containers
                    for port in each.get("ports") or []
                ),
            ),
        )
    return list(found.values())
