"""What holds for every environment that validates: random ones, judged by oracles of their own."""

import json
import re
from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shipped import edited

from disagg import artifacts
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS
from disagg.checks.environment import check
from disagg.config.environment import Environment
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from disagg.planner.layout import groups
from disagg_k8s.yaml_out import dump_all

ON_DEMAND = sorted(name for name, row in INSTANCE_TYPES.items() if row.sold_on_demand)
ACCOUNT = "210987654321"


@st.composite
def vpc_ranges(draw: st.DrawFn) -> IPv4Network:
    """Draw a range that a VPC may have; the checks drop what overlaps the services."""
    prefix = draw(st.integers(16, 22))
    base = int(IPv4Address(draw(st.sampled_from(["10.0.0.0", "172.16.0.0", "192.168.0.0"]))))
    return IPv4Network((base + draw(st.integers(0, 3)) * 2 ** (32 - prefix), prefix))


@st.composite
def environments(draw: st.DrawFn) -> str:
    """Draw the text of an environment that is mostly valid; the checks drop the rest."""
    kind = draw(st.sampled_from(ON_DEMAND))
    region = draw(st.sampled_from(sorted(INSTANCE_TYPES[kind].regions)))
    known = REGIONS[region]
    zones = [f"{known.zone_id_prefix}-az{number}" for number in range(1, draw(st.integers(3, 5)))]
    prefill = draw(st.sampled_from([1, 2, 4, 8]))
    decode = draw(st.sampled_from([tp for tp in (1, 2, 4, 8) if tp >= prefill]))
    nodes = {"prefill": draw(st.integers(1, 3)), "decode": draw(st.integers(1, 3))}
    colocate = draw(st.booleans())
    replicas = {
        "prefill": draw(st.integers(1, nodes["prefill"] * 8 // prefill)),
        "decode": draw(st.integers(1, nodes["decode"] * 8 // decode)),
    }
    capacity: dict[str, Any] = {
        name: {"instance_type": kind, "nodes": count, "desired_nodes": draw(st.integers(0, count))}
        for name, count in ({"shared": sum(nodes.values())} if colocate else nodes).items()
    }
    capacity["placement_group"] = draw(st.sampled_from(["auto", "cluster", "none"]))
    return edited(
        "pilot",
        {
            "name": draw(st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)),
            "aws": {"account": ACCOUNT, "region": region},
            "network.cidr": str(draw(vpc_ranges())),
            "network.availability_zone_ids": zones,
            "network.fabric_zone_id": draw(st.sampled_from(zones)),
            "cluster.administrators": draw(
                st.lists(
                    st.sampled_from(
                        [
                            f"arn:{known.partition}:iam::{ACCOUNT}:role/{name}"
                            for name in ("a", "team/b", "c+d=e,f.g@h_i")
                        ]
                    ),
                    min_size=1,
                    max_size=3,
                )
            ),
            "cluster.client_cidrs": draw(
                st.lists(st.sampled_from(["10.200.0.0/16", "192.168.250.7/32"]), max_size=2)
            ),
            "cluster.kubernetes_version": draw(st.sampled_from(["1.33", "1.34", "1.35"])),
            "capacity": capacity,
            "serving.model": draw(st.sampled_from(sorted(MODELS))),
            "serving.max_context_tokens": draw(st.sampled_from([4096, 32768])),
            "serving.prefill": {
                "replicas": replicas["prefill"],
                "tensor_parallel": prefill,
                "huge_pages_mib": draw(st.sampled_from([0, 0, 512])),
            },
            "serving.decode": {"replicas": replicas["decode"], "tensor_parallel": decode},
            "serving.placement": "colocate" if colocate else "separate_nodes",
            "serving.router.policy": draw(st.sampled_from(["load_aware", "prefix_aware"])),
            "serving.kv_transfer": {
                "failure_policy": draw(st.sampled_from(["fail", "recompute"])),
                "block_size": draw(st.sampled_from([16, 64, 128])),
            },
            "serving.pod_privilege": draw(st.sampled_from(["ipc_lock", "privileged"])),
        },
    )


def sound(text: str) -> Environment:
    try:
        return check(read_text(text, "random.yaml")).environment
    except InvalidInputError:
        assume(condition=False)
        raise


def requested(manifests: artifacts.Manifests) -> Counter[tuple[str, str]]:
    """Sum what GPU pods of each group of nodes ask for, from the manifests alone."""
    total: Counter[tuple[str, str]] = Counter()
    for one in (one for objects in manifests.values() for one in objects):
        if one["kind"] != "Deployment":
            continue
        pod = one["spec"]["template"]["spec"]
        (server,) = pod["containers"] if len(pod["containers"]) == 1 else (pod["containers"][0],)
        limits = server["resources"].get("limits", {})
        place = pod.get("nodeSelector", {}).get("disagg/role", "any")
        for resource in ("nvidia.com/gpu", "vpc.amazonaws.com/efa"):
            total[place, resource] += one["spec"]["replicas"] * int(limits.get(resource, 0))
    return total


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(text=environments())
def test_manifests_of_any_environment_are_accepted_fit_and_name_no_account(text: str) -> None:
    environment = sound(text)
    manifests = artifacts.render(environment)  # judged by every manifest rule
    objects = [one for group in manifests.values() for one in group]
    for one in objects:
        kubernetes_validate.validate(one, environment.cluster.kubernetes_version, strict=True)
    rendered = "".join(dump_all(group) for group in manifests.values())
    assert "${Token[" not in rendered
    assert "arn:aws" not in rendered
    assert not re.search(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])", rendered)
    asked = requested(manifests)
    for resource, each in (("nvidia.com/gpu", "gpus"), ("vpc.amazonaws.com/efa", "efa_devices")):
        have = {
            name: group.nodes * getattr(INSTANCE_TYPES[group.instance_type], each)
            for name, group in groups(environment.capacity).items()
        }
        assert sum(count for (_, kind), count in asked.items() if kind == resource) <= sum(
            have.values()
        )
        for name, available in have.items():
            assert asked[name, resource] <= available
    again = artifacts.render(environment)
    assert "".join(dump_all(group) for group in again.values()) == rendered
    assert list(yaml.safe_load_all(rendered)) == objects


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(text=environments())
def test_stacks_of_any_environment_are_synthesized_twice_alike(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = sound(text)
    base = tmp_path_factory.mktemp("any")
    first, second = base / "first", base / "second"
    artifacts.write_stacks(environment, first)  # judged by every template rule
    artifacts.write_stacks(environment, second)
    files = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert [file for file in files if file.name.endswith(".template.json")]
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    assert "missing" not in json.loads((first / "manifest.json").read_text("utf-8"))
