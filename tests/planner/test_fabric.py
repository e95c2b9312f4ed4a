"""The interface list of each type against the EC2 user guide, written down by hand."""

import pytest

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.planner.fabric import network_interfaces


def cards(name: str) -> list[tuple[int, int, str]]:
    return [(one.card, one.device, one.kind) for one in network_interfaces(INSTANCE_TYPES[name])]


def test_p6_b200_has_the_nine_interfaces_of_the_eks_guide() -> None:
    assert cards("p6-b200.48xlarge") == [
        (0, 0, "interface"),
        (0, 1, "efa-only"),
        (1, 0, "efa-only"),
        (2, 0, "efa-only"),
        (3, 0, "efa-only"),
        (4, 0, "efa-only"),
        (5, 0, "efa-only"),
        (6, 0, "efa-only"),
        (7, 0, "efa-only"),
    ]


def test_p6_b300_has_no_efa_on_card_zero() -> None:
    assert cards("p6-b300.48xlarge") == [
        (0, 0, "interface"),
        *((card, 0, "efa-only") for card in range(1, 17)),
    ]


@pytest.mark.parametrize(
    ("name", "efa", "last_card"),
    [("p5.48xlarge", 32, 31), ("p5en.48xlarge", 16, 15), ("g6e.48xlarge", 4, 3)],
)
def test_other_types_use_every_card_once(name: str, efa: int, last_card: int) -> None:
    listed = cards(name)
    assert listed[:2] == [(0, 0, "interface"), (0, 1, "efa-only")]
    assert len(listed) == 1 + efa
    assert listed[-1] == (last_card, 0, "efa-only")


@pytest.mark.parametrize("name", INSTANCE_TYPES)
def test_no_card_carries_two_efas_and_no_slot_is_used_twice(name: str) -> None:
    listed = cards(name)
    efa_cards = [card for card, _, kind in listed if kind == "efa-only"]
    assert len(efa_cards) == len(set(efa_cards)) == INSTANCE_TYPES[name].efa_devices
    assert len({(card, device) for card, device, _ in listed}) == len(listed)
    assert max(card for card, _, _ in listed) < INSTANCE_TYPES[name].network_cards
