"""What is rendered breaks no manifest rule, whatever the environment says."""

import copy
from typing import Any

import pytest
from manifest_edits import (
    PILOT,
    RENDERED,
    argument,
    both,
    decode,
    epp,
    picker,
    prefill_pod,
    switch_on,
    variable,
)
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import MANIFEST_RULES, check_manifests

ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "pilot": {},
    "load aware": {"serving__router": {"policy": "load_aware"}},
    "privileged": {"serving__pod_privilege": "privileged"},
    "huge pages": {
        "serving__prefill": {"replicas": 2, "tensor_parallel": 1, "huge_pages_mib": 5120},
        "serving__decode": {"replicas": 1, "tensor_parallel": 4, "huge_pages_mib": 5120},
    },
    "short context": {"serving__max_context_tokens": 8192},
    "another model": {"serving__model": "Qwen/Qwen3-32B"},
    "recompute": {"serving__kv_transfer": {"failure_policy": "recompute", "lease_seconds": 120}},
    "a wide baseline": {"serving__baseline": {"tensor_parallel": 8}},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_rendered_breaks_no_rule(name: str) -> None:
    environment = checked("pilot", **ENVIRONMENTS[name]).environment
    assert check_manifests(disagg_k8s.render(environment), environment) == []


def test_the_reference_layout_breaks_no_rule() -> None:
    environment = checked("reference").environment
    assert check_manifests(disagg_k8s.render(environment), environment) == []


def test_codes_are_used_once_and_explained() -> None:
    codes = [one.code for one in MANIFEST_RULES]
    assert len(codes) == len(set(codes))
    assert all(one.title.endswith(".") and len(one.explanation) > 40 for one in MANIFEST_RULES)


def test_a_problem_names_the_file_of_its_object() -> None:
    files = copy.deepcopy(RENDERED)
    switch_on("hostNetwork", prefill_pod)(files)
    (problem,) = check_manifests(files, PILOT)
    assert problem.file == "40-prefill-pool.yaml"
    assert problem.path.startswith("Deployment pilot-serving/prefill.spec.template.spec")


def test_kv_events_on_the_routers_port_are_fine() -> None:
    files = copy.deepcopy(RENDERED)
    event = '{"enable_kv_cache_events":true,"topic":"kv@$(POD_IP):$(POD_PORT)@gpt-oss-120b"}'
    both(variable("POD_PORT", "8000"), argument("--kv-events-config", event, decode))(files)
    assert check_manifests(files, PILOT) == []


def test_an_alpha_plugin_is_fine_where_it_is_asked_for() -> None:
    files = copy.deepcopy(RENDERED)
    both(
        epp(lambda c: c["plugins"].append({"type": "topology-affinity-scorer"})),
        argument("--allow-experimental-plugins", "true", picker),
    )(files)
    assert check_manifests(files, PILOT) == []
