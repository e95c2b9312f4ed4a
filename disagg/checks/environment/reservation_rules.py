"""Rules about capacity that was bought before: zone, size, placement group, end.

The lines of the reservation and placement group matrix that a file can break; what only AWS knows
(the type and state of a reservation) is for preflight.

Source: aws-parallelcluster validators `PlacementGroupCapacityTypeValidator` and
`PlacementGroupCapacityReservationValidator` (PR 6311); EKS user guide "Capacity Blocks".
"""

from collections.abc import Iterator
from dataclasses import fields

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.regions import REGIONS
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity, CapacityBlock, Reservation, TrainingPlan
from disagg.config.environment import Aws, Network, Pricing
from disagg.errors import Severity
from disagg.planner.layout import groups
from disagg.planner.reservations import Ending, Held, block_times, held, shared


@rule("DISAGG-RSV-001")
def reservations_are_named_once(capacity: Capacity) -> Iterator[Finding]:
    """A reservation is named by its id or by its resource group, not by both and not by none.

    EC2 takes one target: of two, the request fails.
    """
    for name, source in held(capacity).items():
        if isinstance(source, Reservation) and (source.id is None) == (
            source.resource_group is None
        ):
            both = source.id is not None
            yield Finding(
                at=("capacity", name, "source"),
                got="both id and resource_group" if both else "neither id nor resource_group",
                need="one of them",
                fix="remove one" if both else "add id: cr-... or resource_group: arn:...",
            )


@rule("DISAGG-RSV-002")
def reservations_are_in_the_fabric_zone(capacity: Capacity, network: Network) -> Iterator[Finding]:
    """A reservation is in the zone of the GPU nodes.

    Nodes of the fabric subnet start in its zone, and a reservation of another zone gives them
    nothing: the group waits for capacity that is paid for elsewhere.
    """
    for name, source in held(capacity).items():
        if source.zone_id != network.fabric_zone_id:
            yield Finding(
                at=("capacity", name, "source", "zone_id"),
                got=f"the {_KINDS[source.kind]} of capacity.{name} is in {source.zone_id}",
                need=f"{network.fabric_zone_id}, the value of network.fabric_zone_id",
                fix="set network.fabric_zone_id to the zone of the reservation",
                beside=(("network", "fabric_zone_id"),),
            )


@rule("DISAGG-RSV-003")
def reservations_hold_the_nodes(capacity: Capacity) -> Iterator[Finding]:
    """The groups of one reservation together ask for no more nodes than it holds.

    A targeted reservation never falls back to on-demand capacity: the node that is too many never
    starts.
    """
    for one in shared(capacity).values():
        wanted = sum(group.nodes for group in one.values())
        name, group = next(iter(one.items()))
        source = _held(group.source)
        if wanted > source.instances:
            who = " and ".join(f"capacity.{each}" for each in one)
            yield Finding(
                at=("capacity", name, "nodes"),
                got=f"{wanted} nodes of {who}",
                need=f"at most {source.instances}, which the {_KINDS[source.kind]} holds",
                fix="reserve more, or lower nodes",
                beside=(
                    ("capacity", name, "source", "instances"),
                    *(("capacity", each, "nodes") for each in one if each != name),
                ),
            )


@rule("DISAGG-RSV-004")
def groups_agree_about_their_reservation(capacity: Capacity) -> Iterator[Finding]:
    """Groups that share a reservation say the same of it, and have one instance type.

    A reservation is of one type, in one zone, with one end; two answers cannot both be right.
    """
    for one in shared(capacity).values():
        (first, group), *others = one.items()
        for name, other in others:
            if other.source != group.source:
                differing = _differing(other.source, group.source)
                yield Finding(
                    at=("capacity", name, "source"),
                    got=f"capacity.{name}.source is not what capacity.{first}.source says of it",
                    need="the same values",
                    fix="copy the source of one to the other",
                    beside=tuple(
                        ("capacity", each, "source", key)
                        for each in (name, first)
                        for key in differing
                    ),
                )
            elif other.instance_type != group.instance_type:
                yield Finding(
                    at=("capacity", name, "instance_type"),
                    got=f"{other.instance_type} from the reservation of {group.instance_type}",
                    need=group.instance_type,
                    fix="use one type, or a reservation for each",
                    beside=(("capacity", first, "instance_type"),),
                )


@rule("DISAGG-RSV-005")
def blocks_are_in_no_placement_group(capacity: Capacity) -> Iterator[Finding]:
    """A Capacity Block is never combined with a placement group.

    Its instances are near one another already; with a placement group EC2 answers that it has no
    capacity, although it is reserved and paid.
    """
    if capacity.placement_group != "cluster":
        return
    for name, source in held(capacity).items():
        if isinstance(source, CapacityBlock):
            yield Finding(
                at=("capacity", "placement_group"),
                got=f"cluster, with a Capacity Block for capacity.{name}",
                need="auto or none",
                fix="set it to auto: groups bought on demand still get one",
                beside=(("capacity", name, "source", "kind"),),
            )


@rule("DISAGG-RSV-006")
def bound_reservations_keep_their_placement_group(capacity: Capacity) -> Iterator[Finding]:
    """A reservation that was made in a placement group is used in it.

    Instances outside of the group do not match the reservation, so none would start.
    """
    if capacity.placement_group != "none":
        return
    for name, source in held(capacity).items():
        if isinstance(source, Reservation) and source.placement_group is not None:
            made_in = f"a reservation made in {source.placement_group!r}"
            yield Finding(
                at=("capacity", "placement_group"),
                got=f"none, with {made_in} for capacity.{name}",
                need="auto or cluster",
                fix="set it to auto, or reserve outside of a placement group",
                beside=(("capacity", name, "source", "placement_group"),),
            )


@rule("DISAGG-RSV-007", severity=Severity.WARNING)
def free_reservations_are_near_by_luck(capacity: Capacity) -> Iterator[Finding]:
    """A placement group is asked for nodes of a reservation that was not made in one.

    The reserved hosts may be far apart, and EC2 then answers that it has no capacity in the group.
    """
    if capacity.placement_group != "cluster":
        return
    for name, source in held(capacity).items():
        if isinstance(source, Reservation) and source.placement_group is None:
            yield Finding(
                at=("capacity", name, "source"),
                got="a reservation made in no placement group",
                need="one made in a cluster placement group, to be sure of its capacity there",
                fix="set capacity.placement_group to auto, or reserve in a placement group",
            )


@rule("DISAGG-RSV-008")
def ends_are_days_of_the_calendar(capacity: Capacity) -> Iterator[Finding]:
    """The end of a Capacity Block or training plan is a day and an hour that exist.

    The message before the end and the runbook are made from it.
    """
    for name, source in held(capacity).items():
        if isinstance(source, Ending):
            try:
                block_times(source)
            except (ValueError, OverflowError):
                yield Finding(
                    at=("capacity", name, "source", "end"),
                    got=f"{source.end}, which is on no calendar",
                    need="the end that AWS says, in UTC",
                    fix="copy EndTime of aws sagemaker describe-training-plan"
                    if isinstance(source, TrainingPlan)
                    else "copy EndDate of aws ec2 describe-capacity-reservations",
                )


@rule("DISAGG-RSV-010", severity=Severity.WARNING)
def offers_are_for_what_is_bought(capacity: Capacity, pricing: Pricing) -> Iterator[Finding]:
    """The price of an offer is that of the one which is held, and of as many nodes.

    Without such a group it prices every group of the file, which answers "what if" and is no bill;
    with another number of nodes the price of a node is another. Of two Capacity Blocks or training
    plans each has a `price` in its own source: `pricing` knows one.
    """
    for kind in ("capacity_block", "training_plan"):
        offer = getattr(pricing, kind)
        if offer is None:
            continue
        bought = {one for one in held(capacity).values() if one.kind == kind}
        unpriced = [one for one in bought if isinstance(one, Ending) and one.price is None]
        holds = sum(one.instances for one in unpriced)
        if bought and len(unpriced) != 1:
            yield Finding(
                at=("pricing", kind),
                got=f"one offer, where {len(unpriced)} are held that have no price of their own",
                need="one that it is the price of",
                fix=f"write source.price of each, and remove pricing.{kind}",
            )
        elif not bought:
            yield Finding(
                at=("pricing", kind),
                got=f"an offer, and no group with source.kind {kind}: it prices every group",
                need="a group that is bought so",
                fix=f"set source.kind of the group, or remove pricing.{kind}",
            )
        elif offer.nodes != holds:
            yield Finding(
                at=("pricing", kind, "nodes"),
                got=f"{offer.nodes} nodes, where {holds} are held",
                need="the offer of what is held",
                fix="write what the offer says, and what the reservation says",
            )


@rule("DISAGG-RSV-009", severity=Severity.WARNING)
def blocks_have_a_price(capacity: Capacity, pricing: Pricing) -> Iterator[Finding]:
    """The price of a Capacity Block or training plan is in the file.

    An offer has a price of its own, which no list says; until it is given, plans count the
    on-demand price.
    """
    for name, source in held(capacity).items():
        priced = isinstance(source, Ending) and (source.price or getattr(pricing, source.kind))
        if isinstance(source, Ending) and not priced:
            yield Finding(
                at=("capacity", name, "source"),
                got=f"a {_KINDS[source.kind]} without price or pricing.{source.kind}",
                need="what the offer costs",
                fix="add source.price: {upfront_usd: ..., hours: ...}",
            )


@rule("DISAGG-RSV-013")
def resource_groups_are_of_this_account(aws: Aws, capacity: Capacity) -> Iterator[Finding]:
    """A resource group of reservations is one of the account and region.

    Instances target a group of their own account. Reservations that another account shares are put
    into it like one's own, or named by `id`.
    Source: EC2 user guide, create-cr-group (shared reservations in a group, one region) and
    capacity-reservation-sharing, read 2026-11-28; a group itself is not among what AWS RAM shares.
    """
    for name, source in held(capacity).items():
        region = REGIONS.get(aws.region)
        if not isinstance(source, Reservation) or source.resource_group is None or region is None:
            continue
        _, partition, _, place, account, _ = source.resource_group.split(":", 5)
        if (partition, place, account) != (region.partition, aws.region, aws.account):
            yield Finding(
                at=("capacity", name, "source", "resource_group"),
                got=f"a group of account {account} in {place}, partition {partition}",
                need=f"account {aws.account} in {aws.region}, partition {region.partition}",
                fix="make a group there, put the reservations into it, shared ones too, or give id",
                beside=(("aws", "region"), ("aws", "account")),
            )


@rule("DISAGG-RSV-014")
def types_are_sold_ahead(capacity: Capacity) -> Iterator[Finding]:
    """A Capacity Block or training plan is of a type that AWS sells so.

    Only the P families are; G types are bought on demand or reserved.
    Source: `catalog.instances.InstanceType.sold_ahead`.
    """
    for name, source in held(capacity).items():
        instance = INSTANCE_TYPES.get(groups(capacity)[name].instance_type)
        if isinstance(source, Ending) and instance and not instance.sold_ahead:
            sold = sorted(one.name for one in INSTANCE_TYPES.values() if one.sold_ahead)
            yield Finding(
                at=("capacity", name, "source", "kind"),
                got=f"a {_KINDS[source.kind]} of {instance.name}, which AWS does not sell",
                need=f"one of {', '.join(sold)}",
                fix="set source.kind to on_demand, or another type",
                beside=(("capacity", name, "instance_type"),),
            )


_KINDS = {
    "reservation": "reservation",
    "capacity_block": "Capacity Block",
    "training_plan": "training plan",
}


def _differing(one: object, other: object) -> list[str]:
    """Return the keys in which two sources differ."""
    if type(one) is not type(other):
        return ["kind"]
    return [
        each.name
        for each in fields(one)  # type: ignore[arg-type]
        if getattr(one, each.name) != getattr(other, each.name)
    ]


def _held(source: object) -> Held:
    assert isinstance(source, Held)  # noqa: S101  Why: only those are shared.
    return source
