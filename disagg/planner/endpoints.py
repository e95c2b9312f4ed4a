"""VPC endpoints that keep a private cluster's calls to AWS off the internet."""

from disagg.config.environment import Environment
from disagg.config.weights import HuggingFace

INTERFACE_ENDPOINTS = (
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "sts",
)
"""Services nodes, add-ons and controllers call.

Source: EKS user guide "private clusters"; `eks-auth` serves Pod Identity. Read 2026-11-23.
"""

GATEWAY_ENDPOINTS = ("s3",)
"""S3 carries the layers of images in ECR, and model weights; a gateway endpoint is free."""


def interface_endpoints(environment: Environment) -> tuple[str, ...]:
    """Return the services an environment calls through its VPC, sorted.

    Secrets Manager is among them when a hub token is read from it.
    """
    weights = environment.serving.weights
    token = not isinstance(weights, HuggingFace) and weights.token_secret
    return tuple(sorted((*INTERFACE_ENDPOINTS, *(["secretsmanager"] if token else []))))
