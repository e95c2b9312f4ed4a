"""What may pass a VPC endpoint: this account's principals, to this account's resources."""

from typing import Any

from disagg.catalog.registries import EKS_REGISTRY_ACCOUNTS

Json = dict[str, Any]

_PULLS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_REGISTRY = frozenset({"ecr.api", "ecr.dkr"})
S3 = "s3"


def endpoint_policy(
    service: str, *, partition: str, region: str, account: str, hyperpod: bool = False
) -> Json:
    """Return the policy of one endpoint.

    Why IfExists: some actions carry no account of a resource, `ecr:GetAuthorizationToken` among
    them; who calls is still of this account. What AWS owns and nodes need is let through to read:
    layers of images in ECR (S3 serves them by addresses that ECR signed, so no principal of ours),
    images of EKS add-ons, and on HyperPod those of its agents.

    Args:
        service: Such as `ecr.api`, or `s3` for the gateway endpoint.
        partition: Of the region.
        region: AWS region.
        account: Whose principals and resources.
        hyperpod: Whether nodes are HyperPod's.

    Source: VPC user guide "vpc-endpoints-access"; AWS's data perimeter policy examples, "VPC
        endpoint policies"; ECR user guide "vpc-endpoints", minimum S3 permissions; 2026-11-28.
    """
    own = {
        "Sid": "OwnPrincipalsToOwnResources",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "*",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:PrincipalAccount": account},
            "StringEqualsIfExists": {"aws:ResourceAccount": account},
        },
    }
    return {
        "Version": "2012-10-17",
        "Statement": [own, *_of_aws(service, partition, region, account, hyperpod=hyperpod)],
    }


def _of_aws(
    service: str, partition: str, region: str, account: str, *, hyperpod: bool
) -> list[Json]:
    """Return statements about what AWS owns and nodes read."""
    if service == S3:
        layers = f"arn:{partition}:s3:::prod-{region}-starport-layer-bucket/*"
        return [_reading("LayersOfImages", ["s3:GetObject"], [layers])]
    if service in _REGISTRY:
        ecr = f"arn:{partition}:ecr:{region}"
        repositories = [f"{ecr}:{EKS_REGISTRY_ACCOUNTS[region]}:repository/*"]
        if hyperpod:
            repositories.append(f"{ecr}:*:repository/hyperpod-*")
        of_ours = {"StringEquals": {"aws:PrincipalAccount": account}}
        return [_reading("ImagesOfAws", list(_PULLS), repositories) | {"Condition": of_ours}]
    return []


def _reading(sid: str, actions: list[str], resources: list[str]) -> Json:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
    }
