"""The catalogue of charts: pinned, in order, with documented values, each device given once."""

import re
from itertools import product

import pytest

from disagg.catalog.chart import (
    CONTROLLER_WAVE,
    DEVICE_WAVE,
    HYPERPOD_WAVE,
    Chart,
    Exposure,
    Platform,
)
from disagg.catalog.chart_values import CHART_VALUES, undocumented
from disagg.catalog.charts import CHARTS, charts_for
from disagg.catalog.instances import INSTANCE_TYPES

EACH = pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda one: one.name)
EVERYTHING = frozenset({"monitoring", "keda", "leader_worker_set", "karpenter", "file_system"})


@EACH
def test_a_chart_is_pinned_to_one_version(chart: Chart) -> None:
    if chart.path:
        assert re.fullmatch(r"[0-9a-f]{40}", chart.version)
    else:
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", chart.version)
    assert chart.repository.startswith(("https://", "oci://"))
    assert not chart.repository.endswith("/")
    assert len(chart.why) > 60


@EACH
def test_every_value_is_a_documented_key_of_the_pinned_version(chart: Chart) -> None:
    table = CHART_VALUES[chart.name]
    assert table.version == chart.version
    assert undocumented(table.keys, chart.values) == []


@EACH
def test_a_misspelt_value_is_noticed_at_any_depth(chart: Chart) -> None:
    keys = CHART_VALUES[chart.name].keys
    for number, key in enumerate(sorted(keys)):
        *parents, last = key.removesuffix(".*").split(".")
        wrong: dict[str, object] = {f"{last}x{number}": True}
        for part in reversed(parents):
            wrong = {part: wrong}
        path = ".".join((*parents, f"{last}x{number}"))
        free = any(f"{'.'.join(parents[:n])}.*" in keys for n in range(1, len(parents) + 1))
        assert undocumented(keys, wrong) == ([] if free else [path])


def test_what_is_free_below_a_key_is_not_judged_and_what_is_no_mapping_is() -> None:
    keys = frozenset({"image.tag", "affinity.*", "enabled"})
    assert undocumented(keys, {"affinity": {"nodeAffinity": {"any": 1}}, "enabled": True}) == []
    assert undocumented(keys, {"enabled": {"deep": 1}, "image": "one"}) == ["enabled", "image"]


def test_no_table_is_of_a_chart_that_is_not_there() -> None:
    assert CHART_VALUES.keys() == CHARTS.keys()


def test_charts_stand_in_the_order_of_their_waves() -> None:
    waves = [one.wave for one in CHARTS.values()]
    assert waves == sorted(waves)
    assert {HYPERPOD_WAVE, CONTROLLER_WAVE, DEVICE_WAVE} == set(waves)


@pytest.mark.parametrize(
    ("platform", "exposure", "names"),
    [
        # By hand, from the EKS and HyperPod user guides.
        (
            "eks",
            "device_plugin",
            ["aws-load-balancer-controller", "nvidia-device-plugin", "aws-efa-k8s-device-plugin"],
        ),
        ("eks", "dra", ["aws-load-balancer-controller", "dra-driver-nvidia-gpu", "aws-dranet"]),
        ("hyperpod", "device_plugin", ["hyperpod-helm-chart", "aws-load-balancer-controller"]),
    ],
)
def test_a_cluster_gets_what_its_platform_and_exposure_need(
    platform: Platform, exposure: Exposure, names: list[str]
) -> None:
    assert [one.name for one in charts_for(platform, exposure)] == names


def test_options_add_and_take_nothing_away() -> None:
    both = product(("eks", "hyperpod"), ("device_plugin", "dra"))
    for platform, exposure in both:
        some = charts_for(platform, exposure)
        more = charts_for(platform, exposure, EVERYTHING)
        assert {one.name for one in some} < {one.name for one in more}
        assert all(one.option is None for one in some)


def test_the_plugins_and_the_drivers_of_dra_are_never_together() -> None:
    for exposure, other in (("device_plugin", "dra"), ("dra", "device_plugin")):
        assert not {one.name for one in charts_for("eks", exposure)} & {
            one.name for one in CHARTS.values() if one.exposures == (other,)
        }


@pytest.mark.parametrize("platform", ["eks", "hyperpod"])
def test_gpu_metrics_come_with_monitoring_from_every_gpu_node(platform: Platform) -> None:
    plain = {one.name for one in charts_for(platform, "device_plugin")}
    assert "dcgm-exporter" not in plain
    monitored = charts_for(platform, "device_plugin", frozenset({"monitoring"}))
    (chart,) = (one for one in monitored if one.name == "dcgm-exporter")
    affinity = chart.values["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (wanted,) = term["matchExpressions"]
    # Nodes of HyperPod are labelled with SageMaker's name of their type.
    prefix = "ml." if platform == "hyperpod" else ""
    assert {f"{prefix}{name}" for name in INSTANCE_TYPES} <= set(wanted["values"])
