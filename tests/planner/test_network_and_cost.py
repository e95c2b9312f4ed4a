"""Subnets against the rules of a VPC, costs against sums done by hand."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import checked

from disagg.config.environment import Network
from disagg.config.prices import bundled_prices
from disagg.planner.plan import make_plan
from disagg.planner.subnets import subnet_layout


@given(prefix=st.integers(16, 22), zones=st.integers(2, 6), fabric=st.integers(1, 6))
def test_subnets_lie_in_the_vpc_and_never_overlap(prefix: int, zones: int, fabric: int) -> None:
    ids = tuple(f"usw2-az{number}" for number in range(1, zones + 1))
    cidr = f"10.42.0.0/{prefix}"
    layout = subnet_layout(
        Network(cidr=cidr, availability_zone_ids=ids, fabric_zone_id=ids[min(fabric, zones) - 1])
    )
    ranges = [IPv4Network(one.cidr) for one in (layout.fabric, *layout.system, layout.public)]
    assert all(one.subnet_of(IPv4Network(cidr)) for one in ranges)
    assert not any(a.overlaps(b) for n, a in enumerate(ranges) for b in ranges[n + 1 :])
    assert all(one.prefixlen <= 28 for one in ranges)  # AWS makes no smaller subnet
    assert [one.zone_id for one in layout.system] == list(ids)


def test_a_further_zone_moves_no_subnet() -> None:
    two = subnet_layout(
        Network(availability_zone_ids=("usw2-az1", "usw2-az2"), fabric_zone_id="usw2-az2")
    )
    three = subnet_layout(
        Network(
            availability_zone_ids=("usw2-az1", "usw2-az2", "usw2-az3"), fabric_zone_id="usw2-az2"
        )
    )
    assert three.system[:2] == two.system
    assert (three.fabric, three.public) == (two.fabric, two.public)


def test_the_pilot_costs_what_its_parts_cost() -> None:
    plan = make_plan(checked("pilot").environment, bundled_prices())
    gpus = 2 * 113.9328
    rest = 2 * 0.4032 + 0.10 + 0.045 + 0.005 + 9 * 2 * 0.01
    assert plan.usd_per_hour == pytest.approx(gpus + rest)
    assert plan.usd_per_hour_without_gpus == pytest.approx(rest)
    assert plan.usd_per_month == pytest.approx((gpus + rest) * 730)


def test_figures_of_another_region_are_assumed_and_those_of_the_priced_one_published() -> None:
    west = make_plan(checked("pilot").environment, bundled_prices())
    assert {line.kind for line in west.costs} == {"assumed"}
    east = make_plan(
        checked(
            "pilot",
            aws__region="us-east-1",
            network__availability_zone_ids=["use1-az1", "use1-az2"],
            network__fabric_zone_id="use1-az1",
        ).environment,
        bundled_prices(),
    )
    assert {line.kind for line in east.costs if line.needs_gpu_nodes} == {"published"}


def test_the_plan_is_plain_data_with_a_schema_version_and_totals() -> None:
    plan = make_plan(checked("pilot").environment, bundled_prices()).to_json()
    assert plan["schema_version"] == 1
    assert plan["totals"]["usd_per_hour"] == pytest.approx(229.0021, abs=1e-3)
    assert [node["pods"] for node in plan["nodes"]] == [{"prefill": 8}, {"decode": 2}]


def test_four_and_one_on_two_nodes_shows_idle_gpus_their_price_and_the_full_layout() -> None:
    plan = make_plan(
        checked("pilot", serving__prefill__replicas=4, serving__decode__replicas=1).environment,
        bundled_prices(),
    )
    assert sum(one.gpus for one in plan.idle) == 8
    assert sum(one.usd_per_hour or 0 for one in plan.idle) == pytest.approx(113.9328)
    assert plan.suggestion == "serving.prefill.replicas: 8 and serving.decode.replicas: 2"


@pytest.mark.parametrize(
    ("weights", "usd_per_month"),
    [
        # 0.600 and 0.145 USD a GiB and month, from the pricing page.
        ({}, 1200 * 0.600),
        ({"capacity_gib": 4800, "throughput_mb_per_tib": 125}, 4800 * 0.145),
    ],
)
def test_a_file_system_costs_by_its_size_whether_gpu_nodes_run_or_not(
    weights: dict[str, int], usd_per_month: float
) -> None:
    fsx = {"kind": "fsx", "revision": "0" * 40} | weights
    with_it = make_plan(checked("pilot", serving__weights=fsx).environment, bundled_prices())
    without = make_plan(checked("pilot").environment, bundled_prices())
    (line,) = [one for one in with_it.costs if one.item.startswith("FSx for Lustre")]
    assert line.usd_per_hour * 730 == pytest.approx(usd_per_month, rel=1e-5)
    added = with_it.usd_per_hour_without_gpus - without.usd_per_hour_without_gpus
    assert added == pytest.approx(line.usd_per_hour)
