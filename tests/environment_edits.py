"""Edits of a shipped environment that break or keep a rule, and what is found in such a file."""

from typing import Any

from shipped import REMOVE, edited

from disagg.checks.environment import check
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError, Problem

G6E = {
    "serving.model": "openai/gpt-oss-20b",
    "capacity.prefill.instance_type": "g6e.48xlarge",
    "capacity.decode.instance_type": "g6e.48xlarge",
    "serving.decode": {"replicas": 1, "tensor_parallel": 8},
}


def od(**more: Any) -> dict[str, Any]:
    """Return an on-demand capacity reservation of one node in the pilot's zone."""
    one = {"kind": "reservation", "id": "cr-0123456789abcdef0", "instances": 1}
    return one | {"zone_id": "usw2-az2"} | more


def in_group(arn: str) -> dict[str, Any]:
    """Return a reservation named by the resource group it is in."""
    return {name: one for name, one in od(resource_group=arn).items() if name != "id"}


def block(**more: Any) -> dict[str, Any]:
    """Return a Capacity Block of one node in the pilot's zone."""
    return od(kind="capacity_block", end="2027-03-01T11:30:00Z") | more


def plan(**more: Any) -> dict[str, Any]:
    """Return a training plan of one node in the pilot's zone."""
    one = {"kind": "training_plan", "arn": PLAN, "instances": 1, "zone_id": "usw2-az2"}
    return one | {"end": "2027-03-01T11:30:00Z"} | more


PLAN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march"
HYPERPOD = {"cluster.platform": "hyperpod"}
KARPENTER, MANAGED = {"capacity.provisioner": "karpenter"}, "managed_node_groups"
GIT = "delivery.git"
URL, TREE = "https://git.example.com/platform.git", "environments/pilot"
GROUP_ID = "94482488-3041-7026-18f3-be45837cd0e4"
CAPABILITY = "delivery.argocd_capability"


def argocd(**more: Any) -> dict[str, Any]:
    """Return an Argo CD of AWS with one group that administers it, reached from a VPC."""
    one = {"identity_center_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
    one |= {"admin_groups": [GROUP_ID], "vpc_endpoint_ids": ["vpce-0123456789abcdef0"]}
    return one | more


def held(number: int, cidr: str, zone: str, free: int | None = None) -> dict[str, Any]:
    """Return a subnet that exists."""
    one = {"id": f"subnet-{number:017x}", "cidr": cidr, "zone_id": zone}
    return one if free is None else one | {"free_addresses": free}


SYSTEM = held(2, "10.42.64.0/24", "usw2-az1")


CLUSTER = {
    "name": "platform",
    "security_group_id": "sg-0123456789abcdef0",
    "vpc_cni_version": "v1.21.1-eksbuild.1",
}


def existing_network(**more: Any) -> dict[str, Any]:
    """Return edits that put the pilot into a VPC of others."""
    given = {
        "vpc_id": "vpc-0123456789abcdef0",
        "fabric_subnet": held(1, "10.42.0.0/18", "usw2-az2"),
        "system_subnets": [SYSTEM, held(3, "10.42.65.0/24", "usw2-az2")],
    }
    return {"network.existing": given | more}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return an override of the pilot's prefill pool."""
    return {"target": {"kind": "Deployment", "name": "prefill"}, "patch": list(operations)}


RESOURCE = {"stack": "Capacity", "path": "Fabric", "property": "Properties.X", "value": 1}
COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/6f1c0a7e-2d35-4e0b-9c53-3a0b8d1f2e44"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def s3(**more: Any) -> dict[str, Any]:
    """Return a store of weights in S3."""
    return {"serving.weights": {"kind": "s3", "revision": COMMIT} | more}


def fsx(**more: Any) -> dict[str, Any]:
    """Return a store behind a file system."""
    return {"serving.weights": {"kind": "fsx", "revision": COMMIT} | more}


ROLE = "arn:aws:iam::123456789012:role/platform/nodes"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/ghcr-AbCdEf"  # noqa: S105


def ecr(**more: Any) -> dict[str, Any]:
    """Return images of the account's own repositories."""
    return {"images": {"kind": "ecr"} | more}


LLAMA = {"serving.model": "meta-llama/Llama-3.3-70B-Instruct", "serving.max_context_tokens": 4096}
SMALL = {"replicas": 8, "tensor_parallel": 1, "shm_gib": 16}
PRICE = {"upfront_usd": 24_000, "nodes": 1, "hours": 240}
PREFILL, DECODE = "capacity.prefill.source", "capacity.decode.source"
IN_A_CLUSTER_OF_OTHERS = existing_network() | {
    "cluster.existing": CLUSTER,
    "cluster.administrators": REMOVE,
}
GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/gpu"


def found(base: str, edits: dict[str, Any]) -> list[Problem]:
    if edits.get("capacity") == "pilot's":
        base, edits = "pilot", {}
    try:
        return check(read_text(edited(base, edits), "environment.yaml")).warnings
    except InvalidInputError as error:
        return error.problems
