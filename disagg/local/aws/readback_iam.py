"""Roles of IAM, read with boto3 and returned as plain typed data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A role."""

    name: str
    arn: str
    boundary: str
    """ARN of the policy that bounds it; empty: none."""
    tags: Mapping[str, str]


def read_roles(iam: Any, prefix: str) -> tuple[Role, ...]:
    """Return the roles whose names begin with `prefix`, by name."""
    pages = iam.get_paginator("list_roles").paginate()
    names = sorted(role["RoleName"] for page in pages for role in page["Roles"])
    # Why one by one: the list leaves boundary and tags out.
    whole = [iam.get_role(RoleName=name)["Role"] for name in names if name.startswith(prefix)]
    return tuple(
        Role(
            name=one["RoleName"],
            arn=one["Arn"],
            boundary=one.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            tags={tag["Key"]: tag["Value"] for tag in one.get("Tags", [])},
        )
        for one in whole
    )
