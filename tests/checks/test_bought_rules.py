"""What may be named of another account, region or partition, and what AWS sells of a type."""

from pathlib import Path

import botocore.session
import pytest
from shipped import checked, edited

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.environment import check
from disagg.cli.next_steps import next_steps
from disagg.config.prices import bundled_prices
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from disagg.planner.plan import make_plan

ARN = "arn:{}:resource-groups:{}:{}:group/gpu"


def codes(edits: dict[str, object]) -> set[str]:
    try:
        return {one.code for one in check(read_text(edited("pilot", edits), "p.yaml")).warnings}
    except InvalidInputError as error:
        return {one.code for one in error.problems}


@pytest.mark.parametrize(
    ("partition", "region", "account", "sound"),
    [
        ("aws", "us-west-2", "123456789012", True),
        ("aws", "us-west-2", "210987654321", False),
        ("aws", "us-east-1", "123456789012", False),
        ("aws-us-gov", "us-west-2", "123456789012", False),
    ],
)
def test_a_resource_group_is_of_the_account_region_and_partition(
    partition: str, region: str, account: str, sound: bool
) -> None:
    source = {"kind": "reservation", "instances": 1, "zone_id": "usw2-az2"}
    source |= {"resource_group": ARN.format(partition, region, account)}
    found = codes({"capacity.prefill.source": source})
    assert ("DISAGG-RSV-013" not in found) is sound


def test_training_plans_are_sold_for_the_types_that_sagemaker_names() -> None:
    """Oracle: the API's own enumeration of types that can be reserved."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    named = set(model.shape_for("ReservedCapacityInstanceType").enum)
    sold = {f"ml.{one.name}" for one in INSTANCE_TYPES.values() if one.sold_ahead}
    assert sold == named & {f"ml.{name}" for name in INSTANCE_TYPES}
    # Source: AWS PCS user guide, "Capacity Blocks": P6-B300, P6-B200, P5en, P5e, P5 and P4d.
    families = {"p6-b300", "p6-b200", "p5en", "p5e", "p5", "p4d"}
    assert all(
        (one.name.partition(".")[0] in families) is one.sold_ahead
        for one in INSTANCE_TYPES.values()
    )


def test_an_administrator_of_another_account_is_taken_and_of_another_partition_is_not() -> None:
    """Oracle: EKS user guide, creating-access-entries: STANDARD entries take any account."""
    other = "arn:aws:iam::210987654321:role/teams/platform"
    assert "DISAGG-AWS-002" not in codes({"cluster.administrators": [other]})
    assert "DISAGG-AWS-002" in codes(
        {"cluster.administrators": [other.replace("aws", "aws-us-gov")]}
    )


def test_the_steps_look_up_the_principals_of_this_account_only() -> None:
    mine = ["arn:aws:iam::123456789012:role/teams/platform", "arn:aws:iam::123456789012:user/ann"]
    other = "arn:aws:iam::210987654321:role/central"
    one = checked("pilot", cluster__administrators=[*mine, other]).environment
    steps = list(
        next_steps(make_plan(one, bundled_prices()), one, Path("pilot.yaml"), Path("dist"))
    )
    (step,) = (step for step in steps if step[0].startswith("The administrators"))
    assert step[1:] == [
        "aws iam get-role --role-name platform",
        "aws iam get-user --user-name ann",
    ]
    assert step[0].endswith(f"Ask the owners of other accounts for {other}.")
