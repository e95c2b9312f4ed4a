"""Rules about network policies: what must get through does, and nothing else reaches a server."""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from disagg.catalog.resources import ROLE_DECODE, ROLE_PREFILL
from disagg.checks.manifests.objects import Json, Manifests, Workload, selects, title
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_NAMESPACE = "kubernetes.io/metadata.name"
_EVERYBODY: Json = {"ipBlock": {"cidr": "0.0.0.0/0"}}
"""Who may connect by an entry that names nobody."""


@rule("DISAGG-CON-001")
def namespaces_deny_by_default(manifests: Manifests) -> Iterator[Finding]:
    """Every namespace with pods has a policy that selects all of them and lets nothing in.

    Pods that no policy selects take connections from the whole VPC, and a sidecar or a NIXL side
    channel asks nobody who they are.
    """
    closed = {
        one["metadata"]["namespace"]
        for one in manifests.kind("NetworkPolicy")
        if not one["spec"].get("podSelector")
        and not one["spec"].get("ingress")
        and "Ingress" in one["spec"].get("policyTypes", [])
    }
    for namespace in sorted({w.namespace for w in manifests.workloads} - closed):
        yield Finding(
            at=(f"Namespace {namespace}",),
            got="no policy that denies by default",
            need="a NetworkPolicy on all pods, without ingress",
            fix="render the namespace's policies",
        )


def _matches(peer: Json, policy: Json, source: Workload) -> bool:
    if "ipBlock" in peer:
        return True  # Guard: pods have addresses of the VPC, so a block counts as everybody.
    names = peer.get("namespaceSelector", {}).get("matchLabels")
    wanted = names.get(_NAMESPACE) if names else policy["metadata"]["namespace"]
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    return wanted == source.namespace and selects(labels, source.labels)


def _opens(entry: Json, port: int) -> bool:
    ports = entry.get("ports")
    return not ports or any(
        p["port"] <= port <= p.get("endPort", p["port"])
        for p in ports
        if p.get("protocol", "TCP") == "TCP"
    )


def peers(manifests: Manifests, target: Workload, port: int) -> Iterator[tuple[Json, Json]]:
    """Yield everybody who may connect to a port of a pod, each with the policy that says so."""
    for policy in manifests.kind("NetworkPolicy"):
        chosen = policy["spec"].get("podSelector", {}).get("matchLabels", {})
        if policy["metadata"]["namespace"] == target.namespace and selects(chosen, target.labels):
            for entry in policy["spec"].get("ingress", []):
                if _opens(entry, port):
                    yield from ((peer, policy) for peer in entry.get("from") or [_EVERYBODY])


def allowed(manifests: Manifests, source: Workload, target: Workload, port: int) -> bool:
    """Return whether one pod may connect to a port of another."""
    return any(_matches(peer, policy, source) for peer, policy in peers(manifests, target, port))


def covers(peer: Json, addresses: IPv4Network) -> bool:
    """Return whether a peer is a block of addresses that holds all of these."""
    if "ipBlock" not in peer:
        return False
    given = ip_network(peer["ipBlock"]["cidr"])
    left_out = [ip_network(text) for text in peer["ipBlock"].get("except", [])]
    return (
        isinstance(given, IPv4Network)
        and addresses.subnet_of(given)
        and not any(addresses.overlaps(part) for part in left_out)
    )


@rule("DISAGG-CON-002")
def the_data_path_is_open(manifests: Manifests) -> Iterator[Finding]:
    """The router reaches both roles, and decode reaches prefill for requests and for the handshake.

    One of them missing shows up as time-outs, or as answers without disaggregation.
    """
    for router, picker in manifests.pickers:
        port = picker.number("--endpoint-target-ports", 8000) or 8000
        for target, server in (*manifests.role(ROLE_PREFILL), *manifests.role(ROLE_DECODE)):
            wanted = [(router, port)]
            if target.role == ROLE_PREFILL:
                channel = server.variables.get("VLLM_NIXL_SIDE_CHANNEL_PORT", {}).get("value", 5600)
                sources = [w for w, _ in manifests.role(ROLE_DECODE)]
                wanted += [(w, number) for w in sources for number in (port, int(channel))]
            for source, number in wanted:
                if not allowed(manifests, source, target, number):
                    yield Finding(
                        at=(title(target.data),),
                        got=f"{source.name} may not reach port {number}",
                        need="the router on the serving port, decode on that and the side channel",
                        fix="allow it in a NetworkPolicy",
                    )


@rule("DISAGG-CON-003")
def only_the_data_path_is_open(manifests: Manifests) -> Iterator[Finding]:
    """No other pod reaches prefill or decode, and the router does not reach the side channel.

    A client at a decode pod's sidecar can aim it at any address; the side channel has no
    authentication.
    """
    routers = {w.name for w, _ in manifests.pickers}
    for target, server in (*manifests.role(ROLE_PREFILL), *manifests.role(ROLE_DECODE)):
        ports = {p for c in target.containers for p in c.ports.values()}
        channel = server.ports.get("nixl")
        for source in manifests.workloads:
            if source.role:
                continue
            closed = {channel} if source.name in routers else ports
            opened = sorted(p for p in closed if p and allowed(manifests, source, target, p))
            if opened:
                yield Finding(
                    at=(title(target.data),),
                    got=f"{source.name} may reach ports {opened}",
                    need="the router only, and on the serving port only",
                    fix="narrow the NetworkPolicy",
                )


@rule("DISAGG-CON-005")
def the_picker_hears_and_asks(manifests: Manifests) -> Iterator[Finding]:
    """The router reaches the port where servers tell of their KV blocks, and what tokenizes.

    Closed, nothing fails: the index stays empty, prompts go by load alone, and only a counter of
    reconnections grows. Nobody but the router reaches what tokenizes: it has no authentication.
    """
    for router, _ in manifests.pickers:
        tellers = [
            (w, s.ports["kv-events"]) for w, s in manifests.servers if "kv-events" in s.ports
        ]
        renders = [
            (w, port)
            for w in manifests.workloads
            for c in w.containers
            if c.data.get("command") == ["vllm", "launch", "render"]
            for port in c.ports.values()
        ]
        for target, port in (*tellers, *renders):
            if not allowed(manifests, router, target, port):
                yield Finding(
                    at=(title(target.data),),
                    got=f"{router.name} may not reach port {port}",
                    need="the router on the port of events, and of what tokenizes",
                    fix="allow it in a NetworkPolicy",
                )
        for target, port in renders:
            others = [
                w.name
                for w in manifests.workloads
                if w.name != router.name and allowed(manifests, w, target, port)
            ]
            if others:
                yield Finding(
                    at=(title(target.data),),
                    got=f"{others} may reach port {port}",
                    need="the router only",
                    fix="narrow the NetworkPolicy",
                )


@rule("DISAGG-CON-004")
def the_load_balancer_gets_through(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """The load balancer reaches the pods behind it, for clients and for its health check.

    It connects from its own addresses in the VPC, not from the pods' node, so a policy holds for it
    as for anybody. With the checked port closed, its target never gets healthy while every pod is
    ready.
    """
    ranges = [IPv4Network(cidr) for cidr in environment.network.cidrs]
    for service, given, behind in manifests.load_balancers():
        asked = {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]}
        check = given.get("healthcheck-port", "traffic-port")
        for pod in behind:
            found = {c.resolve(port) for c in pod.containers for port in asked} - {None}
            wanted = found | ({int(check)} if check.isdecimal() else set())
            for number in sorted(port for port in wanted if port is not None):
                given_to = [peer for peer, _ in peers(manifests, pod, number)]
                for vpc in ranges:
                    if not any(covers(peer, vpc) for peer in given_to):
                        yield Finding(
                            at=(title(pod.data),),
                            got=f"the load balancer may not reach port {number}",
                            need=f"the ports it sends to and checks open to {vpc}",
                            fix="allow them in a NetworkPolicy",
                        )
