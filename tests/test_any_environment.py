"""What holds for every environment that validates: random ones, judged by oracles of their own."""

import json
import re
from collections import Counter

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from random_environments import environments, sound

from disagg import artifacts
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.manifests.object_rules import is_custom
from disagg.planner.layout import groups
from disagg_k8s.yaml_out import dump_all


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
    for one in (each for each in objects if not is_custom(each)):
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
