"""What was created for Karpenter, against what the environment plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from disagg.catalog.karpenter import (
    EVENTS,
    KARPENTER_NAMESPACE,
    KARPENTER_SERVICE_ACCOUNT,
)
from disagg.config.environment import Environment
from disagg.local.facts import Fact
from disagg.planner.karpenter import by_karpenter, instance_profile_name, queue_name
from disagg.planner.plan import GroupPlan

if TYPE_CHECKING:
    from disagg.local.compare import Created


def identities(environment: Environment) -> list[str]:
    """Return the service account of Karpenter, where it makes nodes."""
    return (
        [f"{KARPENTER_NAMESPACE}/{KARPENTER_SERVICE_ACCOUNT}"] if by_karpenter(environment) else []
    )


def bought(environment: Environment, plan: GroupPlan) -> tuple[str, str]:
    """Return capacity type and market of a group's nodes, in the words of who makes them."""
    block = plan.source == "capacity_block"
    if by_karpenter(environment):
        return ("on-demand" if plan.source == "on_demand" else "reserved"), ""
    return ("CAPACITY_BLOCK", "capacity-block") if block else ("ON_DEMAND", "")


def karpenter_facts(environment: Environment, created: "Created") -> Iterator[Fact]:
    """Yield every fact of what Karpenter needs in the account; nothing where it makes no nodes."""
    if not by_karpenter(environment):
        return
    found = created.karpenter
    yield Fact(about="Karpenter: a role of its own", planned=True, created=found is not None)
    if found is None:
        return
    queue = [one for one in found.queues if one.name == queue_name(environment)]
    yield Fact(
        about="Karpenter: its queue encrypted, messages kept [s], senders",
        planned=[(True, 300, ("events.amazonaws.com",))],
        created=[(one.encrypted, one.seconds, one.senders) for one in queue],
    )
    yield Fact(
        about="Karpenter: events sent to its queue",
        planned=sorted((source, kind) for _, source, kind in EVENTS),
        created=[event for one in queue for event in one.events],
    )
    roles = list(found.instance_profiles.get(instance_profile_name(environment), ()))
    yield Fact(
        about="Karpenter: roles of the nodes' instance profile", planned=1, created=len(roles)
    )
    yield Fact(
        about="Karpenter: roles it may pass on", planned=roles, created=list(found.passes_on)
    )
    yield Fact(
        about="Karpenter: its nodes may join",
        planned=["EC2_LINUX"] * len(roles),
        created=[one.type for one in created.access_entries if one.principal_arn in roles],
    )
