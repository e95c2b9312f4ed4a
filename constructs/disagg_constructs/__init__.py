"""AWS CDK constructs for disaggregated LLM inference, usable in VPCs and clusters of others."""

from disagg_constructs.argocd import ArgoCd, ArgoCdProps
from disagg_constructs.block_end import BlockEnd, BlockEndProps
from disagg_constructs.cluster import EksCluster, EksClusterProps
from disagg_constructs.existing_cluster import ExistingCluster, ExistingClusterProps
from disagg_constructs.existing_network import ExistingNetwork, ExistingNetworkProps
from disagg_constructs.fabric import EfaFabric, EfaFabricProps
from disagg_constructs.gpu_nodes import GpuNodeGroup, GpuNodeGroupProps, Reserved
from disagg_constructs.hyperpod import HyperPodCluster, HyperPodClusterProps, HyperPodGroup
from disagg_constructs.image_registry import CacheRule, ImageRegistry, ImageRegistryProps
from disagg_constructs.karpenter import Karpenter, KarpenterProps
from disagg_constructs.lifecycle_scripts import (
    LifecycleBucket,
    LifecycleBucketProps,
    LifecycleScripts,
    LifecycleScriptsProps,
)
from disagg_constructs.model_file_system import ModelFileSystem, ModelFileSystemProps
from disagg_constructs.model_store import ModelStore, ModelStoreProps
from disagg_constructs.network import Network, NetworkProps
from disagg_constructs.pod_identity import PodIdentity, PodIdentityProps
from disagg_constructs.spending_alarm import SpendingAlarm, SpendingAlarmProps
from disagg_constructs.store_access import StoreAccess
from disagg_constructs.system_nodes import SystemNodeGroup, SystemNodeGroupProps

__all__ = [
    "ArgoCd",
    "ArgoCdProps",
    "BlockEnd",
    "BlockEndProps",
    "CacheRule",
    "EfaFabric",
    "EfaFabricProps",
    "EksCluster",
    "EksClusterProps",
    "ExistingCluster",
    "ExistingClusterProps",
    "ExistingNetwork",
    "ExistingNetworkProps",
    "GpuNodeGroup",
    "GpuNodeGroupProps",
    "HyperPodCluster",
    "HyperPodClusterProps",
    "HyperPodGroup",
    "ImageRegistry",
    "ImageRegistryProps",
    "Karpenter",
    "KarpenterProps",
    "LifecycleBucket",
    "LifecycleBucketProps",
    "LifecycleScripts",
    "LifecycleScriptsProps",
    "ModelFileSystem",
    "ModelFileSystemProps",
    "ModelStore",
    "ModelStoreProps",
    "Network",
    "NetworkProps",
    "PodIdentity",
    "PodIdentityProps",
    "Reserved",
    "SpendingAlarm",
    "SpendingAlarmProps",
    "StoreAccess",
    "SystemNodeGroup",
    "SystemNodeGroupProps",
]
