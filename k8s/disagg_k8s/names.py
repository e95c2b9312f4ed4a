"""Names, labels and ports that charts must agree on."""

import re
from dataclasses import replace

from disagg.catalog.gateways import GATEWAY_NAME_LABEL, GATEWAYS
from disagg.catalog.images import IMAGE_PROFILES, ImageProfile
from disagg.catalog.resources import (
    LABEL_ACCELERATOR_VARIANT,
    LABEL_ACCELERATOR_VENDOR,
    LABEL_ENGINE_TYPE,
    LABEL_GUIDE,
    LABEL_MODEL,
    LABEL_ROLE,
)
from disagg.config.environment import Environment
from disagg.config.weights import Fsx
from disagg.planner import weights
from disagg.planner.images import pulled
from disagg_k8s.manifest import Json

PREFILL = "prefill"
DECODE = "decode"
BASELINE = "baseline"
ROUTER = "router"
RENDER = "render"
"""What tokenizes prompts for the picker: vLLM without an engine."""
GATEWAY = "gateway"
PICKER_SERVICE = "endpoint-picker"
INFERENCE = "inference"
"""Name of the Gateway, of its route and of the InferencePool."""
MODEL_SERVER = weights.MODEL_SERVER
"""Service account of every model server."""

SERVER_PORT = 8000
"""Where the router sends requests: vLLM on prefill, the routing sidecar on decode."""
DECODE_SERVER_PORT = 8200
"""vLLM on decode, behind the sidecar. Source: llm-d guides/pd-disaggregation."""
NIXL_PORT = 5600
"""Where NIXL agents introduce themselves: one port a pod, whatever its tensor parallelism.

vLLM listens on this plus the data-parallel rank, and pods here have one such rank. Source: vLLM's
default VLLM_NIXL_SIDE_CHANNEL_PORT; its nixl/scheduler.py adds `data_parallel_index`.
"""
KV_EVENTS_PORT = 5556
"""Where vLLM tells which KV blocks it stores and drops. Source: llm-d guides, precise prefix
cache."""
KV_EVENTS_TOPIC = "kv@"
"""How topics of these events begin; the picker listens to nothing else."""
HASH_SEED = "0"
"""Seed of prefix hashes, in every server and in the picker's index: equal prefixes must get equal
hashes everywhere."""
PROXY_PORT = 8081
"""Where clients' requests arrive, at the proxy or at the gateway's pods."""
READY_PORT = 19001
ADMIN_PORT = 19000
PICKER_PORT = 9002
PICKER_HEALTH_PORT = 9003
PICKER_METRICS_PORT = 9090

GUIDE = "pd-disaggregation"

_NAME = "app.kubernetes.io/name"
_INSTANCE = "app.kubernetes.io/instance"
_COMPONENT = "app.kubernetes.io/component"
_VERSION = "app.kubernetes.io/version"
_PART_OF = "app.kubernetes.io/part-of"
_MANAGED_BY = "app.kubernetes.io/managed-by"

Labels = dict[str, str]

HARDENED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsGroup": 65532,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of containers that need nothing from the node. 65532 is the images' own user."""


def images(environment: Environment) -> ImageProfile:
    """Return the set of images the environment runs, by the names its nodes pull them by."""
    profile = IMAGE_PROFILES[environment.serving.image_profile]
    return replace(
        profile,
        server=pulled(environment, profile.server),
        endpoint_picker=pulled(environment, profile.endpoint_picker),
        sidecar=pulled(environment, profile.sidecar),
        envoy=pulled(environment, profile.envoy),
    )


def model_label(model: str) -> str:
    """Return the model's name as a label value: without its owner, at most 63 characters.

    Example:
        >>> model_label("openai/gpt-oss-120b")
        'gpt-oss-120b'
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", model.rsplit("/", 1)[-1].lower())
    return slug[:63].strip("-._")


def common(environment: Environment, component: str) -> Labels:
    """Return the labels of every object of a component."""
    return {
        _INSTANCE: environment.name,
        _COMPONENT: component,
        _PART_OF: "disagg",
        _MANAGED_BY: "disagg",
    }


def selector(environment: Environment, component: str) -> Labels:
    """Return what selects the pods of one component.

    Why: a Deployment's selector can never change, so nothing that an edit of the file changes is in
    it.
    """
    return {_INSTANCE: environment.name, _COMPONENT: component}


def pool_selector(environment: Environment) -> Labels:
    """Return what selects the pods the router may pick: both roles, and not the baseline.

    Why: the model is in it, so that while a new model rolls out the router never mixes the two.
    """
    return {
        _INSTANCE: environment.name,
        LABEL_GUIDE: GUIDE,
        LABEL_MODEL: model_label(environment.serving.model),
    }


def _engine(environment: Environment, component: str) -> Labels:
    return {
        _NAME: "vllm",
        _VERSION: images(environment).vllm,
        **common(environment, component),
    }


def server_labels(environment: Environment, role: str) -> Labels:
    """Return the labels of a prefill or decode pod, those the router reads among them."""
    return {
        **_engine(environment, role),
        **pool_selector(environment),
        LABEL_ROLE: role,
        LABEL_ENGINE_TYPE: "vllm",
        LABEL_ACCELERATOR_VARIANT: "gpu",
        LABEL_ACCELERATOR_VENDOR: "nvidia",
    }


def baseline_labels(environment: Environment) -> Labels:
    """Return the labels of a baseline pod: none that the router selects by."""
    return _engine(environment, BASELINE)


def router_labels(environment: Environment) -> Labels:
    """Return the labels of the router's pod."""
    return {
        _NAME: "llm-d-router",
        _VERSION: images(environment).router,
        **common(environment, ROUTER),
    }


def render_labels(environment: Environment) -> Labels:
    """Return the labels of a pod that tokenizes: none that the router selects by."""
    return _engine(environment, RENDER)


def render_url(environment: Environment) -> str:
    """Return where prompts are tokenized, as the picker in its own namespace names it."""
    return f"http://{RENDER}.{environment.serving_namespace}.svc:{SERVER_PORT}"


def has_gateway(environment: Environment) -> bool:
    """Return whether a Gateway of the Gateway API takes the requests, and not the picker's pod."""
    return bool(GATEWAYS[environment.serving.gateway.kind].class_name)


def picker_namespace(environment: Environment) -> str:
    """Return where the endpoint picker runs.

    Why not its own beside a gateway: an InferencePool names pods and picker of its own namespace.
    """
    if has_gateway(environment):
        return environment.serving_namespace
    return environment.router_namespace


def gateway_selector() -> Labels:
    """Return what selects the pods that a controller makes for the Gateway, in its namespace."""
    return {GATEWAY_NAME_LABEL: INFERENCE}


def models_claim(fsx: Fsx) -> str:
    """Return the name of the claim on a file system of models.

    Why the id in it: neither a volume nor a claim can change, so another file system is another of
    both, and a new template of every pod. One that the file does not state yet has a name that
    tells whoever asks why a pod waits.
    """
    if fsx.file_system is None:
        return "models-file-system-not-stated"
    return f"models-{fsx.file_system.id.removeprefix('fs-')}"


def priority_class(environment: Environment, component: str) -> str:
    """Return the name of the component's PriorityClass, which is cluster-wide."""
    return f"{environment.name}-{component}"
