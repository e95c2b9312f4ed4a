"""The hardware law of network cards: the interfaces a node must have for EFA to work."""

from dataclasses import dataclass
from typing import Literal

from disagg.catalog.instances import InstanceType


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """One network interface of a launch template."""

    card: int
    """Network card index."""
    device: int
    """Device index on that card."""
    kind: Literal["interface", "efa-only"]
    """`interface` is an ENA with an IP address, `efa-only` an EFA without one."""


def network_interfaces(instance: InstanceType) -> tuple[Interface, ...]:
    """Return every interface of a node, primary first: full EFA bandwidth for one IP address.

    The primary is a plain ENA at card 0 device 0, since an EFA-only interface cannot be primary.
    Card 0 gets its EFA at device 1 where it has one; each further card gets an EFA at device 0.

    Args:
        instance: A type of the catalogue.

    Returns:
        `1 + efa_devices` interfaces, in card order.

    Source: EC2 user guide "efa-acc-inst-types" (use case that saves IP addresses); EKS user guide
        "device-management-efa" gives the same list for p6-b200. Read 2026-11-23.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> b200 = network_interfaces(INSTANCE_TYPES["p6-b200.48xlarge"])
        >>> [(one.card, one.device, one.kind) for one in b200[:3]]
        [(0, 0, 'interface'), (0, 1, 'efa-only'), (1, 0, 'efa-only')]
    """
    primary = Interface(card=0, device=0, kind="interface")
    on_card_zero = (
        (Interface(card=0, device=1, kind="efa-only"),) if instance.card_zero_has_efa else ()
    )
    further = tuple(
        Interface(card=card, device=0, kind="efa-only")
        for card in range(1, instance.efa_devices - len(on_card_zero) + 1)
    )
    return (primary, *on_card_zero, *further)
