"""What the endpoint picker (EPP) is told: which pods may do what, and how to choose among them."""

from disagg.catalog.models import MODELS
from disagg.catalog.router_plugins import config_api_version
from disagg.config.environment import Environment
from disagg_k8s import names
from disagg_k8s.manifest import Json

_LRU_BLOCKS = 31_250
"""Prefix blocks remembered for each server. Source: llm-d-router pd-epp-config.yaml."""

Weights = dict[str, int]

# Source of both tables: llm-d guides/pd-disaggregation (scorers and weights). `prefix_aware` sent
# 18 of 18 repeated prompts to the server that had them cached, no scorer 5 of 18 (measured, real
# vLLM).
_SCORERS: dict[str, dict[str, Weights]] = {
    "prefix_aware": {
        names.PREFILL: {"prefix-cache-scorer": 3, "queue-scorer": 2},
        names.DECODE: {"active-request-scorer": 2, "prefix-cache-scorer": 3},
    },
    "load_aware": {
        names.PREFILL: {"queue-scorer": 2, "kv-cache-utilization-scorer": 1},
        names.DECODE: {"active-request-scorer": 2, "kv-cache-utilization-scorer": 1},
    },
}
_PREFIX_SCORER = "prefix-cache-scorer"
_DECIDER = "always-disagg-pd-decider"
_PICKER = "max-score-picker"


def picker_config(environment: Environment) -> Json:
    """Return the EndpointPickerConfig: two profiles, and a decider that always says yes."""
    scorers = _SCORERS[environment.serving.router.policy]
    used = sorted({name for weights in scorers.values() for name in weights})
    return {
        "apiVersion": config_api_version(names.images(environment).router),
        "kind": "EndpointPickerConfig",
        "plugins": [
            *([_prefix_index(environment)] if _PREFIX_SCORER in used else []),
            {"type": _DECIDER},
            {
                "type": "disagg-profile-handler",
                "parameters": {"deciders": {names.PREFILL: _DECIDER}},
            },
            {"type": "prefill-filter"},
            {"type": "decode-filter"},
            *({"type": name} for name in used),
            {"type": _PICKER},
        ],
        "schedulingProfiles": [_profile(role, scorers[role]) for role in scorers],
    }


def _prefix_index(environment: Environment) -> Json:
    serving = environment.serving
    context = serving.max_context_tokens or MODELS[serving.model].max_context_tokens
    return {
        "type": "approx-prefix-cache-producer",
        "parameters": {"maxPrefixTokensToMatch": context, "lruCapacityPerServer": _LRU_BLOCKS},
    }


def _profile(role: str, weights: Weights) -> Json:
    return {
        "name": role,
        "plugins": [
            {"pluginRef": f"{role}-filter"},
            *({"pluginRef": name, "weight": weight} for name, weight in weights.items()),
            {"pluginRef": _PICKER},
        ],
    }
