"""Rules that can be broken in several ways: each way, at its place, beside the pair of the rule."""

from typing import Any

import pytest
from environment_edits import (
    CLUSTER,
    DECODE,
    GROUP,
    HYPERPOD,
    KEY,
    PLAN,
    PREFILL,
    PRICE,
    SMALL,
    block,
    existing_network,
    found,
    in_group,
    od,
    plan,
    s3,
)
from shipped import REMOVE as GONE

THEIRS = existing_network() | {"cluster.existing": CLUSTER, "cluster.administrators": GONE}
OTHER = "210987654321"
OURS = "123456789012"
WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("DISAGG-OWN-002", "aws.tags.Team", {"aws.tags": {"team": "a", "Team": "b"}}),
    ("DISAGG-OWN-016", "delivery", THEIRS | {"delivery": {}}),
    ("DISAGG-OWN-016", "cluster.platform", THEIRS | HYPERPOD),
    ("DISAGG-OWN-017", "aws.name_prefix", HYPERPOD | {"aws.name_prefix": "Acme"}),
    ("DISAGG-RSV-001", PREFILL, {PREFILL: {**od(), "id": None}}),
    (
        "DISAGG-RSV-004",
        "capacity.decode.instance_type",
        {
            PREFILL: od(instances=2),
            DECODE: od(instances=2),
            "capacity.decode.instance_type": "p6-b300.48xlarge",
        },
    ),
    ("DISAGG-RSV-009", PREFILL, HYPERPOD | {PREFILL: plan()}),
    ("DISAGG-RSV-010", "pricing.capacity_block", {"pricing.capacity_block": PRICE}),
    ("DISAGG-RSV-010", "pricing.training_plan", {"pricing.training_plan": PRICE}),
    (
        "DISAGG-RSV-013",
        f"{DECODE}.resource_group",
        {DECODE: in_group(GROUP.replace(OURS, OTHER))},
    ),
    ("DISAGG-HYP-004", f"{PREFILL}.arn", HYPERPOD | {PREFILL: plan(arn=PLAN.replace(OURS, OTHER))}),
    (
        "DISAGG-WGT-004",
        "serving.weights.kms_key_arn",
        s3(bucket="models-of-ours", kms_key_arn=KEY.replace(OURS, OTHER)),
    ),
    (
        "DISAGG-WGT-004",
        "serving.weights.kms_key_arn",
        s3(bucket="models-of-ours", kms_key_arn=KEY.replace("arn:aws:", "arn:aws-us-gov:")),
    ),
    ("DISAGG-OWN-018", "aws.kms_key_arn", {"aws.kms_key_arn": KEY.replace(OURS, OTHER)}),
    (
        "DISAGG-OWN-018",
        "aws.kms_key_arn",
        {"aws.kms_key_arn": KEY.replace("arn:aws:", "arn:aws-us-gov:")},
    ),
    (
        "DISAGG-WGT-005",
        "serving.decode.memory_gib",
        s3() | {"serving.decode": SMALL | {"replicas": 2, "tensor_parallel": 4, "memory_gib": 79}},
    ),
    (
        "DISAGG-WGT-006",
        "serving.cache",
        {"serving.cache": "node", "capacity.decode.ami": "bottlerocket"},
    ),
]


@pytest.mark.parametrize(("code", "path", "edits"), WAYS)
def test_a_rule_is_broken_this_way_too(code: str, path: str, edits: dict[str, Any]) -> None:
    assert [one.path for one in found("pilot", edits) if one.code == code] == [path]


def test_what_is_bought_in_one_piece_is_broken_by_nothing_here() -> None:
    kept = {PREFILL: block(instances=2), DECODE: block(instances=2)}
    priced = kept | {"pricing.capacity_block": PRICE | {"nodes": 2}}
    assert not {one.code for one in found("pilot", priced)} & {code for code, _, _ in WAYS}
