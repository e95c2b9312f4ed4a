"""What alternatives get wrong in what they render is right here.

Each test names the defect seen elsewhere; those that need a control plane are in
`tests/local/cluster/test_peers.py`, and what keeps queries alive in `tests/checks`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shipped import REMOVE, checked

import disagg_k8s
from disagg import artifacts
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.regions import REGIONS
from disagg.errors import InvalidInputError
from disagg.quantities import quantity

Json = dict[str, Any]
TYPES = sorted(
    name
    for name, row in INSTANCE_TYPES.items()
    if row.sold_on_demand and any(REGIONS[one].partition == "aws" for one in row.regions)
)
SERVERS = ("prefill", "decode", "baseline")


def on(instance_type: str) -> Any:
    """Return the pilot on another type, in a region that has it."""
    region = next(
        one
        for one in sorted(INSTANCE_TYPES[instance_type].regions)
        if REGIONS[one].partition == "aws"
    )
    zones = [f"{REGIONS[region].zone_id_prefix}-az{number}" for number in (1, 2)]
    return checked(
        "pilot",
        aws__region=region,
        network__availability_zone_ids=zones,
        network__fabric_zone_id=zones[1],
        capacity__prefill__instance_type=instance_type,
        capacity__decode__instance_type=instance_type,
        capacity__prefill__nodes=2,
        capacity__decode__nodes=2,
        serving__model="openai/gpt-oss-20b",
        serving__prefill={"replicas": 2, "tensor_parallel": 1, "memory_gib": 100, "cpu": 6},
        serving__decode={"replicas": 2, "tensor_parallel": 4, "memory_gib": 200, "cpu": 20},
        budget=REMOVE,
    ).environment


@pytest.fixture(scope="module")
def rendered() -> list[Json]:
    found = disagg_k8s.render(checked("pilot").environment)
    return [one for group in found.values() for one in group]


@pytest.fixture(scope="module")
def pods(rendered: list[Json]) -> dict[str, Json]:
    """Return the pod of each workload by name."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in rendered
        if one["kind"] == "Deployment"
    }


def containers(pod: Json) -> list[Json]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def staying(pod: Json) -> list[Json]:
    return [
        one
        for one in containers(pod)
        if one in pod["containers"] or one.get("restartPolicy") == "Always"
    ]


@pytest.mark.parametrize("instance_type", TYPES)
def test_efa_devices_come_from_the_type_and_all_pods_of_a_full_node_get_theirs(
    instance_type: str,
) -> None:
    """Numbers written for p5en (2 and 8 of 32, or a literal 16) leave pods Pending on p6-b200."""
    row = INSTANCE_TYPES[instance_type]
    for one in disagg_k8s.render(on(instance_type)).values():
        for each in one:
            if each["kind"] == "Deployment" and each["metadata"]["name"] in ("prefill", "decode"):
                pod = each["spec"]["template"]["spec"]
                limits = pod["containers"][0]["resources"]["limits"]
                gpus, efa = int(limits["nvidia.com/gpu"]), int(limits["vpc.amazonaws.com/efa"])
                assert pod["nodeSelector"]["node.kubernetes.io/instance-type"] == instance_type
                # Its GPUs' share of the node's devices, and never none.
                assert efa == max(1, row.efa_devices * gpus // row.gpus)


def test_more_efa_than_a_type_has_is_refused_before_anything_is_made() -> None:
    """Left to the cluster it stays Pending, or stalls a scheduler that allocates by claims."""
    with pytest.raises(InvalidInputError, match="DISAGG-CAP-006"):
        checked(
            "pilot",
            capacity__prefill__instance_type="g6e.48xlarge",
            capacity__decode__instance_type="g6e.48xlarge",
            serving__model="openai/gpt-oss-20b",
        )


def test_decode_outranks_prefill_and_prefill_outranks_nobody_else(rendered: list[Json]) -> None:
    """Without priorities fragmentation left a decode pod Pending for good."""
    rank = {
        one["metadata"]["name"]: one["value"] for one in rendered if one["kind"] == "PriorityClass"
    }
    assert rank["pilot-router"] > rank["pilot-decode"] > rank["pilot-prefill"]
    assert rank["pilot-prefill"] > rank["pilot-baseline"]


def test_pods_that_share_nodes_never_shun_each_other_by_labels(pods: dict[str, Json]) -> None:
    """A proxy that carried the label its own pods shun never landed."""
    assert not any("podAntiAffinity" in pod.get("affinity", {}) for pod in pods.values())


def test_shared_memory_is_inside_the_memory_limit(pods: dict[str, Json]) -> None:
    """A memory volume of 20 GiB under a limit of 16 GiB kills the pod when it is used."""
    seen = 0
    for pod in pods.values():
        for volume in pod.get("volumes", []):
            if volume.get("emptyDir", {}).get("medium") == "Memory":
                limit = pod["containers"][0]["resources"]["limits"]["memory"]
                assert quantity(volume["emptyDir"]["sizeLimit"]) < quantity(limit) / 2
                seen += 1
    assert seen >= len(SERVERS)


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_a_pool_ends_gracefully_and_says_what_a_lost_kv_block_means(
    role: str, pods: dict[str, Json], rendered: list[Json]
) -> None:
    """Elsewhere: no grace period, no preStop, no budget, no priority, no failure policy."""
    pod = pods[role]
    server = pod["containers"][0]
    assert pod["terminationGracePeriodSeconds"] > 30
    assert server["lifecycle"]["preStop"]
    assert pod["priorityClassName"] == f"pilot-{role}"
    start = "--kv-transfer-config="
    (given,) = [one for one in server["args"] if one.startswith(start)]
    transfer = json.loads(given.removeprefix(start))
    assert transfer["kv_load_failure_policy"] in ("fail", "recompute")
    assert transfer["kv_connector_extra_config"]["backends"] == ["LIBFABRIC"]
    budgets = [one["metadata"]["name"] for one in rendered if one["kind"] == "PodDisruptionBudget"]
    assert role in budgets


def test_every_container_that_stays_has_requests_and_probes(pods: dict[str, Json]) -> None:
    """Sidecars and pickers without resources are evicted first; without probes they hang on."""
    for pod in pods.values():
        for one in staying(pod):
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys(), one["name"]
            assert "memory" in one["resources"]["limits"], one["name"]
            assert one.keys() & {"readinessProbe", "livenessProbe", "startupProbe"}, one["name"]


def test_every_engine_asks_for_its_gpus_and_nothing_bends_them(pods: dict[str, Json]) -> None:
    """An engine with its GPU request commented out lands anywhere, and UCX_TLS shuts EFA out."""
    for role in SERVERS:
        server = pods[role]["containers"][0]
        assert int(server["resources"]["limits"]["nvidia.com/gpu"]) >= 1
        names = {one["name"] for one in server["env"]}
        assert not names & {"CUDA_VISIBLE_DEVICES", "UCX_TLS", "NCCL_SOCKET_IFNAME"}


def test_no_pod_shares_the_hosts_namespaces_and_no_secret_is_rendered(
    pods: dict[str, Json], rendered: list[Json]
) -> None:
    """hostPID, hostIPC, hostNetwork, host paths, and tokens in Secrets of the chart."""
    for pod in pods.values():
        assert not any(pod.get(key) for key in ("hostPID", "hostIPC", "hostNetwork"))
        assert not any("hostPath" in volume for volume in pod.get("volumes", []))
    assert not any(one["kind"] == "Secret" for one in rendered)


def test_every_volume_is_mounted(pods: dict[str, Json]) -> None:
    """A volume for NIXL elsewhere was declared and mounted by nobody."""
    for pod in pods.values():
        mounted = {m["name"] for one in containers(pod) for m in one.get("volumeMounts", [])}
        assert {one["name"] for one in pod.get("volumes", [])} == mounted


PROGRAM = """\
import hashlib, pathlib, sys
from shipped import checked
from disagg import artifacts
written = artifacts.write_all(checked("pilot").environment, pathlib.Path(sys.argv[1]))
files = sorted(one for one in written.directory.rglob("*") if one.is_file())
for one in files:
    print(one.relative_to(written.directory), hashlib.sha256(one.read_bytes()).hexdigest())
"""


@pytest.mark.slow
def test_what_is_written_depends_on_no_credentials_home_or_hash_seed(
    root: Path, tmp_path: Path
) -> None:
    """Elsewhere five renderings differed in 30, and templates depended on credentials."""
    path = os.pathsep.join(
        map(str, (root, *(root / name for name in ("constructs", "stacks", "k8s", "tests"))))
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}
    told = []
    for number, more in enumerate(({}, {**keys, "AWS_REGION": "eu-west-1"})):
        home = tmp_path / str(number)
        home.mkdir()
        other = {"PYTHONPATH": path, "HOME": str(home), "PYTHONHASHSEED": str(number)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(home / "dist")],
            env={**kept, **other, **more},
            cwd=home,
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert told[0].count("\n") > 15


@pytest.mark.slow
@pytest.mark.parametrize("instance_type", TYPES)
def test_every_type_of_the_catalogue_is_synthesized_with_imdsv2_and_al2023(
    instance_type: str, tmp_path: Path
) -> None:
    """A blueprint library cannot parse p6-b200, and hard-codes an AMI without a current version."""
    templates = artifacts.write_stacks(on(instance_type), tmp_path / "stacks")
    resources = [one for each in templates.values() for one in each["Resources"].values()]
    launch = [
        one["Properties"]["LaunchTemplateData"]
        for one in resources
        if one["Type"] == "AWS::EC2::LaunchTemplate"
    ]
    gpu = [one for one in launch if one["InstanceType"] == instance_type]
    assert len(gpu) == 2
    assert all(one["MetadataOptions"]["HttpTokens"] == "required" for one in launch)
    assert all(
        any(i["InterfaceType"] != "interface" for i in one["NetworkInterfaces"]) for one in gpu
    )
    kinds = {
        one["Properties"]["AmiType"] for one in resources if one["Type"] == "AWS::EKS::Nodegroup"
    }
    assert kinds == {"AL2023_x86_64_NVIDIA", "AL2023_x86_64_STANDARD"}
