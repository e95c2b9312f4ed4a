"""Rules about GPU nodes: their types, their groups, and whether every pod has a place."""

from collections.abc import Iterator
from fractions import Fraction

from disagg.catalog.instances import INSTANCE_TYPES, node_type
from disagg.catalog.prices import Prices
from disagg.catalog.regions import REGIONS
from disagg.checks.environment.network_rules import suggest
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Cluster, Pricing
from disagg.config.serving import Serving
from disagg.errors import Severity
from disagg.planner.cost import group_prices
from disagg.planner.fit import Shortage, full_layout, idle, placement, shortages
from disagg.planner.layout import groups, node_resources, pods

_LARGE_FLEET_NODES = 100


def placeable(serving: Serving, capacity: Capacity) -> bool:
    """Tell whether the groups the placement needs are there, each of a known type."""
    named = groups(capacity)
    wanted = {"shared"} if serving.placement == "colocate" else {"prefill", "decode"}
    return wanted <= named.keys() and all(
        group.instance_type in INSTANCE_TYPES for group in named.values()
    )


@rule("DISAGG-CAP-001")
def instance_types_are_known(capacity: Capacity) -> Iterator[Finding]:
    """Every GPU group names an instance type of the catalogue.

    The catalogue holds what the hardware law needs of a type: GPUs, memory, network cards and how
    EFA sits on them.
    """
    for name, group in groups(capacity).items():
        if group.instance_type not in INSTANCE_TYPES:
            known = sorted(INSTANCE_TYPES)
            yield Finding(
                at=("capacity", name, "instance_type"),
                got=f"unknown type {group.instance_type!r}",
                need=", ".join(known),
                fix=suggest(group.instance_type, known, otherwise="use p6-b200.48xlarge"),
            )


@rule("DISAGG-CAP-002")
def instance_types_are_sold_in_the_region(
    aws: Aws, cluster: Cluster, capacity: Capacity
) -> Iterator[Finding]:
    """Every GPU type is sold in the region.

    Which zones of the region have it differs by account: `aws ec2 describe-instance-type-offerings`
    tells. HyperPod sells its `ml.` types in regions of its own.
    """
    for name, group in groups(capacity).items():
        instance = INSTANCE_TYPES.get(group.instance_type)
        if instance is None or aws.region not in REGIONS:
            continue
        hyperpod = cluster.platform == "hyperpod"
        sold = instance.hyperpod_regions if hyperpod else instance.regions
        if aws.region not in sold:
            yield Finding(
                at=("capacity", name, "instance_type"),
                got=f"{node_type(instance.name, cluster.platform)} is not sold in {aws.region}",
                need=", ".join(sorted(sold)) or "a type that HyperPod has",
                fix="change aws.region and the zones, or the type",
                beside=(("aws", "region"),),
            )


@rule("DISAGG-CAP-004")
def groups_match_the_placement(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """Separate nodes need the groups `prefill` and `decode`; colocation needs only `shared`.

    A node group for each role is what keeps placement from deadlocking: with anti-affinity alone,
    prefill applied first spread over both nodes and decode never landed in 4 of 5 runs of the real
    scheduler.
    """
    wanted = ("shared",) if serving.placement == "colocate" else ("prefill", "decode")
    named = groups(capacity)
    for name in wanted:
        if name not in named:
            yield Finding(
                at=("capacity",),
                got=f"no capacity.{name} for placement {serving.placement}",
                need=" and ".join(f"capacity.{one}" for one in wanted),
                fix=f"add capacity.{name}, or change serving.placement",
            )
    for name in named.keys() - set(wanted):
        fix = "remove it, or change serving.placement"
        need = " and ".join(f"capacity.{one}" for one in wanted)
        yield Finding(
            at=("capacity", name),
            got=f"no pod uses it with placement {serving.placement}",
            need=f"only {need}",
            fix=fix,
        )


@rule("DISAGG-CAP-005")
def desired_nodes_are_at_most_nodes(capacity: Capacity) -> Iterator[Finding]:
    """A group never runs more nodes than the layout is planned for."""
    for name, group in groups(capacity).items():
        if group.desired_nodes > group.nodes:
            yield Finding(
                at=("capacity", name, "desired_nodes"),
                got=f"got {group.desired_nodes}",
                need=f"at most {group.nodes}, the value of nodes",
                fix=f"raise capacity.{name}.nodes, or lower desired_nodes",
                beside=(("capacity", name, "nodes"),),
            )


@rule("DISAGG-CAP-011")
def types_are_sold_on_demand(cluster: Cluster, capacity: Capacity) -> Iterator[Finding]:
    """A type bought on demand has an on-demand price.

    p5e is sold as Capacity Blocks only: an on-demand group of it would never start a node.
    """
    if cluster.platform != "eks":
        return
    for name, group in groups(capacity).items():
        instance = INSTANCE_TYPES.get(group.instance_type)
        if instance and not instance.sold_on_demand and group.source.kind == "on_demand":
            sold = sorted(row.name for row in INSTANCE_TYPES.values() if row.sold_on_demand)
            yield Finding(
                at=("capacity", name, "instance_type"),
                got=f"{instance.name} is not sold on demand",
                need=f"{', '.join(sold)}; or a Capacity Block",
                fix="use another type, or source.kind capacity_block",
                beside=(("capacity", name, "source", "kind"),),
            )


def _short_of(
    resource: str, serving: Serving, capacity: Capacity, unit: str, what: str
) -> Iterator[Finding]:
    if not placeable(serving, capacity):
        return
    for short in shortages(serving, capacity):
        if short.resource == resource:
            wanted = short.one_pod * short.replicas
            each = f"{short.one_pod:,}{unit} each"
            yield Finding(
                at=("serving", short.role, "replicas"),
                got=f"{short.replicas} pods take {wanted:,}{unit} {what} ({each})",
                need=f"at most {short.left:,}{unit} on {_where(short, capacity)}",
                fix=_fix(short, what),
                beside=(
                    ("serving", short.role, "tensor_parallel"),
                    ("capacity", short.groups[0], "nodes"),
                    ("capacity", short.groups[0], "instance_type"),
                ),
            )


def _where(short: Shortage, capacity: Capacity) -> str:
    beside = " beside the other pods" if short.left < short.one_node * short.nodes else ""
    return f"{short.nodes} x {groups(capacity)[short.groups[0]].instance_type}{beside}"


def _fix(short: Shortage, what: str) -> str:
    ways = []
    if short.nodes_needed is not None:
        ways.append(f"set capacity.{short.groups[0]}.nodes to {short.nodes_needed}")
    if short.placed:
        ways.append(f"set serving.{short.role}.replicas to {short.placed}")
    if short.one_pod > short.one_node:
        ways.append(f"ask for less {what} a pod: one node has {short.one_node:,}")
    return ", or ".join(ways) or "use a larger instance type"


@rule("DISAGG-CAP-003")
def gpus_suffice(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The nodes of a role have GPUs for all its pods.

    A pod's GPUs are on one node: tensor parallelism over nodes would send every layer's activations
    through EFA.
    """
    yield from _short_of("gpus", serving, capacity, "", "GPUs")


@rule("DISAGG-CAP-006")
def efa_devices_suffice(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The nodes of a role have EFA devices for all its pods.

    A device is whole and belongs to one pod; each pod needs one at least, or its KV cache goes over
    TCP at a fiftieth of the speed. Types with fewer devices than GPUs cannot give one to each
    single-GPU pod.
    """
    yield from _short_of("efa_devices", serving, capacity, "", "EFA devices")


@rule("DISAGG-CAP-007")
def memory_suffices(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The nodes of a role have RAM for all its pods, `/dev/shm` included.

    Counted is what kubelet leaves, less the node's daemons and the EFA driver's huge pages.
    """
    yield from _short_of("memory_mib", serving, capacity, " MiB", "RAM")


@rule("DISAGG-CAP-008")
def huge_pages_suffice(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The huge pages of all pods on a node are within what the EFA driver allocates.

    That is 5,128 pages of 2 MiB. The samples that ask 5,120 MiB for each pod fit two pods a node.
    Leave `huge_pages_mib` at 0 to do without: libfabric is then told so.
    """
    yield from _short_of("huge_pages_mib", serving, capacity, " MiB", "huge pages")


@rule("DISAGG-CAP-009")
def cpu_suffices(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The nodes of a role have CPU for all its pods, the routing sidecars of decode included."""
    yield from _short_of("cpu_milli", serving, capacity, "m", "CPU")


@rule("DISAGG-CAP-010")
def pods_per_node_suffice(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """No node holds more pods than kubelet allows."""
    yield from _short_of("pods", serving, capacity, "", "pods")


@rule("DISAGG-CAP-012", severity=Severity.WARNING)
def no_gpu_is_idle(
    aws: Aws,
    cluster: Cluster,
    serving: Serving,
    capacity: Capacity,
    pricing: Pricing,
    prices: Prices,
) -> Iterator[Finding]:
    """Every GPU that is paid for is used.

    Nodes are billed whole. A role on its own node that fills half of it pays twice for each token.
    """
    if not placeable(serving, capacity) or shortages(serving, capacity):
        return
    fuller = full_layout(serving, capacity)
    nodes = group_prices(capacity, cluster.platform, aws.region, prices, pricing)
    each = {name: price.usd_per_hour for name, price in nodes.items()}
    for waste in idle(placement(serving, capacity)[0], each):
        price = "" if waste.usd_per_hour is None else f", ${waste.usd_per_hour:,.2f}/h for nothing"
        role = "prefill" if waste.group == "shared" else waste.group
        more = getattr(fuller, role).replicas if fuller else None
        fix = (
            f"set serving.{role}.replicas to {more}"
            if more
            else "use fewer nodes or a smaller type"
        )
        if fuller and waste.group == "shared":
            fix += f" and serving.decode.replicas to {fuller.decode.replicas}"
        yield Finding(
            at=("capacity", waste.group, "nodes"),
            got=f"{waste.gpus} idle GPUs{price}",
            need="a use for every GPU",
            fix=fix,
        )


@rule("DISAGG-CAP-014")
def shared_nodes_are_shared_by_gpus(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """On shared nodes a pod asks for no more CPU, RAM and huge pages than its GPUs' share.

    The scheduler decides which pods share a node, and EKS lets nobody configure it. As long as
    devices run out first, any distribution leaves room for the rest; a pod that takes more than its
    share makes free GPUs useless, on whichever node it happens to land. Source: random layouts
    before a real scheduler 1.34.
    """
    if serving.placement != "colocate" or not placeable(serving, capacity):
        return
    whole = node_resources(INSTANCE_TYPES[groups(capacity)["shared"].instance_type])
    for one, _ in pods(serving, capacity):
        asked = one.requests
        share = max(
            Fraction(asked.gpus, whole.gpus), Fraction(asked.efa_devices, whole.efa_devices)
        )
        for name, key, unit in _SHARED:
            amount, most = getattr(asked, name), int(getattr(whole, name) * share)
            if amount > most:
                yield Finding(
                    at=("serving", one.role, key),
                    got=f"{amount:,} {unit} a pod",
                    need=f"at most {most:,} {unit}, the share of {asked.gpus} of {whole.gpus} GPUs",
                    fix=f"lower serving.{one.role}.{key}, or set placement to separate_nodes",
                )


_SHARED = (
    ("cpu_milli", "cpu", "millicores"),
    ("memory_mib", "memory_gib", "MiB"),
    ("huge_pages_mib", "huge_pages_mib", "MiB"),
)
"""Field of `Resources`, key of the file, and unit of what pods of a node share beside devices."""


@rule("DISAGG-CAP-015", severity=Severity.WARNING)
def a_large_fleet_is_several_environments(capacity: Capacity) -> Iterator[Finding]:
    """An environment has at most a hundred GPU nodes.

    One scheduler looks at every node of its cluster for every pod, whatever the pods select: at
    1,000 nodes a pod costs it several times what it costs at 100. Environments have clusters of
    their own, fail apart and are upgraded apart. Source: `make scale`, benchmarks/README.md.
    """
    count = sum(group.nodes for group in groups(capacity).values())
    if count > _LARGE_FLEET_NODES:
        yield Finding(
            at=("capacity",),
            got=f"{count} GPU nodes in one cluster",
            need=f"at most {_LARGE_FLEET_NODES} before scheduling slows down",
            fix=f"make {-(-count // _LARGE_FLEET_NODES)} environments of it",
        )


@rule("DISAGG-CAP-013", severity=Severity.WARNING)
def roles_are_on_different_nodes(serving: Serving) -> Iterator[Finding]:
    """Prefill and decode run on different nodes.

    On one node the KV cache has no fast path that is known to work: NVLink is not usable between
    pods, EFA to the same node is documented as unsupported (EAGAIN under load), and shared memory
    transfer corrupts GPU buffers. Where it fails, it fails slowly and with status 200. Sources:
    ai-dynamo/dynamo docs disagg-communication-guide, vllm-project/vllm PR 55906, openucx/ucx issue
    11978, read 2026-11-23.
    """
    if serving.placement == "colocate":
        yield Finding(
            at=("serving", "placement"),
            got="both roles on one node: no KV path between its pods is known to be fast and sound",
            need="separate_nodes for anything but a copy of the reference layout",
            fix="set separate_nodes with a group each, or measure transfers first",
        )
