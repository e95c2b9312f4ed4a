"""What holds for the claims of every environment that validates, counted from manifests alone."""

from collections import Counter
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, assume, given, settings
from random_environments import environments, sound

import disagg_k8s
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.manifests import check_manifests
from disagg.checks.manifests.object_rules import is_custom
from disagg.planner.layout import groups

CLASSES = {"gpu.nvidia.com": "gpus", "efa.networking.k8s.aws": "efa_devices"}


def claimed(objects: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Sum what the pods of each group of nodes claim."""
    amounts = {
        one["metadata"]["name"]: Counter(
            {
                request["name"]: request["exactly"]["count"]
                for request in one["spec"]["spec"]["devices"]["requests"]
            }
        )
        for one in objects
        if one["kind"] == "ResourceClaimTemplate"
    }
    total: Counter[tuple[str, str]] = Counter()
    for one in (each for each in objects if each["kind"] == "Deployment"):
        pod = one["spec"]["template"]["spec"]
        place = pod.get("nodeSelector", {}).get("disagg/role", "any")
        for claim in pod.get("resourceClaims", []):
            for name, count in amounts[claim["resourceClaimTemplateName"]].items():
                kind = "gpu.nvidia.com" if name.startswith("gpu-") else "efa.networking.k8s.aws"
                total[place, kind] += one["spec"]["replicas"] * count
    return total


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(text=environments())
def test_claims_of_any_environment_are_accepted_and_fit_the_nodes(text: str) -> None:
    counted = sound(text)
    assume(counted.cluster.kubernetes_version != "1.33")
    environment = replace(counted, capacity=replace(counted.capacity, device_exposure="dra"))
    files = disagg_k8s.render(environment)
    assert check_manifests(files, environment) == []
    objects = [one for group in files.values() for one in group]
    for one in (each for each in objects if not is_custom(each)):
        kubernetes_validate.validate(one, environment.cluster.kubernetes_version, strict=True)
    asked = claimed(objects)
    assert asked
    for name, group in groups(environment.capacity).items():
        for kind, amount in CLASSES.items():
            have = group.nodes * getattr(INSTANCE_TYPES[group.instance_type], amount)
            assert asked[name, kind] <= have
    # The same pods without claims: nothing else of them may differ.
    plain = disagg_k8s.render(counted)
    assert set(files) - set(plain) == {"25-device-claims.yaml"}
    for file, others in plain.items():
        assert [one["metadata"] for one in others] == [one["metadata"] for one in files[file]]
