"""VPC endpoints that keep a private cluster's calls to AWS off the internet."""

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
