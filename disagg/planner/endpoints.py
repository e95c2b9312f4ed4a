"""VPC endpoints that keep a private cluster's calls to AWS off the internet."""

from dataclasses import dataclass
from typing import Literal

from disagg.config.environment import Environment
from disagg.config.weights import HuggingFace
from disagg.planner.karpenter import by_karpenter


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One AWS service that something in the VPC calls."""

    service: str
    """Last part of its name, such as `ecr.api`."""
    callers: str
    """What calls it."""
    needed: Literal["always", "hub_token", "karpenter", "closed_hyperpod"] = "always"
    """`closed_hyperpod`: on HyperPod without internet; with it these calls go out by NAT."""


ENDPOINTS = (
    Endpoint(service="ec2", callers="VPC CNI, load balancer controller, the node's bootstrap"),
    Endpoint(service="ecr.api", callers="kubelet, for a token to pull images"),
    Endpoint(service="ecr.dkr", callers="containerd, for manifests of images"),
    Endpoint(service="eks", callers="the node's bootstrap, kubectl's login"),
    Endpoint(service="eks-auth", callers="the Pod Identity agent, for credentials of pods"),
    Endpoint(service="elasticloadbalancing", callers="the load balancer controller"),
    Endpoint(service="kms", callers="pods and people that encrypt by themselves"),
    Endpoint(service="logs", callers="agents that ship logs; on HyperPod the health agent"),
    Endpoint(service="sts", callers="SDKs that ask who they are, or take a role"),
    Endpoint(
        service="secretsmanager",
        callers="the Job that loads the model, for its token",
        needed="hub_token",
    ),
    Endpoint(service="sqs", callers="Karpenter, for its queue", needed="karpenter"),
    Endpoint(service="ssm", callers="Karpenter, for parameters that name AMIs", needed="karpenter"),
    Endpoint(
        service="sagemaker.api", callers="agents of HyperPod's nodes", needed="closed_hyperpod"
    ),
    Endpoint(service="monitoring", callers="agents of HyperPod's nodes", needed="closed_hyperpod"),
    Endpoint(service="ssm", callers="sessions on HyperPod's nodes", needed="closed_hyperpod"),
    Endpoint(
        service="ssmmessages", callers="sessions on HyperPod's nodes", needed="closed_hyperpod"
    ),
    Endpoint(
        service="ec2messages", callers="sessions on HyperPod's nodes", needed="closed_hyperpod"
    ),
)
"""Every interface endpoint, and why.

Source: EKS user guide "private clusters"; `eks-auth` serves Pod Identity, read 2026-11-23. Those of
HyperPod: closed-network.tfvars of awsome-distributed-ai's hyperpod-eks-tf, without what its custom
resources (lambda, sqs) and managed Prometheus and Grafana call, read 2026-11-23. Not among them,
because nothing that is made or rendered calls them: autoscaling (no cluster autoscaler), fsx (no
file system), aps-workspaces (Prometheus runs in the cluster), xray.
"""

INTERFACE_ENDPOINTS = tuple(one.service for one in ENDPOINTS if one.needed == "always")
"""Services nodes, add-ons and controllers call everywhere."""

GATEWAY_ENDPOINTS = ("s3",)
"""S3 carries the layers of images in ECR, and model weights; a gateway endpoint is free."""


def endpoints(environment: Environment) -> tuple[Endpoint, ...]:
    """Return the interface endpoints of an environment, by service.

    Secrets Manager is among them when a hub token is read from it inside the VPC, and what
    Karpenter calls where it makes the nodes.
    """
    weights = environment.serving.weights
    token = not isinstance(weights, HuggingFace) and weights.token_secret is not None
    is_so = {
        "always": True,
        "hub_token": token and not environment.closed,
        "karpenter": by_karpenter(environment),
        "closed_hyperpod": environment.closed and environment.cluster.platform == "hyperpod",
    }
    return tuple(sorted((one for one in ENDPOINTS if is_so[one.needed]), key=lambda e: e.service))


def interface_endpoints(environment: Environment) -> tuple[str, ...]:
    """Return the services an environment calls through its VPC, sorted."""
    return tuple(one.service for one in endpoints(environment))
