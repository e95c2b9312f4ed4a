"""What the endpoint picker (EPP) is told: which pods may do what, and how to choose among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from disagg.catalog.models import MODELS
from disagg.catalog.router_plugins import Stability, config_api_version, router_plugins
from disagg.config.environment import Environment
from disagg.config.router import FlowControl, RouterPlugin
from disagg.planner.router import QUEUE_MEMORY, PickerSize, picker_size, threshold_tokens
from disagg_k8s import names
from disagg_k8s.manifest import Json, binary

_LRU_BLOCKS = 31_250
"""Prefix blocks remembered for each server. Source: llm-d-router pd-epp-config.yaml."""
_EVENT_WORKERS = 8
"""Goroutines that read events. Source: llm-d guides, precise prefix cache."""
_TIERS = ({"name": "gpu", "weight": 1.0}, {"name": "cpu", "weight": 0.4})
"""Worth of a block by where it lies. Source: as above."""
_SESSION_WEIGHT = 2.0
"""Below the weight of a prefix: assumed."""

Weights = Mapping[str, float]
_ROLES = (names.PREFILL, names.DECODE)

# Source of the tables: llm-d guides/pd-disaggregation and precise prefix cache (scorers and
# weights). `prefix_aware` sent 18 of 18 repeated prompts to the server that had them cached, no
# scorer 5 of 18; precise followed 12 of 12 prefixes that only events could tell of, approximate 6
# (measured, real vLLM).
_SCORERS: dict[str, dict[str, Weights]] = {
    "prefix_aware": {
        names.PREFILL: {"prefix-cache-scorer": 3, "queue-scorer": 2},
        names.DECODE: {"active-request-scorer": 2, "prefix-cache-scorer": 3},
    },
    "prefix_precise": {
        names.PREFILL: {"prefix-cache-scorer": 3, "queue-scorer": 2, "no-hit-lru-scorer": 2},
        names.DECODE: {"active-request-scorer": 2, "prefix-cache-scorer": 3},
    },
    "load_aware": {
        names.PREFILL: {"queue-scorer": 2, "kv-cache-utilization-scorer": 1},
        names.DECODE: {"active-request-scorer": 2, "kv-cache-utilization-scorer": 1},
    },
}
_APPROXIMATE = "approx-prefix-cache-producer"
_PRECISE = "precise-prefix-cache-producer"
_EVENTS = "endpoint-notification-source"
_DECIDERS = {
    "always_disaggregate": "always-disagg-pd-decider",
    "prefix_based": "prefix-based-pd-decider",
}
_PICKER = "max-score-picker"
_DETECTOR = "utilization-detector"
_FAIRNESS = "round-robin-fairness-policy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """One plugin of a configuration."""

    type: str
    parameters: Json = field(default_factory=dict)
    name: str | None = None
    """What others call it. Default: its type."""

    def rendered(self) -> Json:
        """Return it as the router reads it."""
        found: Json = {"name": self.name} if self.name else {}
        found["type"] = self.type
        return {**found, **({"parameters": self.parameters} if self.parameters else {})}


@dataclass(frozen=True, kw_only=True, slots=True)
class PickerConfig:
    """An EndpointPickerConfig; the rules `DISAGG-RTR` judge what it renders."""

    router: str
    """Version of the router that reads it."""
    plugins: tuple[Plugin, ...]
    profiles: Mapping[str, Weights]
    """Scorers of each role with their weights, by the names of the plugins."""
    data_layer: Json = field(default_factory=dict)
    flow_control: Json = field(default_factory=dict)

    @property
    def experimental(self) -> bool:
        """Whether a plugin is alpha, so that the picker must be told to take it."""
        known = router_plugins(self.router)
        return any(known[one.type].stability is Stability.ALPHA for one in self.plugins)

    def rendered(self) -> Json:
        """Return the whole file."""
        return {
            "apiVersion": config_api_version(self.router),
            "kind": "EndpointPickerConfig",
            **({"featureGates": ["flowControl"]} if self.flow_control else {}),
            "plugins": [one.rendered() for one in self.plugins],
            "schedulingProfiles": [_profile(*one) for one in self.profiles.items()],
            **({"dataLayer": self.data_layer} if self.data_layer else {}),
            **({"flowControl": self.flow_control} if self.flow_control else {}),
        }


def picker_config(environment: Environment) -> PickerConfig:
    """Return the configuration of an environment's picker: two profiles and a decider."""
    router = environment.serving.router
    size = picker_size(environment)
    scorers = _SCORERS[router.policy]
    used = sorted({name for weights in scorers.values() for name in weights})
    decider = _DECIDERS[router.decider]
    plugins = (
        *_prefix_plugins(environment, size, used),
        Plugin(type=decider, parameters=_decider_parameters(environment)),
        Plugin(type="disagg-profile-handler", parameters={"deciders": {names.PREFILL: decider}}),
        Plugin(type="prefill-filter"),
        Plugin(type="decode-filter"),
        *(Plugin(type=one, parameters=_scorer_parameters(one, router.policy)) for one in used),
        *(_session(role, router.session_header) for role in _ROLES if router.session_header),
        Plugin(type=_PICKER),
        *_flow_plugins(router.flow_control, size),
    )
    session = {role: {f"session-{role}": _SESSION_WEIGHT} for role in _ROLES}
    return PickerConfig(
        router=names.images(environment).router,
        plugins=_with(plugins, router.plugins),
        profiles={
            role: {
                **scorers[role],
                **(session[role] if router.session_header else {}),
                **{one.type: one.weights[role] for one in router.plugins if role in one.weights},
            }
            for role in _ROLES
        },
        data_layer=_data_layer() if router.policy == "prefix_precise" else {},
        flow_control=_flow_control(router.flow_control) if router.flow_control else {},
    )


def _prefix_plugins(
    environment: Environment, size: PickerSize, used: Sequence[str]
) -> list[Plugin]:
    """Return what knows the prefixes that pods have.

    Why the approximate index beside the precise one too: `prefix-based-pd-decider` reads that of
    the default name and asks for none, so without it every prompt stays on decode. Source:
    llm-d-router v0.10.0 disagg/prefix_based_pd_decider.go.
    """
    serving = environment.serving
    precise = serving.router.policy == "prefix_precise"
    scored = "prefix-cache-scorer" in used and not precise
    context = serving.max_context_tokens or MODELS[serving.model].max_context_tokens
    approximate = Plugin(
        type=_APPROXIMATE,
        parameters={"maxPrefixTokensToMatch": context, "lruCapacityPerServer": _LRU_BLOCKS},
    )
    return [
        *(_precise_plugins(environment, size) if precise else []),
        *([approximate] if scored or serving.router.decider == "prefix_based" else []),
    ]


def _precise_plugins(environment: Environment, size: PickerSize) -> list[Plugin]:
    """Return tokenizing, the news of pods, and the index that both feed.

    Why as many pods a block as there are: by default ten, so of a system prompt that all have the
    index would forget all but ten.
    """
    serving = environment.serving
    return [
        Plugin(
            type="token-producer",
            parameters={"modelName": serving.model, "vllm": {"url": names.render_url(environment)}},
        ),
        Plugin(type=_EVENTS),
        Plugin(
            type=_PRECISE,
            parameters={
                "tokenProcessorConfig": {
                    "blockSizeTokens": serving.kv_transfer.block_size,
                    "hashSeed": names.HASH_SEED,
                },
                "indexerConfig": {
                    "kvBlockIndexConfig": {
                        "enableMetrics": True,
                        "inMemoryConfig": {
                            "size": size.index_blocks,
                            "podCacheSize": size.endpoints,
                        },
                    },
                    "kvCacheBackendConfigs": list(_TIERS),
                },
                "kvEventsConfig": {
                    "topicFilter": names.KV_EVENTS_TOPIC,
                    "concurrency": _EVENT_WORKERS,
                    "discoverPods": True,
                    "podDiscoveryConfig": {"socketPort": names.KV_EVENTS_PORT},
                },
                "speculativeIndexing": True,
            },
        ),
    ]


def _data_layer() -> Json:
    return {"sources": [{"pluginRef": _EVENTS, "extractors": [{"pluginRef": _PRECISE}]}]}


def _decider_parameters(environment: Environment) -> Json:
    one = environment
    if one.serving.router.decider == "always_disaggregate":
        return {}
    return {"nonCachedTokens": threshold_tokens(one.serving, one.capacity, one.workload, one.slo)}


def _scorer_parameters(scorer: str, policy: str) -> Json:
    if policy == "prefix_precise" and scorer in {"prefix-cache-scorer", "no-hit-lru-scorer"}:
        return {"prefixMatchInfoProducerName": _PRECISE}
    return {}


def _session(role: str, header: str | None) -> Plugin:
    """Return what keeps a session on its pod of a role, as a wish: a hard pin follows a dead pod.

    Why a header of the client and not a token of the router: nothing to hand back, and it names no
    pod.
    """
    own = {"profileName": role} if role != names.DECODE else {}
    return Plugin(
        name=f"session-{role}",
        type="session-affinity-scorer",
        parameters={
            "strategy": "session_id",
            "sessionIdConfig": {"sources": [{"header": header}]},
            **own,
        },
    )


def _flow_plugins(flow: FlowControl | None, size: PickerSize) -> list[Plugin]:
    """Return the plugins of flow control.

    Why the age of metrics: the detector's own, 200 ms, is not longer than an interval of polling,
    and a pod whose metrics are too old counts as full.
    """
    if flow is None:
        return []
    stale = {"metricsStalenessThreshold": f"{size.stale_ms}ms"}
    return [Plugin(type=_DETECTOR, parameters=stale), Plugin(type=_FAIRNESS)]


def _flow_control(flow: FlowControl) -> Json:
    """Return the queue: bounded in number, in bytes, in time, and fair between tenants.

    Why bytes: upstream bounds each priority and not all of them together, and the bodies lie in the
    picker's memory.
    """
    return {
        "maxBytes": binary(QUEUE_MEMORY),
        "maxRequests": str(flow.max_requests),
        "defaultRequestTTL": f"{flow.queue_seconds}s",
        "defaultPriorityBand": {
            "priority": 0,
            "maxRequests": str(flow.max_requests),
            "fairnessPolicyRef": _FAIRNESS,
        },
        "saturationDetector": {"pluginRef": _DETECTOR},
    }


def _with(plugins: Sequence[Plugin], more: Sequence[RouterPlugin]) -> tuple[Plugin, ...]:
    """Return the plugins with those of the file: parameters over parameters, new types behind."""
    given: dict[str, Any] = {one.type: one.parameters for one in more}
    known = {one.type for one in plugins}
    changed = (
        replace(one, parameters={**one.parameters, **given.get(one.type, {})}) for one in plugins
    )
    new = (Plugin(type=o.type, parameters=o.parameters) for o in more if o.type not in known)
    return (*changed, *new)


def _profile(role: str, weights: Weights) -> Json:
    return {
        "name": role,
        "plugins": [
            {"pluginRef": f"{role}-filter"},
            *({"pluginRef": name, "weight": weight} for name, weight in weights.items()),
            {"pluginRef": _PICKER},
        ],
    }
