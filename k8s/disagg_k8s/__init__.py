"""Kubernetes manifests of an environment: llm-d's prefill, decode and router, as plain data."""

from typing import Any

from cdk8s import App

from disagg.config.environment import Environment
from disagg.planner.karpenter import by_karpenter
from disagg.planner.weights import file_system_of, store_of
from disagg_k8s.baseline import BaselinePool
from disagg_k8s.devices import DeviceClaims, by_claim
from disagg_k8s.disruption import DisruptionBudgets
from disagg_k8s.gateway import InferenceGateway
from disagg_k8s.gpu_nodes import GpuNodes
from disagg_k8s.identity import ServiceAccounts
from disagg_k8s.manifest import Concern
from disagg_k8s.model_loading import ModelLoading
from disagg_k8s.model_volume import ModelVolume
from disagg_k8s.names import has_gateway
from disagg_k8s.namespaces import Namespaces, PriorityClasses
from disagg_k8s.network import NetworkPolicies
from disagg_k8s.overrides import patched
from disagg_k8s.pools import DecodePool, PrefillPool
from disagg_k8s.render import Render
from disagg_k8s.router import Router

__all__ = ["render"]


def render(environment: Environment) -> dict[str, list[dict[str, Any]]]:
    """Return the objects of every manifest file, by file name, in apply order.

    The same environment gives the same objects. Nothing is read but the environment and the
    catalog: no account, no network, no clock. Nothing in it comes from CloudFormation.

    Args:
        environment: A checked environment.

    Returns:
        `{"00-namespaces.yaml": [...], ...}`; `yaml_out.dump_all` turns a list into a file.

    Raises:
        InvalidInputError: An override of the file matches nothing or cannot be applied.
        KeyError: The environment was not checked: a model, image profile or instance type is
        unknown.
    """
    app = App()
    charts = {
        "00-namespaces": Namespaces(app, "Namespaces", environment=environment),
        "05-priority-classes": PriorityClasses(app, "PriorityClasses", environment=environment),
        "10-service-accounts": ServiceAccounts(app, "ServiceAccounts", environment=environment),
        **(
            {"15-gpu-nodes": GpuNodes(app, "GpuNodes", environment=environment)}
            if by_karpenter(environment)
            else {}
        ),
        "20-network-policies": NetworkPolicies(app, "NetworkPolicies", environment=environment),
        **(
            {"25-device-claims": DeviceClaims(app, "DeviceClaims", environment=environment)}
            if by_claim(environment)
            else {}
        ),
        **_loading(app, environment),
        # Why decode first: its pods are larger, and a node with one prefill pod takes none of them.
        "30-decode-pool": DecodePool(app, "DecodePool", environment=environment),
        "40-prefill-pool": PrefillPool(app, "PrefillPool", environment=environment),
        "50-baseline-pool": BaselinePool(app, "BaselinePool", environment=environment),
        "60-disruption-budgets": DisruptionBudgets(
            app, "DisruptionBudgets", environment=environment
        ),
        **(
            {"65-render": Render(app, "Render", environment=environment)}
            if environment.serving.router.policy == "prefix_precise"
            else {}
        ),
        "70-router": Router(app, "Router", environment=environment),
        **(
            {"80-gateway": InferenceGateway(app, "Gateway", environment=environment)}
            if has_gateway(environment)
            else {}
        ),
    }
    rendered = {f"{name}.yaml": chart.objects() for name, chart in charts.items()}
    return patched(rendered, environment.overrides.manifests)


def _loading(app: App, environment: Environment) -> dict[str, Concern]:
    """Return the chart that fills the store, and that of the file system in front of it.

    Neither where pods cannot reach the hub to fill it from.
    """
    store, fsx = store_of(environment), file_system_of(environment)
    if store is None or environment.closed:
        return {}
    charts: dict[str, Concern] = {
        "25-model-loading": ModelLoading(app, "ModelLoading", environment=environment, store=store)
    }
    if fsx is not None and fsx.file_system is not None:
        charts["26-model-volume"] = ModelVolume(
            app, "ModelVolume", environment=environment, fsx=fsx, made=fsx.file_system
        )
    return charts
