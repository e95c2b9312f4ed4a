"""Every rule over charts, broken and kept by lists that differ in as little as possible."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from shipped import checked

from disagg import artifacts
from disagg.catalog.chart import CONTROLLER_WAVE, Chart
from disagg.catalog.charts import CHARTS
from disagg.checks import add_ons
from disagg.checks.add_ons import ADD_ON_RULES, check_add_ons
from disagg.errors import CheckFailedError
from disagg.planner.add_ons import installed
from disagg_k8s.third_party import chart_values

ON = {"monitoring": True, "keda": True, "leader_worker_set": True}
PILOT, FULL = checked("pilot").environment, checked("pilot", add_ons=ON).environment
SCALED = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"}


class Given(NamedTuple):
    charts: Sequence[Chart]
    values: dict[str, dict[str, Any]]
    objects: dict[str, list[dict[str, Any]]]


def given(*, full: bool = False, **changed: Any) -> Given:
    environment = FULL if full else PILOT
    objects = {"80-autoscaling.yaml": changed.pop("objects", [])}
    charts = [replace(one, **changed.get(one.name, {})) for one in installed(environment)]
    return Given(charts, chart_values(environment), objects)


def without(name: str) -> Given:
    all_of = given()
    return all_of._replace(charts=[one for one in all_of.charts if one.name != name])


def misspelt() -> Given:
    all_of = given()
    controller = all_of.values["aws-load-balancer-controller"]
    controller["enableWAF"] = controller.pop("enableWaf")
    return all_of


EFA, NVIDIA = "aws-efa-k8s-device-plugin", "nvidia-device-plugin"
BROKEN: list[tuple[str, Given, str, str]] = [
    ("010", misspelt(), "aws-load-balancer-controller.enableWAF", "did you mean 'enableWaf'?"),
    ("010", given(**{EFA: {"version": "v0.5.31"}}), f"{EFA}.version", "catalog/chart_values.py"),
    ("011", given(objects=[SCALED]), "80-autoscaling.yaml.ScaledObject.keda.sh", "under add_ons"),
    (
        "011",
        given(full=True, **{"dcgm-exporter": {"wave": CONTROLLER_WAVE}}),
        "dcgm-exporter.ServiceMonitor.monitoring.coreos.com",
        "earlier wave",
    ),
    ("012", without(EFA), "charts", "keep the one"),
    (
        "012",
        given()._replace(charts=[*given().charts, CHARTS["aws-dranet"]]),
        "charts",
        "keep the one",
    ),
    ("012", given(**{NVIDIA: {"version": "0.19.2"}}), f"{NVIDIA}.0.19.2", "a later version"),
]
KEPT = [
    given(),
    given(full=True),
    given(full=True, objects=[SCALED]),
    Given(*given()[:2], {"30-decode-pool.yaml": [{"apiVersion": "apps/v1", "kind": "Deployment"}]}),
]


@pytest.mark.parametrize(("number", "broken", "path", "fix"), BROKEN)
def test_a_broken_list_is_refused(number: str, broken: Given, path: str, fix: str) -> None:
    known = {**broken.values, "aws-dranet": dict(CHARTS["aws-dranet"].values)}
    found = check_add_ons(broken.charts, known, broken.objects)
    mine = [one for one in found if one.code == f"DISAGG-ADD-{number}"]
    assert [one.path for one in mine] == [path]
    assert fix in mine[0].fix
    assert all(one.got and one.need for one in found)


@pytest.mark.parametrize("kept", KEPT)
def test_a_sound_list_is_not(kept: Given) -> None:
    assert check_add_ons(*kept) == []


def test_verbs_devices_are_not_shared_by_a_later_plugin_either() -> None:
    all_of = given()
    all_of.values[NVIDIA]["mofedEnabled"] = True
    (found,) = check_add_ons(*all_of)
    assert (found.code, found.path) == ("DISAGG-ADD-012", f"{NVIDIA}.0.20.0")


def test_every_rule_is_broken_above_and_explains_itself() -> None:
    assert {f"DISAGG-ADD-{row[0]}" for row in BROKEN} == {one.code for one in ADD_ON_RULES}
    assert all(one.title.endswith(".") and len(one.explanation) > 40 for one in ADD_ON_RULES)


def test_nothing_is_written_when_a_value_is_misspelt(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = add_ons.CHART_VALUES[NVIDIA]
    smaller = replace(table, keys=table.keys - {"mofedEnabled"})
    monkeypatch.setitem(add_ons.CHART_VALUES, NVIDIA, smaller)
    with pytest.raises(CheckFailedError) as caught:
        artifacts.write_all(PILOT, tmp_path)
    assert [one.path for one in caught.value.problems] == [f"{NVIDIA}.mofedEnabled"]
    assert list(tmp_path.iterdir()) == []
