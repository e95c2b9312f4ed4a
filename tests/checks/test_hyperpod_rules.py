"""Rules over what is rendered for HyperPod: each is broken by one change of the example."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import disagg_k8s
from disagg.checks.environment import load_environment
from disagg.checks.manifests import check_manifests, hyperpod_rules
from disagg.checks.rule import rules_of
from disagg.checks.templates import check_templates
from disagg.checks.templates import hyperpod_rules as template_rules
from tests.stacks.synthesis import Template, of_type, synthesize

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = load_environment(ROOT / "examples" / "03-hyperpod" / "environment.yaml").environment
TEMPLATES = synthesize(EXAMPLE)
RENDERED = disagg_k8s.render(EXAMPLE)
CAPACITY = "Disagg-Hyperpod-Capacity"
HEALTH = "sagemaker.amazonaws.com/node-health-status"
Given = dict[str, Template]
Change = Callable[[dict[str, Any]], object]


def prefill(given: Given) -> dict[str, Any]:
    (cluster,) = of_type(given[CAPACITY], "AWS::SageMaker::Cluster").values()
    (group,) = [one for one in cluster["InstanceGroups"] if one["InstanceGroupName"] == "prefill"]
    found: dict[str, Any] = group
    return found


TAINT = {"Taints": [{"Key": "nvidia.com/gpu", "Value": "present", "Effect": "NoSchedule"}]}
IN_TEMPLATES: list[tuple[str, str, Change]] = [
    ("016", "plain efa", lambda g: g.update(NetworkInterface={"InterfaceType": "efa"})),
    ("016", "no interface", lambda g: g.pop("NetworkInterface")),
    ("016", "two zones", lambda g: g["OverrideVpcConfig"]["Subnets"].append("subnet-1")),
    ("016", "no EFA group", lambda g: g["OverrideVpcConfig"]["SecurityGroupIds"].pop()),
    ("017", "a taint", lambda g: g["KubernetesConfig"].update(TAINT)),
    ("018", "unsaid threads", lambda g: g.pop("ThreadsPerCore")),
    ("018", "one thread", lambda g: g.update(ThreadsPerCore=1)),
    ("019", "a bucket", lambda g: g["LifeCycleConfig"].update(SourceS3Uri="s3://scripts/x")),
]


def test_what_is_rendered_for_hyperpod_breaks_no_rule() -> None:
    assert check_templates(TEMPLATES) == []
    assert check_manifests(RENDERED, EXAMPLE) == []


@pytest.mark.parametrize(
    ("code", "change"),
    [(code, change) for code, _, change in IN_TEMPLATES],
    ids=[f"{code} {what}" for code, what, _ in IN_TEMPLATES],
)
def test_a_template_changed_for_the_worse_is_found(code: str, change: Change) -> None:
    given = copy.deepcopy(TEMPLATES)
    change(prefill(given))
    problems = check_templates(given)
    assert {one.code for one in problems} == {f"DISAGG-TPL-{code}"}
    assert all("InstanceGroups.1" in one.path for one in problems)


def test_a_taint_is_fine_where_nothing_is_checked() -> None:
    given = copy.deepcopy(TEMPLATES)
    prefill(given)["KubernetesConfig"].update(TAINT)
    prefill(given).pop("OnStartDeepHealthChecks")
    assert check_templates(given) == []


def test_every_template_rule_of_hyperpod_is_broken_by_some_change() -> None:
    broken = {f"DISAGG-TPL-{code}" for code, _, _ in IN_TEMPLATES}
    assert {one.code for one in rules_of(template_rules)} == broken


IN_PODS: list[tuple[str, Change]] = [
    ("no label", lambda spec: spec["nodeSelector"].pop(HEALTH)),
    ("another value", lambda spec: spec["nodeSelector"].update({HEALTH: "Unschedulable"})),
    ("its taint", lambda spec: spec["tolerations"].append({"key": HEALTH, "operator": "Exists"})),
    ("every taint", lambda spec: spec["tolerations"].append({"operator": "Exists"})),
]


@pytest.mark.parametrize("role", ["prefill", "decode"])
@pytest.mark.parametrize("change", [one for _, one in IN_PODS], ids=[what for what, _ in IN_PODS])
def test_a_pod_that_would_run_on_an_unhealthy_node_is_found(role: str, change: Change) -> None:
    files = copy.deepcopy(RENDERED)
    (one,) = [
        each
        for objects in files.values()
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", role)
    ]
    change(one["spec"]["template"]["spec"])
    assert {p.code for p in check_manifests(files, EXAMPLE)} == {"DISAGG-POD-016"}
    assert [one.code for one in rules_of(hyperpod_rules)] == ["DISAGG-POD-016"]
