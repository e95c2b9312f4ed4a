"""One value that changes is one property that changes, on every platform and with either weights:
what is redeployed is that and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from shipped import checked

from disagg import artifacts
from disagg.config.environment import Environment
from tests.stacks.synthesis import synthesize

S3 = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}
NODES = {
    ("eks", "desired_nodes"): ["ScalingConfig.DesiredSize"],
    ("eks", "nodes"): ["ScalingConfig.MaxSize"],
    ("hyperpod", "desired_nodes"): ["InstanceGroups.decode.InstanceCount"],
    # HyperPod has no largest size: a count is what runs.
    ("hyperpod", "nodes"): [],
}
"""Properties that a size of the decode group is, by platform. Source: CloudFormation reference,
AWS::EKS::Nodegroup and AWS::SageMaker::Cluster."""
TYPES = {"eks": "AWS::EKS::Nodegroup", "hyperpod": "AWS::SageMaker::Cluster"}


def named(value: Any) -> Any:
    """Return lists of instance groups as mappings, so that a change says which group it is of."""
    if isinstance(value, list) and value and all("InstanceGroupName" in one for one in value):
        return {one["InstanceGroupName"]: one for one in value}
    return dict(enumerate(value)) if isinstance(value, list) else value


def changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    old, new = named(old), named(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            yield from changes(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif old != new:
        yield path


def made(platform: str, weights: dict[str, str] | None, **edits: Any) -> Environment:
    more = {"serving__weights": weights} if weights else {}
    return checked("pilot", cluster__platform=platform, **more, **edits).environment


@pytest.mark.parametrize("weights", [None, S3], ids=["hugging_face", "s3"])
@pytest.mark.parametrize("platform", ["eks", "hyperpod"])
def test_one_value_changes_one_property(platform: str, weights: dict[str, str] | None) -> None:
    before = made(platform, weights)
    templates, manifests = synthesize(before), artifacts.render(before)
    assert synthesize(made(platform, weights)) == templates
    for key, value in (("desired_nodes", 1), ("nodes", 2)):
        after = made(platform, weights, **{f"capacity__decode__{key}": value})
        found = []
        for change in changes(templates, synthesize(after)):
            stack, _, logical_id, _, rest = change.split(".", 4)
            kind = templates[stack]["Resources"][logical_id]["Type"]
            assert (stack, kind) == ("Disagg-Pilot-Capacity", TYPES[platform])
            found.append(rest)
        assert found == NODES[platform, key]
        assert artifacts.render(after) == manifests
    after = made(platform, weights, serving__decode__replicas=1)
    assert synthesize(after) == templates
    # Above all no Job: it cannot change, and would copy the model again.
    assert list(changes(manifests, artifacts.render(after))) == [
        "30-decode-pool.yaml.0.spec.replicas"
    ]
