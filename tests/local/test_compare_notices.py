"""A comparison is worth what it notices: every key of the file, every field that is read back.

One environment of each platform is deployed in this process. Then the file is changed and what was
created is not, and the reverse.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from in_process import Endpoint, deployed
from moto import mock_aws
from shipped import checked

from disagg import artifacts
from disagg.config.capacity import CapacityBlock, GpuGroup, Reservation, TrainingPlan
from disagg.config.environment import Aws, Cluster, Environment, HyperPod
from disagg.config.weights import S3
from disagg.local.aws.extension import install
from disagg.local.compare import Created, compare, read_created
from tests.local.conftest import client

pytestmark = pytest.mark.slow

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
HELD = {"instances": 2, "zone_id": "usw2-az2"}
END = "2027-03-01T11:30:00Z"
BLOCK = {"kind": "capacity_block", "id": "cr-0123456789abcdef0", "end": END} | HELD
RESERVED = {"kind": "reservation", "id": "cr-0123456789abcdef1", "placement_group": "ours"} | HELD
PLAN_ARN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march"
PLAN = {"kind": "training_plan", "arn": PLAN_ARN, "end": END} | HELD
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
STORE = {"kind": "s3", "revision": COMMIT, "token_secret": "disagg/hub-token"}
ARGOCD = {
    "identity_center_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
    "admin_groups": ["94482488-3041-7026-18f3-be45837cd0e4"],
    "vpc_endpoint_ids": ["vpce-0123456789abcdef0"],
}
BOTH: dict[str, Any] = {
    "cluster__service_cidr": "172.24.0.0/16",
    "cluster__client_cidrs": ["192.168.7.0/24"],
    "aws__tags": {"cost-center": "4711"},
    "aws__permissions_boundary": "arn:aws:iam::123456789012:policy/boundary",
    "serving__weights": STORE,
    "network__encryption": "monitor",
    "images": {"kind": "ecr"},
}
BASES: dict[str, dict[str, Any]] = {
    "eks": BOTH
    | {
        "capacity__prefill__source": RESERVED,
        "capacity__decode__source": BLOCK,
        "capacity__decode__ami": "bottlerocket",
        "delivery": {"argocd_capability": ARGOCD},
    },
    "hyperpod": BOTH
    | {
        "cluster__platform": "hyperpod",
        "cluster__hyperpod": {"deep_health_checks": ["instance_stress"]},
        "capacity__decode__source": PLAN,
    },
}


def environment(platform: str, **edits: Any) -> Environment:
    # Why a copy: an edit below a key changes what stands there.
    return checked("pilot", **deepcopy(BASES[platform] | edits)).environment


@cache
def created(platform: str) -> Created:
    one = environment(platform)
    install()
    with TemporaryDirectory() as folder, mock_aws():
        stacks = Path(folder) / "stacks"
        artifacts.write_stacks(one, stacks)
        deployed(client, stacks)
        return read_created(Endpoint(client), one.cluster_name, one.stack_prefix)


def different(one: Environment, made: Created) -> list[str]:
    return [fact.about for fact in compare(one, made) if not fact.agrees]


@pytest.mark.parametrize("platform", BASES)
def test_what_was_created_is_what_the_file_says(platform: str) -> None:
    assert different(environment(platform), created(platform)) == []


# Key of the file, another value of it, and the fact that then differs.
GROUP = "capacity__prefill__"
EDITS: dict[str, list[tuple[str, Any, str]]] = {
    "eks": [
        ("aws__tags", {"cost-center": "4712"}, "tags: of all"),
        ("aws__permissions_boundary", "arn:aws:iam::123456789012:policy/b", "roles: permissions"),
        ("aws__kms_key_arn", KEY, "key of one's own"),
        ("aws__roles", {"cluster": "arn:aws:iam::123456789012:role/x"}, "role of one's own"),
        ("network__internet", "none", "ways out of the VPC"),
        ("network__encryption", "enforce", "encryption controls"),
        ("images__prefix", "others", "images: repositories"),
        ("network__cidr", "10.43.0.0/16", "subnets: range"),
        ("network__availability_zone_ids", ["usw2-az2", "usw2-az3"], "subnets: range"),
        ("cluster__kubernetes_version", "1.35", "decode nodes: Kubernetes version"),
        ("cluster__kubernetes_version", "1.35", "cluster: Kubernetes version"),
        ("cluster__service_cidr", "172.25.0.0/16", "cluster: range of services"),
        ("cluster__client_cidrs", [], "cluster: ranges of clients"),
        ("cluster__administrators", ["arn:aws:iam::123456789012:role/x"], "cluster: administ"),
        ("cluster__system_instance_type", "m7i.4xlarge", "system nodes: type"),
        ("cluster__system_nodes", 3, "system nodes: type, size"),
        ("cluster__deletion_protection", True, "cluster: deletion protection"),
        (GROUP + "instance_type", "p6-b300.48xlarge", "prefill nodes: instance type"),
        (GROUP + "nodes", 2, "prefill nodes: size"),
        (GROUP + "desired_nodes", 1, "prefill nodes: size"),
        (GROUP + "ami", "bottlerocket", "prefill nodes: AMI"),
        (GROUP + "root_volume_gib", 300, "prefill nodes: encrypted volumes"),
        ("capacity__decode__root_volume_gib", 300, "decode nodes: encrypted volumes"),
        (GROUP + "source", {"kind": "on_demand"}, "prefill nodes: market, reservation"),
        (GROUP + "source__id", "cr-00000000", "prefill nodes: market, reservation"),
        (GROUP + "source__placement_group", "theirs", "prefill nodes: placement group"),
        ("capacity__decode__source__id", "cr-00000000", "decode nodes: market, reservation"),
        ("capacity__decode__source__end", "2027-03-02T11:30:00Z", "messages before"),
        ("capacity__decode__source__drain_minutes", 90, "messages before"),
        ("capacity__device_exposure", "dra", "decode nodes: labels"),
        ("serving__weights", {"kind": "hugging_face"}, "cluster: Pod Identity"),
        ("serving__weights__bucket", "models-of-ours", "model store: buckets"),
        ("serving__weights__prefix", "llm", "model store: what model-server may do"),
        ("serving__weights__token_secret", "other", "model store: what model-loader may do"),
        ("delivery__argocd_capability__vpc_endpoint_ids", [], "delivery: Argo CD of AWS"),
        ("delivery__argocd_capability__identity_center_region", "us-east-1", "delivery: Argo CD"),
    ],
    "hyperpod": [
        ("cluster__system_instance_type", "m7i.2xlarge", "system nodes: type"),
        ("cluster__system_nodes", 3, "system nodes: type, size"),
        ("cluster__hyperpod__node_recovery", "none", "HyperPod: node recovery"),
        ("cluster__hyperpod__deep_health_checks", [], "prefill nodes: taints"),
        ("cluster__hyperpod__tiered_storage_percent", 20, "HyperPod: tiered storage"),
        (GROUP + "instance_type", "p5en.48xlarge", "prefill nodes: type, size"),
        (GROUP + "desired_nodes", 1, "prefill nodes: type, size"),
        (GROUP + "root_volume_gib", 300, "prefill nodes: second volume"),
        (GROUP + "source", PLAN, "prefill nodes: training plan"),
        ("capacity__decode__source__arn", PLAN_ARN + "-2", "decode nodes: training plan"),
        ("capacity__decode__source__end", "2027-03-02T11:30:00Z", "messages before"),
        ("capacity__decode__source__drain_minutes", 90, "messages before"),
    ],
}


@pytest.mark.parametrize(
    ("platform", "key", "value", "about"),
    [(platform, *row) for platform, rows in EDITS.items() for row in rows],
)
def test_another_value_in_the_file_is_a_difference(
    platform: str, key: str, value: Any, about: str
) -> None:
    found = different(environment(platform, **{key: value}), created(platform))
    assert any(one.startswith(about) for one in found), found


UNSEEN = {
    "account": "it is where everything was looked for",
    "region": "the same",
    "name_prefix": "another prefix is another cluster, which is not found",
    "bootstrap_qualifier": "only names whose roles deploy",
    "platform": "the other platform has other facts",
    "endpoint": "there is one value",
    "existing": "tests/stacks/test_existing.py, examples/02 and 05",
    "hyperpod": "by its keys",
    "instances": "what a reservation holds is read by nobody",
    "zone_id": "must be the fabric's",
    "resource_group": "as id; tests/local/test_demo.py",
    "kind": "as source, weights",
    "revision": "is in manifests, and in a parameter for people",
    "price": "counts in the plan only",
}
"""Keys that make no difference to what is created, or none that is looked for here, and why."""


def test_every_key_that_shapes_aws_is_changed_above() -> None:
    changed = {row[0].rpartition("__")[2] for rows in EDITS.values() for row in rows}
    sections = (Aws, Cluster, HyperPod, GpuGroup, Reservation, CapacityBlock, TrainingPlan, S3)
    keys = {field.name for section in sections for field in fields(section)}
    assert keys - changed - UNSEEN.keys() == set()
    assert changed & UNSEEN.keys() == set()


NOT_COMPARED = {
    # Names, ids and words that AWS or CloudFormation chooses.
    *(f"Cluster.{one}" for one in ("name", "role_arn", "secrets_key_arn")),
    *(f"NodeGroup.{one}" for one in ("name", "arn", "role_arn")),
    *(f"LaunchTemplate.{one}" for one in ("id", "name", "version", "image_id")),
    *("Addon.arn", "PodIdentity.association_id", "Role.name", "Role.arn", "Capability.name"),
    *("HyperPod.name", "HyperPod.arn", "InstanceGroup.name", "InstanceGroup.role_arn"),
    *("Subnet.name", "Subnet.zone_name", "Endpoint.id", "FlowLog.id"),
    *(f"SecurityGroup.{one}" for one in ("name", "description", "vpc_id", "tags")),
    *("Rule.description", "AccessEntry.type", "AccessEntry.username"),
    # The same in every environment: a test of the construct says it (tests/constructs).
    *("NodeGroup.repair", "NodeGroup.max_unavailable", "NodeGroup.max_unavailable_percentage"),
    *(f"NetworkInterface.{one}" for one in ("subnet_id", "public_address")),
    "NetworkInterface.delete_on_termination",
    *(f"Volume.{one}" for one in ("device_name", "type", "iops", "throughput_mibps", "kms_key_id")),
    *("Addon.status", "Addon.configuration", "Addon.service_account_role_arn"),
    *("PodIdentity.target_role_arn", "Subnet.maps_public_addresses"),
    *(f"Endpoint.{one}" for one in ("subnet_ids", "security_group_ids", "policy")),
    "Endpoint.route_table_ids",
    *(f"FlowLog.{one}" for one in ("resource_id", "destination_type", "destination")),
    *("FlowLog.aggregation_seconds", "Schedule.target_arn"),
    "Repository.key_arn",
    # Only with Karpenter: tests/local/test_karpenter.py.
    "NodeGroup.node_pool",
    # Only in a VPC of others: tests/stacks/test_existing.py.
    "Cluster.subnet_ids",
}
"""Fields that are read back and that no fact looks at."""


def test_every_field_that_is_read_back_is_compared_or_named_here() -> None:
    noticed: dict[str, bool] = {}
    for platform in BASES:
        one, made = environment(platform), created(platform)
        assert different(one, made) == []
        for field in fields(made):
            for at, value in changed_leaves(getattr(made, field.name)):
                if at not in noticed or not noticed[at]:
                    noticed[at] = bool(differs(one, replace(made, **{field.name: value})))
    unnoticed = {at for at, found in noticed.items() if at and not found}
    assert unnoticed == NOT_COMPARED
    assert len(noticed) > 2 * len(NOT_COMPARED)


def differs(one: Environment, made: Created) -> list[str]:
    try:
        return different(one, made)
    except KeyError as error:
        return [str(error)]  # A group that is on an interface and nowhere else.


def changed_leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the innermost class and field of each leaf, and the whole with this leaf changed."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for at, other in changed_leaves(getattr(value, field.name)):
                name = at or f"{type(value).__name__}.{field.name}"
                yield name, replace(value, **{field.name: other})
    elif isinstance(value, Mapping):
        for key, one in value.items():
            for at, other in changed_leaves(one):
                yield at, {**value, key: other}
    elif isinstance(value, tuple):
        for index, one in enumerate(value):
            for at, other in changed_leaves(one):
                yield at, (*value[:index], other, *value[index + 1 :])
    else:
        yield "", _another(value)


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"
