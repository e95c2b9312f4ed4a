"""A KMS key of one's own: everything that has a key has this one, and its policy is written."""

import json
from pathlib import Path

from shipped import checked

from disagg.artifacts import write_runbooks
from disagg.config.environment import Environment
from tests.stacks.synthesis import synthesize

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def owning(base: str = "production") -> Environment:
    return checked(base, aws__kms_key_arn=KEY).environment


def test_no_key_is_made_and_every_place_that_made_one_uses_it() -> None:
    mine, made = synthesize(owning()), synthesize(checked("production").environment)
    keys = [
        (stack, one["Type"])
        for stack, template in made.items()
        for one in template["Resources"].values()
        if one["Type"] == "AWS::KMS::Key"
    ]
    assert len(keys) == 5
    assert "AWS::KMS::Key" not in json.dumps(mine)
    for stack, _ in keys:
        assert KEY in json.dumps(mine[stack]), stack


def test_what_its_policy_must_allow_is_written_beside_the_stacks(tmp_path: Path) -> None:
    write_runbooks(owning(), tmp_path / "mine")
    policy = json.loads((tmp_path / "mine/key-policy.json").read_text("utf-8"))
    logs, roles, budgets = policy["Statement"]
    assert budgets["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert logs["Principal"] == {"Service": "logs.us-west-2.amazonaws.com"}
    (context,) = logs["Condition"]["ArnLike"].values()
    assert context == "arn:aws:logs:us-west-2:123456789012:log-group:*"
    assert roles["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    # By hand: EKS user guide, "enable-kms": who creates the cluster needs these two.
    assert {"kms:CreateGrant", "kms:DescribeKey"} <= set(roles["Action"])
    write_runbooks(checked("production").environment, tmp_path / "theirs")
    assert not (tmp_path / "theirs/key-policy.json").exists()


def test_what_keys_of_our_own_allow_is_what_the_page_asks_of_others(tmp_path: Path) -> None:
    write_runbooks(owning(), tmp_path / "mine")
    policy = json.loads((tmp_path / "mine/key-policy.json").read_text("utf-8"))
    asked = {
        frozenset(one["Action"]) for one in policy["Statement"] if "Service" in one["Principal"]
    }
    given = {
        frozenset(row["Action"])
        for template in synthesize(checked("production").environment).values()
        for one in template["Resources"].values()
        if one["Type"] == "AWS::KMS::Key"
        for row in one["Properties"]["KeyPolicy"]["Statement"]
        if "Service" in row["Principal"]
    }
    assert asked == given
