"""Each rule of a fleet, kept and broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from shipped import edited

from disagg.checks.fleet import FLEET_RULES, load_fleet
from disagg.cli import main
from disagg.config.json_schema import generate
from disagg.errors import InvalidInputError

HELD = {
    "kind": "reservation",
    "id": "cr-0123456789abcdef0",
    "instances": 1,
    "zone_id": "usw2-az2",
}
SANDBOX, PRODUCTION = "123456789012", "210987654321"


def place(name: str, account: str = "sandbox", region: str = "us-west-2") -> dict[str, str]:
    return {"account": account, "region": region, "file": f"{name}.yaml"}


def fleet() -> dict[str, Any]:
    """Return a fleet that keeps every rule."""
    return {
        "apiVersion": "disagg/v1",
        "kind": "Fleet",
        "name": "acme",
        "accounts": {"sandbox": SANDBOX, "production": PRODUCTION},
        "stages": [
            {"name": "pilot", "environments": [place("pilot")]},
            {"name": "production", "environments": [place("prod", "production")]},
        ],
    }


def codes(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> list[str]:
    """Return the codes that a changed fleet gets."""
    made = fleet()
    change(made)
    for name, account, cidr in (
        ("pilot", SANDBOX, "10.42.0.0/16"),
        ("prod", PRODUCTION, "10.43.0.0/16"),
        ("beside", SANDBOX, "10.42.128.0/17"),
        ("stacks", SANDBOX, "10.44.0.0/16"),
        ("pod", SANDBOX, "10.45.0.0/16"),
        ("held", SANDBOX, "10.46.0.0/16"),
        ("also", SANDBOX, "10.47.0.0/16"),
    ):
        values = {"name": name, "aws.account": account, "network.cidr": cidr, "budget": None}
        if name == "pod":
            values["cluster.platform"] = "hyperpod"
        if name in {"held", "also"}:
            values["capacity.prefill.source"] = HELD
        (folder / f"{name}.yaml").write_text(edited("pilot", values), encoding="utf-8")
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
    try:
        return [f"warning {one.code[-7:]}" for one in load_fleet(path).warnings]
    except InvalidInputError as error:
        return [one.code[-7:] for one in error.problems]


def environments(made: dict[str, Any], stage: int = 0) -> list[Any]:
    listed: list[Any] = made["stages"][stage]["environments"]
    return listed


BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "an unknown alias": ("FLT-002", lambda f: environments(f)[0].update(account="sand")),
    "another account": ("FLT-003", lambda f: environments(f)[0].update(account="production")),
    "another region": ("FLT-004", lambda f: environments(f)[0].update(region="us-east-1")),
    "a file twice": ("FLT-005", lambda f: environments(f).append(place("pilot"))),
    "the fleet's name": ("FLT-005", lambda f: f.update(name="pilot")),
    "the folder of stacks": ("FLT-005", lambda f: environments(f).append(place("stacks"))),
    "a stage twice": ("FLT-006", lambda f: f["stages"][1].update(name="pilot")),
    "an account twice": ("FLT-007", lambda f: f["accounts"].update(also=SANDBOX)),
    "ranges that overlap": ("warning FLT-008", lambda f: environments(f).append(place("beside"))),
    "an idle account": ("warning FLT-009", lambda f: f["accounts"].update(idle="1" * 12)),
    "a HyperPod": ("warning FLT-012", lambda f: environments(f).append(place("pod"))),
    "a reservation twice": (
        "FLT-014",
        lambda f: environments(f).extend([place("held"), place("also")]),
    ),
    "an empty stage": ("FLT-011", lambda f: environments(f).clear()),
    "no stage": ("FLT-011", lambda f: f["stages"].clear()),
    "no file": ("FLT-001", lambda f: environments(f)[0].update(file="no.yaml")),
}


def test_a_fleet_that_keeps_every_rule_is_sound(tmp_path: Path) -> None:
    assert codes(tmp_path) == []


@pytest.mark.parametrize("case", BROKEN)
def test_a_fleet_that_breaks_one_rule_is_told_so(case: str, tmp_path: Path) -> None:
    code, change = BROKEN[case]
    assert code in codes(tmp_path, change)


def test_one_environment_may_use_all_of_a_reservation(tmp_path: Path) -> None:
    assert codes(tmp_path, lambda f: environments(f).append(place("held"))) == []


def test_every_rule_of_a_fleet_is_broken_above() -> None:
    broken = {code[-7:] for code, _ in BROKEN.values()}
    assert {one.code[-7:] for one in FLEET_RULES} <= broken


def test_what_two_environments_inherit_wrongly_is_told_once(tmp_path: Path) -> None:
    codes(tmp_path)
    text = edited("pilot", {"aws.region": "us-west-9"})
    (tmp_path / "base.yaml").write_text(text, encoding="utf-8")
    for name in ("pilot", "prod"):
        (tmp_path / f"{name}.yaml").write_text(f"extends: base.yaml\nname: {name}\n", "utf-8")
    with pytest.raises(InvalidInputError) as caught:
        load_fleet(tmp_path / "fleet.yaml")
    told = [one for one in caught.value.problems if one.file.endswith("base.yaml")]
    assert [one.code for one in told] == ["DISAGG-AWS-001"]


def test_stages_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert codes(tmp_path, lambda f: f["stages"].reverse()) == []
    checked = load_fleet(tmp_path / "fleet.yaml")
    assert [[one.environment.name for one in stage] for stage in checked.stages()] == [
        ["prod"],
        ["pilot"],
    ]


def test_the_table_adds_up_what_each_plan_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes(tmp_path)
    assert main(["fleet", str(tmp_path / "fleet.yaml"), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    plans = []
    for name in ("pilot", "prod"):
        assert main(["plan", str(tmp_path / f"{name}.yaml"), "-o", "json"]) == 0
        plans.append(json.loads(capsys.readouterr().out))
    for key in ("usd_per_hour", "usd_per_hour_without_gpu_nodes"):
        assert told[key] == pytest.approx(sum(plan["totals"][key] for plan in plans))
        assert [one[key] for one in told["environments"]] == [plan["totals"][key] for plan in plans]
    assert main(["fleet", str(tmp_path / "fleet.yaml")]) == 0
    table = capsys.readouterr().out
    assert "Fleet acme: pilot, then production" in table
    assert f"{told['usd_per_hour']:,.2f}" in table


@pytest.mark.parametrize("verb", ["synth", "demo"])
@pytest.mark.parametrize("given", [[], ["pilot.yaml", "--fleet", "fleet.yaml"]])
def test_a_verb_takes_an_environment_or_a_fleet_and_not_both(
    verb: str, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, *given]) == 64
    assert "DISAGG-FLT-010" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "render", "size", "cost"])
def test_a_fleet_in_the_place_of_an_environment_is_told_what_takes_it(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes(tmp_path)
    assert main([verb, str(tmp_path / "fleet.yaml")]) == 64
    assert "a fleet file; need an environment file" in capsys.readouterr().err


def test_the_schema_of_fleets_is_todays_and_takes_what_is_sound(root: Path) -> None:
    text = (root / "schemas/fleet.schema.json").read_text("utf-8")
    assert text == generate("fleet")
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    example = root / "examples/06-two-accounts/fleet.yaml"
    for good in (fleet(), yaml.safe_load(example.read_text("utf-8"))):
        jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(fleet() | {"stages": []}, schema)


def test_the_rehearsal_of_a_fleet_refuses_what_others_own(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes(tmp_path)
    theirs = root / "examples/02-existing-cluster/environment.yaml"
    told = yaml.safe_load(theirs.read_text("utf-8"))
    made = fleet() | {"accounts": {"theirs": told["aws"]["account"]}}
    where = place("theirs", "theirs", told["aws"]["region"])
    made["stages"] = [{"name": "only", "environments": [where]}]
    (tmp_path / "theirs.yaml").write_text(theirs.read_text("utf-8"), encoding="utf-8")
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(made), encoding="utf-8")
    assert main(["demo", "--fleet", str(path), "--dist", str(tmp_path / "dist")]) == 64
    assert "DISAGG-FLT-013" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()
