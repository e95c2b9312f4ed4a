"""What has ended is said by every verb that looks at the clock, and `deploy` refuses it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from shipped import edited

from disagg.artifacts import Written
from disagg.checks.environment import CLOCK_RULES, check, load_environment
from disagg.cli import main
from disagg.config.yaml_reader import read_text

END = datetime(2027, 3, 1, 11, 30, tzinfo=UTC)
ONE = {"instances": 2, "zone_id": "usw2-az2", "end": "2027-03-01T11:30:00Z"}
BLOCK = ONE | {"kind": "capacity_block", "id": "cr-0123456789abcdef0"}
ARN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march"
PLAN = ONE | {"kind": "training_plan", "arn": ARN}
# Source: EKS empties a block's group 40 minutes before its end, SageMaker takes nodes back an hour
# before; the drain begins `drain_minutes`, 60 by default, before either.
DRAIN = {"capacity_block": timedelta(minutes=100), "training_plan": timedelta(minutes=120)}
SECOND = timedelta(seconds=1)


def text(source: dict[str, Any], **more: Any) -> str:
    platform = "hyperpod" if source["kind"] == "training_plan" else "eks"
    both = {f"capacity.{name}.source": source for name in ("prefill", "decode")}
    return edited("pilot", {"cluster.platform": platform} | both | more)


def said(source: dict[str, Any], now: datetime | None) -> list[str]:
    codes = {rule.code for rule in CLOCK_RULES}
    found = check(read_text(text(source), "pilot.yaml"), now=now).warnings
    return [one.code for one in found if one.code in codes]


@pytest.mark.parametrize("source", [BLOCK, PLAN], ids=lambda one: one["kind"])
def test_a_drain_that_is_due_and_an_end_that_is_past_are_told_apart_to_the_second(
    source: dict[str, Any],
) -> None:
    drain = END - DRAIN[source["kind"]]
    assert said(source, None) == []
    assert said(source, drain - SECOND) == []
    assert said(source, drain) == ["DISAGG-RSV-011"]
    assert said(source, END - SECOND) == ["DISAGG-RSV-011"]
    assert said(source, END) == ["DISAGG-RSV-012"]


def test_what_is_bought_on_demand_or_reserved_does_not_end() -> None:
    held = {name: BLOCK[name] for name in ("id", "instances", "zone_id")}
    for source in ({"kind": "on_demand"}, {"kind": "reservation"} | held):
        assert said(source, END) == []


def test_a_block_of_two_groups_is_said_once_and_names_both() -> None:
    found = check(read_text(text(BLOCK), "pilot.yaml"), now=END).warnings
    (one,) = (each for each in found if each.code == "DISAGG-RSV-012")
    assert one.got.endswith("capacity.prefill and capacity.decode ended 2027-03-01T11:30:00Z")
    assert one.line > 1


PAST = BLOCK | {"end": "2025-03-01T11:30:00Z"}


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    file = tmp_path / "pilot.yaml"
    file.write_text(text(PAST), encoding="utf-8")
    return file


@pytest.mark.parametrize(("verb", "key"), [("validate", "problems"), ("plan", "warnings")])
def test_json_says_what_has_ended(
    verb: str, key: str, ended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, str(ended), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)[key]
    assert "DISAGG-RSV-012" in [one["code"] for one in told]


def test_a_fleet_says_what_has_ended(ended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = ended.with_name("fleet.yaml")
    place = "{file: pilot.yaml, account: one, region: us-west-2}"
    fleet.write_text(
        "apiVersion: disagg/v1\nkind: Fleet\nname: all\n"
        'accounts: {one: "123456789012"}\n'
        f"stages: [{{name: first, environments: [{place}]}}]\n",
        encoding="utf-8",
    )
    assert main(["validate", str(fleet), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["problems"]
    assert "DISAGG-RSV-012" in [one["code"] for one in told]


def test_deploy_refuses_what_has_ended_and_writes_nothing(
    ended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dist = tmp_path / "dist"
    assert main(["deploy", str(ended), "--dist", str(dist), "--yes"]) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert "DISAGG-RSV-012" in told.err
    assert "--ended-capacity" in told.err
    assert "warning" not in told.err
    assert not dist.exists()


def test_deploy_goes_on_with_what_has_ended_when_it_is_told_to(
    ended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    written = Written(tmp_path, {}, {"Disagg-Pilot-Capacity": {}})
    monkeypatch.setattr("disagg.local.demo.write", lambda *_, **__: written)
    monkeypatch.setattr(
        "disagg.ops.deploy.deploy_stacks", lambda phase, *_: done.extend(phase.stacks)
    )
    assert main(["deploy", str(ended), "--yes", "--ended-capacity"]) == 0
    assert done == ["Disagg-Pilot-Capacity"]


def test_what_is_written_knows_no_clock(ended: Path) -> None:
    for_ever = load_environment(ended).environment
    assert load_environment(ended, END).environment == for_ever
