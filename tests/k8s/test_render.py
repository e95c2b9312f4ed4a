"""The rendering as a whole: complete, deterministic, accepted by the engines that read it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML
from shipped import checked

import disagg_k8s
from disagg.checks.engines import validate_envoy, validate_schemas
from disagg.config.environment import Environment
from disagg_k8s.yaml_out import dump_all

Files = dict[str, list[dict[str, Any]]]

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "pilot": ("pilot", {}),
    "reference": ("reference", {}),
    "every option": (
        "pilot",
        {
            "serving__model": "meta-llama/Llama-3.3-70B-Instruct",
            "serving__max_context_tokens": 16384,
            "serving__pod_privilege": "privileged",
            "serving__router": {"policy": "load_aware"},
            "serving__kv_transfer": {"failure_policy": "recompute", "lease_seconds": 90},
            "serving__prefill": {
                "replicas": 2,
                "tensor_parallel": 2,
                "cpu": 20,
                "memory_gib": 300,
                "shm_gib": 32,
                "huge_pages_mib": 5120,
            },
            "serving__baseline": {"tensor_parallel": 8},
        },
    ),
}


def environment(variant: str) -> Environment:
    name, edits = VARIANTS[variant]
    return checked(name, **edits).environment


@pytest.fixture(params=VARIANTS)
def rendered(request: pytest.FixtureRequest) -> Files:
    return disagg_k8s.render(environment(request.param))


def objects(files: Files) -> dict[tuple[str, str], dict[str, Any]]:
    return {(o["kind"], o["metadata"]["name"]): o for found in files.values() for o in found}


def server(variant: str, name: str) -> dict[str, Any]:
    found = objects(disagg_k8s.render(environment(variant)))
    container: dict[str, Any] = found["Deployment", name]["spec"]["template"]["spec"]["containers"][
        0
    ]
    return container


def digest(files: Files) -> str:
    return hashlib.sha256(
        "".join(name + dump_all(files[name]) for name in files).encode()
    ).hexdigest()


def test_files_come_in_apply_order_and_none_is_empty(rendered: Files) -> None:
    assert list(rendered) == sorted(rendered)
    assert all(rendered.values())
    kinds = [o["kind"] for found in rendered.values() for o in found]
    assert kinds.index("Namespace") < kinds.index("ServiceAccount") < kinds.index("Deployment")
    names = [
        o["metadata"]["name"]
        for found in rendered.values()
        for o in found
        if o["kind"] == "Deployment"
    ]
    assert names == ["decode", "prefill", "baseline", "router"]


def test_every_object_passes_the_strict_schemas(rendered: Files) -> None:
    for name, found in rendered.items():
        assert validate_schemas(found, "1.34", file=name) == []


def test_envoy_accepts_its_configuration(rendered: Files) -> None:
    text = objects(rendered)["ConfigMap", "router"]["data"]["envoy.yaml"]
    assert validate_envoy(text) == []


def test_readers_of_both_yaml_versions_get_what_was_rendered(rendered: Files) -> None:
    for found in rendered.values():
        text = dump_all(found)
        assert list(yaml.safe_load_all(text)) == found
        assert list(YAML(typ="safe", pure=True).load_all(text)) == found


def test_the_same_environment_gives_the_same_bytes() -> None:
    assert digest(disagg_k8s.render(environment("pilot"))) == digest(
        disagg_k8s.render(environment("pilot"))
    )


@pytest.mark.slow
def test_another_machine_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    program = (
        "import hashlib, disagg_k8s\n"
        "from disagg_k8s.yaml_out import dump_all\n"
        "from shipped import checked\n"
        "f = disagg_k8s.render(checked('pilot').environment)\n"
        "print(hashlib.sha256(''.join(n + dump_all(f[n]) for n in f).encode()).hexdigest())"
    )
    other = {
        **os.environ,
        "HOME": str(tmp_path),
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "4711",
        "PYTHONPATH": os.pathsep.join(map(str, (root, root / "k8s", root / "tests"))),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=other,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest(disagg_k8s.render(environment("pilot")))


def test_a_changed_policy_changes_the_digest_on_the_pods() -> None:
    annotations = [
        objects(
            disagg_k8s.render(checked("pilot", serving__router={"policy": policy}).environment)
        )["Deployment", "router"]["spec"]["template"]["metadata"]["annotations"]
        for policy in ("prefix_aware", "load_aware")
    ]
    assert annotations[0].keys() == annotations[1].keys()
    assert annotations[0] != annotations[1]


def test_a_pod_of_the_pilot_asks_for_its_share_of_p6_b200() -> None:
    # Oracle: 8 GPUs and 8 EFA devices a node (EC2 user guide), by hand.
    prefill, decode = server("pilot", "prefill"), server("pilot", "decode")
    assert prefill["resources"]["limits"] == {
        "memory": "80Gi",
        "nvidia.com/gpu": "1",
        "vpc.amazonaws.com/efa": "1",
    }
    assert decode["resources"]["requests"] == {
        "cpu": "32",
        "memory": "272Gi",
        "nvidia.com/gpu": "4",
        "vpc.amazonaws.com/efa": "4",
    }


def test_options_reach_the_pod() -> None:
    prefill = server("every option", "prefill")
    assert prefill["resources"]["requests"] == {
        "cpu": "20",
        "memory": "300Gi",
        "hugepages-2Mi": "5Gi",
        "nvidia.com/gpu": "2",
        "vpc.amazonaws.com/efa": "2",
    }
    assert prefill["securityContext"] == {"privileged": True}
    assert "--max-model-len=16384" in prefill["args"]
    assert "--tool-call-parser=llama3_json" in prefill["args"]
    assert {"name": "FI_EFA_USE_HUGE_PAGE", "value": "1"} in prefill["env"]
    config = next(a for a in prefill["args"] if a.startswith("--kv-transfer-config="))
    assert '"kv_load_failure_policy":"recompute"' in config
    assert '"kv_lease_duration":90' in config
    assert prefill["lifecycle"]["preStop"]["sleep"]["seconds"] == 10 + 60 + 90


def test_defaults_leave_options_out() -> None:
    prefill = server("pilot", "prefill")
    assert not any(a.startswith("--max-model-len") for a in prefill["args"])
    assert "hugepages-2Mi" not in prefill["resources"]["limits"]
    assert prefill["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}


@pytest.mark.parametrize(
    ("variant", "groups"), [("pilot", ("prefill", "decode")), ("reference", ("shared", "shared"))]
)
def test_pools_are_bound_to_their_groups_environment_type_and_zone(
    variant: str, groups: tuple[str, str]
) -> None:
    found = objects(disagg_k8s.render(environment(variant)))
    for role, group in zip(("prefill", "decode"), groups, strict=True):
        pod = found["Deployment", role]["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {
            "disagg/environment": variant,
            "disagg/role": group,
            "node.kubernetes.io/instance-type": "p6-b200.48xlarge",
            "topology.k8s.aws/zone-id": "usw2-az2",
        }
        assert "affinity" not in pod


def test_a_budget_lets_the_pods_of_one_node_go_together() -> None:
    # Oracle: eight GPUs a node; with 90 of its 189 cores a prefill pod, two on one; by hand.
    for cpu, prefill in ((8, 8), (90, 2)):
        edits = {"serving__prefill__replicas": 2, "serving__prefill__cpu": cpu}
        found = objects(disagg_k8s.render(checked("pilot", **edits).environment))
        budgets = {
            role: found["PodDisruptionBudget", role]["spec"]["maxUnavailable"]
            for role in ("prefill", "decode")
        }
        assert budgets == {"prefill": prefill, "decode": 2}


def test_the_baseline_waits_with_no_replicas_and_takes_any_gpu_node() -> None:
    baseline = objects(disagg_k8s.render(environment("pilot")))["Deployment", "baseline"]["spec"]
    assert baseline["replicas"] == 0
    terms = baseline["template"]["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0] == {
        "key": "disagg/role",
        "operator": "In",
        "values": ["prefill", "decode"],
    }


def test_weights_of_the_policies_differ() -> None:
    configs = [
        yaml.safe_load(
            objects(disagg_k8s.render(environment(variant)))["ConfigMap", "router"]["data"][
                "picker.yaml"
            ]
        )
        for variant in ("pilot", "every option")
    ]
    used = [{p["type"] for p in config["plugins"]} for config in configs]
    assert "prefix-cache-scorer" in used[0]
    assert "prefix-cache-scorer" not in used[1]
