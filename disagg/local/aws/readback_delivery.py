"""What GitOps finds in AWS, read with boto3 and returned as plain typed data."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """A capability of a cluster that AWS runs."""

    name: str
    type: str
    """ARGOCD | ACK | KRO"""
    role_arn: str
    namespace: str
    """Where Argo CD reads Applications; empty for other types."""
    identity_center: tuple[str, str]
    """ARN of the instance and its region."""
    administrators: tuple[tuple[str, str], ...]
    """Kind (SSO_GROUP, SSO_USER) and id of each, sorted."""
    vpc_endpoint_ids: tuple[str, ...]
    server_url: str


def read_capabilities(eks: Any, cluster: str) -> tuple[Capability, ...]:
    """Return the capabilities of the cluster, by name."""
    names = sorted(
        one["capabilityName"] for one in eks.list_capabilities(clusterName=cluster)["capabilities"]
    )
    described = (eks.describe_capability(clusterName=cluster, capabilityName=one) for one in names)
    return tuple(_capability(one["capability"]) for one in described)


def _capability(one: dict[str, Any]) -> Capability:
    settings = one.get("configuration", {}).get("argoCd", {})
    center = settings.get("awsIdc", {})
    return Capability(
        name=one["capabilityName"],
        type=one["type"],
        role_arn=one["roleArn"],
        namespace=settings.get("namespace", ""),
        identity_center=(center.get("idcInstanceArn", ""), center.get("idcRegion", "")),
        administrators=tuple(
            sorted(
                (who["type"], who["id"])
                for mapping in settings.get("rbacRoleMappings", [])
                if mapping["role"] == "ADMIN"
                for who in mapping["identities"]
            )
        ),
        vpc_endpoint_ids=tuple(settings.get("networkAccess", {}).get("vpceIds", [])),
        server_url=settings.get("serverUrl", ""),
    )


def read_parameters(ssm: Any, path: str) -> dict[str, str]:
    """Return the SSM parameters below a path, by their whole names."""
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    return {one["Name"]: one["Value"] for page in pages for one in page["Parameters"]}
