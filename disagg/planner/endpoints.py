"""VPC endpoints that keep a private cluster's calls to AWS off the internet."""

from disagg.config.environment import Environment
from disagg.config.weights import HuggingFace
from disagg.planner.karpenter import by_karpenter

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

KARPENTERS = ("sqs", "ssm")
"""What Karpenter calls beside them: its queue, and the parameters that name AMIs."""

GATEWAY_ENDPOINTS = ("s3",)
"""S3 carries the layers of images in ECR, and model weights; a gateway endpoint is free."""


def interface_endpoints(environment: Environment) -> tuple[str, ...]:
    """Return the services an environment calls through its VPC, sorted.

    Secrets Manager is among them when a hub token is read from it, and what Karpenter calls where
    it makes the nodes.
    """
    weights = environment.serving.weights
    token = not isinstance(weights, HuggingFace) and weights.token_secret
    more = [
        *(["secretsmanager"] if token else []),
        *(KARPENTERS if by_karpenter(environment) else []),
    ]
    return tuple(sorted((*INTERFACE_ENDPOINTS, *more)))
