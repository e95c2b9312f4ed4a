"""What was bought before is billed as it is held, whatever is planned and whatever is deployed."""

import json
from pathlib import Path
from typing import Any

import pytest
from shipped import checked, edited

from disagg.cli import main
from disagg.cli.next_steps import next_steps
from disagg.config.prices import bundled_prices
from disagg.planner.cost import mean_price
from disagg.planner.plan import Plan, make_plan

NODE = 113.9328
ID, OTHER = "cr-0123456789abcdef0", "cr-00000000"
ZONE = {"zone_id": "usw2-az2"}
RESERVED = ZONE | {"kind": "reservation", "id": ID}
BLOCK = ZONE | {"kind": "capacity_block", "id": ID, "end": "2027-03-01T11:30:00Z"}


def environment(prefill: dict[str, Any], decode: dict[str, Any], **more: Any) -> Any:
    edits = {"capacity__prefill__source": prefill, "capacity__decode__source": decode}
    return checked("pilot", **edits, **more)


def plan(prefill: dict[str, Any], decode: dict[str, Any], **more: Any) -> Plan:
    return make_plan(environment(prefill, decode, **more).environment, bundled_prices())


@pytest.mark.parametrize("instances", [2, 3, 10])
def test_a_reservation_of_two_groups_costs_what_it_holds(instances: int) -> None:
    """Oracle: EC2 bills every instance of a reservation, so the sum is instances x price."""
    one = RESERVED | {"instances": instances}
    made = plan(one, one)
    assert made.usd_per_hour_held == pytest.approx(instances * NODE)
    beyond = [line for line in made.costs if "beyond the planned" in line.item]
    assert [line.count for line in beyond] == ([instances - 2] if instances > 2 else [])
    assert made.usd_per_hour == pytest.approx(made.usd_per_hour_without_gpus)
    told = made.to_json()["totals"]
    assert told["usd_per_hour_held"] == pytest.approx(instances * NODE, abs=1e-3)


def test_what_is_bought_on_demand_is_not_held() -> None:
    made = plan({"kind": "on_demand"}, RESERVED | {"instances": 1})
    assert made.usd_per_hour_held == pytest.approx(NODE)
    assert made.usd_per_hour - made.usd_per_hour_without_gpus == pytest.approx(NODE)
    assert plan({"kind": "on_demand"}, {"kind": "on_demand"}).usd_per_hour_held == 0


def test_each_of_two_blocks_has_the_price_in_its_own_source() -> None:
    """Oracle: upfront / (instances x hours): 24,000 / (1 x 240) and 96,000 / (2 x 480)."""
    first = BLOCK | {"instances": 1, "price": {"upfront_usd": 24_000, "hours": 240}}
    second = first | {"id": OTHER, "instances": 2}
    second |= {"price": {"upfront_usd": 96_000, "hours": 480}}
    found = environment(first, second)
    made = make_plan(found.environment, bundled_prices())
    lines = {line.item.split(", ")[1]: line for line in made.costs if line.held}
    assert lines["prefill nodes"].usd_per_hour_each == 24_000 / 240
    assert lines["decode nodes"].usd_per_hour_each == 96_000 / 960
    assert lines[f"held by {OTHER} beyond the planned"].usd_per_hour == 96_000 / 960
    assert not {one.code for one in found.warnings} & {"DISAGG-RSV-009", "DISAGG-RSV-010"}
    assert mean_price(found.environment, bundled_prices()) is not None


@pytest.mark.parametrize("kind", ["capacity_block", "training_plan"])
def test_one_offer_under_pricing_is_not_the_price_of_two(kind: str) -> None:
    arn = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/"
    one = {"instances": 1, "kind": kind, "end": "2027-03-01T11:30:00Z"} | ZONE
    names: list[dict[str, Any]] = [{"arn": f"{arn}a"}, {"arn": f"{arn}b"}]
    if kind == "capacity_block":
        names = [{"id": ID}, {"id": OTHER}]
    edits = {
        f"pricing__{kind}": {"upfront_usd": 24_000, "nodes": 2, "hours": 240},
        "cluster__platform": "hyperpod" if kind == "training_plan" else "eks",
    }
    found = environment(one | names[0], one | names[1], **edits).warnings
    assert [each.path for each in found if each.code == "DISAGG-RSV-010"] == [f"pricing.{kind}"]
    priced = {"price": {"upfront_usd": 24_000, "hours": 240}}
    edits[f"pricing__{kind}"] |= {"nodes": 1}
    found = environment(one | names[0] | priced, one | names[1], **edits).warnings
    assert not [each for each in found if each.code == "DISAGG-RSV-010"]


def test_the_budget_has_to_pay_for_what_is_held() -> None:
    """One node costs 83,171 USD a month: 200,000 pay for two of them, and not for three."""
    for instances, warned in ((2, False), (3, True)):
        one = RESERVED | {"instances": instances}
        found = environment(one, one, budget__usd_per_month=200_000).warnings
        assert ("DISAGG-BUD-001" in {each.code for each in found}) is warned


def test_the_steps_tell_what_begins_from_what_is_paid_already() -> None:
    def said(prefill: dict[str, Any], decode: dict[str, Any]) -> list[str]:
        one = environment(prefill, decode).environment
        made = make_plan(one, bundled_prices())
        steps = next_steps(made, one, Path("environments/pilot.yaml"), Path("dist"))
        return [step[0] for step in steps if "from then on" in step[0]]

    on_demand = {"kind": "on_demand"}
    empty, full = said(on_demand, on_demand)
    assert "$1.14/h from then on." in empty
    assert "$229.00/h from then on." in full
    one = RESERVED | {"instances": 3}
    for step in said(one, one):
        assert "$1.14/h from then on, beside $341.80/h of what was bought before." in step


def test_a_fleet_counts_what_its_environments_share_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = RESERVED | {"instances": 5}
    both = {f"capacity.{name}.source": one for name in ("prefill", "decode")}
    places = []
    for number, name in enumerate(("a", "b")):
        edits = {"name": name, "network.cidr": f"10.{42 + number}.0.0/16"}
        (tmp_path / f"{name}.yaml").write_text(edited("pilot", both | edits), encoding="utf-8")
        places.append(f"{{file: {name}.yaml, account: one, region: us-west-2}}")
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "apiVersion: disagg/v1\nkind: Fleet\nname: all\n"
        'accounts: {one: "123456789012"}\n'
        f"stages: [{{name: first, environments: [{', '.join(places)}]}}]\n",
        encoding="utf-8",
    )
    assert main(["fleet", str(fleet), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    small = 2 * 0.4032 + 0.10 + 0.045 + 0.005 + 9 * 2 * 0.01
    assert told["usd_per_hour"] == pytest.approx(5 * NODE + 2 * small, abs=1e-2)
    assert main(["fleet", str(fleet)]) == 0
    assert f"-{5 * NODE:,.2f}" in capsys.readouterr().out
