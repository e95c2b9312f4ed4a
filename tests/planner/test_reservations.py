"""Capacity that was bought before: which placement group, which minute, what people are told."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shipped import checked

from disagg.cli.next_steps import next_steps
from disagg.config.prices import bundled_prices
from disagg.planner.plan import make_plan
from disagg.planner.reservations import (
    FABRIC,
    block_times,
    makes_placement_group,
    messages,
    placement_group_of,
)
from disagg.planner.runbook import runbooks

ONE = {"id": "cr-0123456789abcdef0", "instances": 2, "zone_id": "usw2-az2"}
ON_DEMAND = {"kind": "on_demand"}
BOUND = {"kind": "reservation", "placement_group": "ours"} | ONE
FREE = {"kind": "reservation"} | ONE
BLOCK = {"kind": "capacity_block", "end": "2027-03-01T11:30:00Z"} | ONE
OTHER = FREE | {"id": "cr-00000000"}


def environment(prefill: dict[str, Any], decode: dict[str, Any], wanted: str = "auto") -> Any:
    edits = {"capacity__prefill__source": prefill, "capacity__decode__source": decode}
    return checked("pilot", capacity__placement_group=wanted, **edits).environment


# Rows and columns as in aws-parallelcluster's validators; what is refused there has no row here.
MATRIX = {
    ("on_demand", "auto"): FABRIC,
    ("on_demand", "cluster"): FABRIC,
    ("on_demand", "none"): None,
    ("bound", "auto"): "ours",
    ("bound", "cluster"): "ours",
    ("free", "auto"): None,
    ("free", "cluster"): FABRIC,
    ("free", "none"): None,
    ("block", "auto"): None,
    ("block", "none"): None,
}
SOURCES = {"on_demand": ON_DEMAND, "bound": BOUND, "free": FREE, "block": BLOCK}


@pytest.mark.parametrize(("source", "wanted"), MATRIX)
def test_nodes_are_in_the_placement_group_that_their_source_allows(
    source: str, wanted: str
) -> None:
    one = environment(SOURCES[source], SOURCES[source], wanted)
    for name in ("prefill", "decode"):
        assert placement_group_of(one, name) == MATRIX[source, wanted]


def test_auto_counts_the_nodes_bought_on_demand_only() -> None:
    assert makes_placement_group(environment(ON_DEMAND, ON_DEMAND))
    mixed = environment(ON_DEMAND, BLOCK)
    assert not makes_placement_group(mixed)
    assert placement_group_of(mixed, "prefill") is None


def test_the_last_hours_of_a_block_are_those_of_aws() -> None:
    times = block_times(environment(BLOCK, BLOCK).capacity.prefill.source)
    end = datetime(2027, 3, 1, 11, 30, tzinfo=UTC)
    # Source: EKS user guide: 40 minutes before the end; EC2 user guide: from 30 minutes before.
    assert times.end == end
    assert times.scale_down == end - timedelta(minutes=40)
    assert times.termination == end - timedelta(minutes=30)
    assert times.drain == end - timedelta(minutes=100)


def test_two_groups_of_one_block_are_told_once_and_together() -> None:
    (message,) = messages(environment(BLOCK, BLOCK))
    block, at, text = message
    assert block == ONE["id"]
    assert at == datetime(2027, 3, 1, 9, 50, tzinfo=UTC)
    assert "capacity.prefill and capacity.decode" in text
    assert "10:50" in text
    assert "11:00" in text
    other = BLOCK | {"id": "cr-00000000", "end": "2027-04-01T11:30:00Z"}
    assert [one[0] for one in messages(environment(BLOCK, other))] == [ONE["id"], "cr-00000000"]
    assert messages(environment(ON_DEMAND, FREE)) == ()


def test_a_runbook_names_every_group_and_minute_of_its_block() -> None:
    assert runbooks(environment(ON_DEMAND, FREE)) == {}
    pages = runbooks(environment(ON_DEMAND, BLOCK))
    (page,) = pages.values()
    assert list(pages) == [f"{ONE['id']}.md"]
    for words in (
        "2027-03-01 09:50",
        "2027-03-01 10:50",
        "2027-03-01 11:00",
        "2027-03-01T11:30:00Z",
        "disagg/environment=pilot,disagg/role=decode",
        "--cluster-name disagg-pilot",
        "/disagg/pilot/capacity/decode-node-group",
    ):
        assert words in page
    assert "role=prefill" not in page
    # Evicted pods of a group that ends have nowhere to go: the engines go before the drain.
    assert page.index("scale deployment decode --replicas=0") < page.index("kubectl drain")
    assert not re.search(r"\{\w*\}", page)


PLAN = {
    "kind": "training_plan",
    "arn": "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march",
    "instances": 2,
    "zone_id": "usw2-az2",
    "end": "2027-03-01T11:30:00Z",
}


def on_hyperpod(**more: Any) -> Any:
    source = {"capacity__prefill__source": PLAN, "capacity__decode__source": PLAN}
    return checked("pilot", cluster__platform="hyperpod", **source, **more).environment


def test_the_nodes_of_a_training_plan_go_an_hour_before_its_end() -> None:
    ((name, at, text),) = messages(on_hyperpod())
    assert name == "gpu-march"
    assert at == datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
    assert "SageMaker begins to take its nodes back at 10:30 UTC" in text
    assert "EKS" not in text


def test_the_runbook_of_a_training_plan_speaks_of_sagemaker() -> None:
    ((file, page),) = runbooks(on_hyperpod()).items()
    assert file == "gpu-march.md"
    assert page.startswith("# Training plan gpu-march ends 2027-03-01T11:30:00Z")
    assert "search-training-plan-offerings" in page
    assert "--instance-type ml.p6-b200.48xlarge --instance-count 2" in page
    assert "update-nodegroup-config" not in page
    assert page.index("scale deployment prefill decode --replicas=0") < page.index("kubectl drain")
    assert not re.search(r"\{\w*\}", page)


def test_hyperpod_makes_no_placement_group_however_many_nodes() -> None:
    one = on_hyperpod()
    assert not makes_placement_group(one)
    assert placement_group_of(one, "decode") is None


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        ({"cluster__platform": "hyperpod"}, 2),
        ({"cluster__platform": "hyperpod", "cluster__hyperpod__deep_health_checks": []}, 0),
        ({}, 0),
    ],
    ids=["checked", "unchecked", "eks"],
)
def test_a_plan_says_how_long_new_nodes_are_tested(changes: dict[str, Any], hours: int) -> None:
    made = make_plan(checked("pilot", **changes).environment, bundled_prices())
    assert made.node_test_hours == hours


def test_nodes_of_hyperpod_cost_what_sagemaker_asks_for_them() -> None:
    one = checked("pilot", cluster__platform="hyperpod").environment
    lines = {line.item: line.usd_per_hour_each for line in make_plan(one, bundled_prices()).costs}
    # 1.2 times EC2's 113.9328 and 0.8064, as for the types whose price is published.
    assert lines["ml.p6-b200.48xlarge, decode nodes"] == pytest.approx(136.71936)
    assert lines["ml.m7i.4xlarge, system nodes"] == pytest.approx(0.96768)


def test_the_price_of_a_training_plan_is_that_of_its_nodes() -> None:
    one = on_hyperpod(pricing__training_plan={"upfront_usd": 48_000, "nodes": 2, "hours": 240})
    lines = {line.item: line.usd_per_hour_each for line in make_plan(one, bundled_prices()).costs}
    assert lines["ml.p6-b200.48xlarge, decode nodes"] == 100.0


def test_a_plan_says_what_each_group_is_and_when_it_ends() -> None:
    made = make_plan(environment(OTHER, BLOCK), bundled_prices())
    said = {one.name: (one.source, one.reservation, one.ends) for one in made.groups}
    assert said == {
        "prefill": ("reservation", "cr-00000000", ""),
        "decode": ("capacity_block", ONE["id"], "2027-03-01T11:30:00Z"),
    }


def test_what_is_reserved_is_paid_for_while_the_groups_are_empty() -> None:
    prices = bundled_prices()
    bought = make_plan(environment(ON_DEMAND, ON_DEMAND), prices)
    held = make_plan(environment(FREE | {"instances": 1}, ON_DEMAND), prices)
    node = 113.9328
    assert held.usd_per_hour == pytest.approx(bought.usd_per_hour)
    empty = held.usd_per_hour_without_gpus - bought.usd_per_hour_without_gpus
    assert empty == pytest.approx(node)


def test_the_price_of_a_block_is_that_of_its_groups_only() -> None:
    one = checked(
        "pilot",
        capacity__decode__source=BLOCK,
        pricing__capacity_block={"upfront_usd": 24_000, "nodes": 1, "hours": 240},
    ).environment
    lines = {line.item: line.usd_per_hour_each for line in make_plan(one, bundled_prices()).costs}
    assert lines["p6-b200.48xlarge, decode nodes"] == 100.0
    assert lines["p6-b200.48xlarge, prefill nodes"] == 113.9328


def test_the_first_step_asks_for_quota_only_where_nodes_are_bought_on_demand(tmp_path: Any) -> None:
    def first(prefill: dict[str, Any], decode: dict[str, Any]) -> str:
        one = environment(prefill, decode)
        made = make_plan(one, bundled_prices())
        return "\n".join(next(next_steps(made, one, tmp_path / "pilot.yaml", tmp_path)))

    assert "384 vCPUs" in first(ON_DEMAND, ON_DEMAND)
    assert "192 vCPUs" in first(ON_DEMAND, BLOCK)
    both = first(OTHER, BLOCK)
    assert "vCPUs" not in both
    assert f"--capacity-reservation-ids cr-00000000 {ONE['id']}" in both


def test_where_karpenter_makes_the_nodes_message_and_runbook_are_about_it() -> None:
    edits = {"capacity__prefill__source": BLOCK, "capacity__decode__source": BLOCK}
    one = checked("pilot", capacity__provisioner="karpenter", **edits).environment
    ((_, _, text),) = messages(one)
    assert "Karpenter begins to drain at 10:50 UTC" in text
    assert "EKS" not in text
    (page,) = runbooks(one).values()
    for name in ("prefill", "decode"):
        assert f"       kubectl scale nodepool pilot-{name} --replicas=0\n" in page
    assert "update-nodegroup-config" not in page
    managed = environment(BLOCK, BLOCK)
    assert "EKS scales the group to zero at 10:50 UTC" in messages(managed)[0][2]
    assert "nodepool" not in next(iter(runbooks(managed).values()))


def test_karpenter_has_the_placement_group_of_a_reservation_and_makes_none() -> None:
    edits = {"capacity__prefill__source": BOUND, "capacity__decode__source": ON_DEMAND}
    one = checked("pilot", capacity__provisioner="karpenter", **edits).environment
    assert placement_group_of(one, "prefill") == "ours"
    assert placement_group_of(one, "decode") is None
    assert not makes_placement_group(one)
