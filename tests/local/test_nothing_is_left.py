"""A deployment that is deployed again and taken down: on every platform, from every source, with
and without a store of weights, in a VPC made or of others."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from covering import Row, covering
from in_process import deployed
from moto.core.base_backend import BackendDict
from moto.events.models import EventBus

from disagg import artifacts
from disagg.local.aws.holdings import holdings, put
from tests.local.test_every_combination import AXES, environment_of, possible

pytestmark = pytest.mark.slow

MOVED = ("platform", "source", "weights", "network")
PLAIN = {name: values[0] for name, values in AXES.items()} | {"version": "1.34"}
ROWS = covering(
    {name: values if name in MOVED else (PLAIN[name],) for name, values in AXES.items()},
    possible,
    2,
)


def test_the_rows_hold_every_kind_of_source_on_its_platform() -> None:
    pairs = {(row["platform"], row["source"]) for row in ROWS}
    assert len(pairs) == 8
    assert {row["weights"] for row in ROWS} == set(AXES["weights"])
    assert {row["network"] for row in ROWS} == set(AXES["network"])


def everything() -> Counter[tuple[str, str]]:
    """Count what the back ends of the endpoint hold, by service and kind.

    It looks into moto's own tables, whatever they are called: it knows nothing of the stacks, of
    what is read back, or of the types that they use.
    """
    found: Counter[tuple[str, str]] = Counter()
    for service in BackendDict._instances:  # noqa: SLF001  Why: moto offers no other list.
        for regions in service.values():
            for backend in regions.values():
                for kind, table in vars(backend).items():
                    found[service.service_name, kind] += _size(table)
    return +found


def _size(table: Any) -> int:
    """Return how many things a table holds, where tables are in it: those of the inner ones."""
    if not isinstance(table, dict):
        return len(table) if isinstance(table, list) else 0
    return sum(
        _size(one) if isinstance(one, dict | list) else _things(name, one)
        for name, one in table.items()
    )


def _things(name: Any, one: Any) -> int:
    """Return how many resources of the account an entry is: none of AWS's, none that is deleted.

    The bus of events is AWS's own; its rules are in it, and not in a table.
    """
    if isinstance(one, EventBus):
        return len(one.rules)
    return ":iam::aws:" not in str(name) and getattr(one, "state", "") != "deleted"


KEPT = {
    "AWS::ECR::Repository": ("ecr", "repositories"),
    "AWS::KMS::Key": ("kms", "keys"),
    "AWS::Logs::LogGroup": ("logs", "groups"),
    "AWS::S3::Bucket": ("s3", "buckets"),
}
"""Types that a policy may keep, and the table that holds them."""
TRACES = {
    ("cloudformation", "deleted_stacks"),
    ("ecr", "registry_scanning_configuration"),
    ("ec2", "launch_template_insert_order"),
    ("ec2", "network_acls"),
    ("ec2", "subnet_associations"),
    ("ec2", "tags"),
    ("scheduler", "schedule_groups"),
    ("sns", "opt_out_numbers"),
}
"""What moto remembers of what is gone, makes by itself, or takes from AWS: the tables of launch
templates, subnets, route tables, VPCs and schedules are others."""


def kept(templates: artifacts.Templates) -> Counter[tuple[str, str]]:
    """Count what templates say is to stay when their stacks go."""
    return Counter(
        KEPT[one["Type"]]
        for template in templates.values()
        for one in template["Resources"].values()
        if one.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"}
    )


def physical(aws: Callable[[str], Any]) -> dict[tuple[str, str], str]:
    """Return the physical id of every resource, by stack and logical id."""
    cloudformation = aws("cloudformation")
    return {
        (stack["StackName"], one["LogicalResourceId"]): one["PhysicalResourceId"]
        for stack in cloudformation.describe_stacks()["Stacks"]
        for one in cloudformation.describe_stack_resources(StackName=stack["StackName"])[
            "StackResources"
        ]
    }


def taken_down(aws: Callable[[str], Any]) -> None:
    """Delete the stacks, those first that nothing needs any more."""
    cloudformation = aws("cloudformation")
    names = [one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]]
    for _ in range(len(names)):
        for name in list(names):
            try:
                cloudformation.delete_stack(StackName=name)
            except ClientError:
                continue
            names.remove(name)
    assert names == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[name] for name in MOVED))
def test_a_second_deployment_changes_nothing_and_taking_down_leaves_what_policies_name(
    row: Row, aws: Callable[[str], Any], tmp_path: Path
) -> None:
    environment = environment_of(row)
    written = artifacts.write_all(environment, tmp_path)
    stacks = written.directory / "stacks"
    put(holdings(environment), environment.aws.account, environment.aws.region)
    before = everything()
    deployed(aws, stacks)
    assert everything() - before
    there, ids = everything(), physical(aws)
    for name in written.templates:
        body = (stacks / f"{name}.template.json").read_text("utf-8")
        aws("cloudformation").update_stack(StackName=name, TemplateBody=body)
    assert (everything() - there, there - everything(), physical(aws)) == (
        Counter(),
        Counter(),
        ids,
    )
    taken_down(aws)
    left = everything() - before
    assert {kind: count for kind, count in left.items() if kind not in TRACES} == kept(
        written.templates
    )
