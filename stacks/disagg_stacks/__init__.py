"""The AWS side of an environment as CDK stacks: `build(app, environment)` is all a caller needs."""

from disagg_stacks.assembly import synthesize, synthesize_fleet
from disagg_stacks.base import EnvironmentStack
from disagg_stacks.capacity import CapacityStack
from disagg_stacks.cluster import ClusterStack
from disagg_stacks.delivery import DeliveryStack
from disagg_stacks.fleet import build_fleet
from disagg_stacks.hyperpod import HyperPodStack
from disagg_stacks.layers import Stacks, build
from disagg_stacks.network import NetworkStack
from disagg_stacks.security import SecurityStack
from disagg_stacks.storage import StorageStack

__all__ = [
    "CapacityStack",
    "ClusterStack",
    "DeliveryStack",
    "EnvironmentStack",
    "HyperPodStack",
    "NetworkStack",
    "SecurityStack",
    "Stacks",
    "StorageStack",
    "build",
    "build_fleet",
    "synthesize",
    "synthesize_fleet",
]
