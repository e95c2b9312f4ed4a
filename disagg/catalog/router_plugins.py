"""Plugins each llm-d router knows, their parameters with types, and its configuration's apiVersion.

A row names a plugin type and its top-level parameters as `name:type`. `@0.10` behind either says
since which router it is there; `<0.10` behind a parameter, until which it was.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from disagg.catalog.source import Kind, Source


class PluginKind(StrEnum):
    """What a plugin does in the endpoint picker."""

    PROFILE_HANDLER = "profile-handler"
    DECIDER = "decider"
    FILTER = "filter"
    SCORER = "scorer"
    PICKER = "picker"
    PRODUCER = "producer"
    DATA_LAYER = "data-layer"
    FLOW_CONTROL = "flow-control"
    ADMISSION = "admission"
    PARSER = "parser"
    REQUEST = "request"


class Stability(StrEnum):
    """How finished upstream calls a plugin; routers before 0.10 do not say."""

    ALPHA = "alpha"
    """Refused from 0.10 on unless the endpoint picker runs with --allow-experimental-plugins."""
    BETA = "beta"


class JsonType(StrEnum):
    """What JSON a parameter takes; another one stops the endpoint picker."""

    STRING = "str"
    INTEGER = "int"
    NUMBER = "num"
    BOOLEAN = "bool"
    OBJECT = "obj"
    LIST = "list"

    @property
    def words(self) -> str:
        """What it is, in a sentence."""
        return _WORDS[self]

    def takes(self, value: object) -> bool:
        """Return whether a value is of this type; a whole number is a number, a bool is neither.

        Example:
            >>> JsonType.NUMBER.takes(2), JsonType.INTEGER.takes(True), JsonType.INTEGER.takes(2.5)
            (True, False, False)
        """
        if isinstance(value, bool):
            return self is JsonType.BOOLEAN
        return isinstance(value, _PYTHON[self])


_PYTHON: dict[JsonType, type | tuple[type, ...]] = {
    JsonType.STRING: str,
    JsonType.INTEGER: int,
    JsonType.NUMBER: (int, float),
    JsonType.BOOLEAN: bool,
    JsonType.OBJECT: Mapping,
    JsonType.LIST: (list, tuple),
}

_WORDS: dict[JsonType, str] = {
    JsonType.STRING: "text",
    JsonType.INTEGER: "a whole number",
    JsonType.NUMBER: "a number",
    JsonType.BOOLEAN: "true or false",
    JsonType.OBJECT: "a mapping",
    JsonType.LIST: "a list",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterPlugin:
    """One plugin type of the endpoint picker of one router version."""

    type: str
    kind: PluginKind
    stability: Stability
    parameters: Mapping[str, JsonType]
    """Top-level parameters it reads; from 0.9 on the router stops at any other."""
    deprecated: frozenset[str]
    """Parameters among them that still work and are said to go away."""


PLUGINS_SOURCE = Source(
    kind=Kind.DERIVED,
    reference=(
        "llm-d/llm-d-router cmd/epp/runner/runner.go (registrations) and each plugin's parameter"
        " struct at v0.9.0, v0.10.0 and ebab687 (main, 2026-08-22); 0.8: pkg/epp/framework/plugins/"
        "register.go at v0.8.0 and runner.go of gateway-api-inference-extension v1.5.0, with"
        " parameters as of 0.9"
    ),
    date="2026-08-22",
)

ROUTER_VERSIONS = ("0.8", "0.9", "0.10", "main")
"""Minor versions of the router that are known, oldest first; `main` is what follows 0.10."""

_BETA: dict[PluginKind, str] = {
    PluginKind.PROFILE_HANDLER: """
        single-profile-handler
        disagg-profile-handler profiles:obj deciders:obj stageOrder:list@0.10
        data-parallel-profile-handler primaryPort:int
    """,
    PluginKind.DECIDER: """
        always-disagg-pd-decider
        prefix-based-pd-decider nonCachedTokens:int promptTokens:int@0.10
        always-disagg-multimodal-decider
    """,
    PluginKind.FILTER: """
        prefill-filter
        decode-filter
        encode-filter
        label-selector-filter@0.9 matchLabels:obj matchExpressions:list
        prefix-cache-affinity-filter affinityThreshold:num explorationProbability:num
        + maxTTFTPenaltyMs:num ttftSource:str peakPrefillThroughput:num
        + prefixMatchInfoProducerName:str inFlightLoadProducerName:str
        + latencyPredictionInfoProducerName:str
        slo-headroom-tier-filter epsilonExploreNeg:num latencyPredictionInfoProducerName:str
    """,
    PluginKind.SCORER: """
        prefix-cache-scorer prefixMatchInfoProducerName:str matchLengthWeight:num@0.10
        + matchLengthScaleTokens:int@0.10
        queue-scorer
        kv-cache-utilization-scorer
        running-requests-size-scorer
        active-request-scorer idleThreshold:int maxBusyScore:num requestTimeout:str
        + inFlightLoadProducerName:str
        token-load-scorer queueThresholdTokens:int inFlightLoadProducerName:str
        load-aware-scorer threshold:int
        no-hit-lru-scorer lruSize:int prefixMatchInfoProducerName:str prefixPluginName:str
        + prefixPluginType:str
        lora-affinity-scorer
        context-length-aware label:str enableFiltering:bool
        latency-scorer ttftWeight:num tpotWeight:num headroomSelectionStrategy:str
        + compositeKVWeight:num compositeQueueWeight:num compositePrefixWeight:num
        + prefixMatchInfoProducerName:str latencyPredictionInfoProducerName:str
        mm-embeddings-cache-scorer@0.9 producerName:str
    """,
    PluginKind.PICKER: """
        max-score-picker maxNumOfEndpoints:int
        random-picker maxNumOfEndpoints:int
        weighted-random-picker maxNumOfEndpoints:int
    """,
    PluginKind.PRODUCER: """
        approx-prefix-cache-producer autoTune:bool blockSizeTokens:int blockSize:int
        + maxPrefixTokensToMatch:int maxPrefixBlocksToMatch:int lruCapacityPerServer:int
        precise-prefix-cache-producer@0.9 tokenProcessorConfig:obj indexerConfig:obj
        + kvEventsConfig:obj speculativeIndexing:bool speculativeTTL:str
        inflight-load-producer addEstimatedOutputTokens:bool outputRatio:num@0.10
        + maxEstimatedOutputTokens:int@0.10 prefixMatchInfoProducerName:str
        + syncCrossReplicaState:bool@0.10
        token-producer@0.9 modelName:str vllm:obj estimate:obj udsTokenizerConfig:obj
        predicted-latency-producer samplingMean:num maxDecodeTokenSamplesForPrediction:int
        + sloBufferFactor:num contextTTL:int streamingMode:bool endpointRoleLabel:str
        + predictInProduce:bool prefixMatchInfoProducerName:str inFlightLoadProducerName:str@0.10
        + useEncoderCacheFeatures:bool@0.10 encoderCacheMatchInfoProducerName:str@0.10
        mm-embeddings-cache-producer@0.9 cacheSizeInMBPerServer:int
        session-id-producer@0.9 headerName:str cookieName:str
    """,
    PluginKind.DATA_LAYER: """
        metrics-data-source scheme:str path:str port:int@0.10 interval:str@0.10
        + insecureSkipVerify:bool caCertPath:str@0.10 clientCertPath:str@0.10
        + clientKeyPath:str@0.10
        core-metrics-extractor engineConfigs:list defaultEngine:str engineLabelKey:str
        models-data-source scheme:str path:str interval:str@0.10 insecureSkipVerify:bool
        + caCertPath:str@0.10 clientCertPath:str@0.10 clientKeyPath:str@0.10
        models-data-extractor
        k8s-notification-source group:str version:str kind:str
        endpoint-notification-source
        file-discovery@0.9 path:str watchFile:bool
    """,
    PluginKind.FLOW_CONTROL: """
        utilization-detector queueDepthThreshold:int kvCacheUtilThreshold:num
        + metricsStalenessThreshold:str headroom:num
        concurrency-detector maxConcurrency:int maxTokenConcurrency:int concurrencyMode:str
        + headroom:num inFlightLoadProducerName:str
        fcfs-ordering-policy
        edf-ordering-policy
        slo-deadline-ordering-policy
        global-strict-fairness-policy
        round-robin-fairness-policy
        program-aware-fairness@0.9 strategy:str evictionTtlSeconds:num evictionSweepSeconds:num
        + lasWeightService:num lasWeightHeadWait:num lasDecayFactor:num<main
        + lasHalfLifeSeconds:num
        static-usage-limit-policy threshold:num
    """,
    PluginKind.ADMISSION: """
        latency-slo-admitter latencyPredictionInfoProducerName:str
        probabilistic-admitter@0.9 queueDepthThreshold:int kvCacheUtilThreshold:num power:num k:num
    """,
    PluginKind.PARSER: """
        openai-parser
        anthropic-parser@0.9
        vllmhttp-parser@0.9
        vllmgrpc-parser
        sglanghttp-parser@main
        vertexai-parser@0.9
        passthrough-parser
    """,
    PluginKind.REQUEST: """
        request-attribute-reporter attributes:list
    """,
}

_ALPHA: dict[PluginKind, str] = {
    PluginKind.PROFILE_HANDLER: "header-profile-handler@0.10 headerName:str defaultProfile:str",
    PluginKind.FILTER: """
        utilization-filter@0.10 conditions:list fallbackOnEmpty:bool inFlightLoadProducerName:str
        session-affinity-filter@0.9 headerName:str<0.10 strategy:str@0.10 profileName:str
        + encodedEndpointHeaderConfig:obj@0.10 sessionIdConfig:obj@0.10
        endpoint-attribute-filter@0.10 attribute:str onMissing:str fallbackOnEmpty:bool
        + algorithm:obj producer:str@main
        topology-affinity-filter@0.10 minAffinity:str topologyProducerName:str
    """,
    PluginKind.SCORER: """
        session-affinity-scorer headerName:str<0.10 strategy:str@0.10 profileName:str
        + encodedEndpointHeaderConfig:obj@0.10 sessionIdConfig:obj@0.10
        header-label-affinity-scorer@0.10 headerName:str labelKey:str
        endpoint-attribute-scorer@0.10 attributeKey:str algorithm:obj producer:str@main
        topology-affinity-scorer@0.10 topologyProducerName:str
    """,
    PluginKind.PRODUCER: """
        burst-prefix-cache-producer@0.10 windowDurationMs:int maxPerReplica:int blockSizeTokens:int
        + maxPrefixTokensToMatch:int minColocateBlocks:int maxBatchSize:int balanceBy:str
        p2p-source-producer@0.10 minCachedTokenDelta:int prefillProfileName:str
        + prefixMatchInfoProducerName:str
    """,
    PluginKind.DATA_LAYER: """
        dcgm-data-source@0.10 scheme:str path:str port:int interval:str insecureSkipVerify:bool
        + useNodeAddress:bool
        dcgm-extractor@0.10
        topology-extractor@0.10 hostname:str rack:str zone:str region:str
    """,
    PluginKind.FLOW_CONTROL: """
        priority-holdback-policy@0.10 shape:str domain:str minCeiling:num maxCeiling:num
        soft-reflective-ceiling-policy@0.10
        sheddable-eviction-filter@0.10
        priority-then-time-eviction-order-policy@0.10
    """,
    PluginKind.REQUEST: """
        agent-identity@0.9 additionalSessionHeaders:list
        disaggregatedset-rollout-screener@0.10 scope:obj headerSelectors:list revisionGating:obj
    """,
}

_DEPRECATED_PARAMETERS = {
    "active-request-scorer": frozenset({"requestTimeout"}),
    "approx-prefix-cache-producer": frozenset({"blockSize"}),
    "no-hit-lru-scorer": frozenset({"prefixPluginName", "prefixPluginType"}),
    "token-producer": frozenset({"udsTokenizerConfig"}),
}

DEPRECATED_PLUGINS: dict[str, str] = {
    "by-label": "label-selector-filter",
    "by-label-selector": "label-selector-filter",
    "disagg-headers-handler": "disagg-profile-handler",
    "pd-profile-handler": "disagg-profile-handler",
    "precise-prefix-cache-scorer": "precise-prefix-cache-producer",
    "prefill-header-handler": "disagg-profile-handler",
    "tokenizer": "token-producer",
}
"""Types router 0.10.0 still loads with a warning, and what replaces each; never written here."""

_CELL = re.compile(r"(?P<name>[\w-]+)(:(?P<type>\w+))?(@(?P<since>[\w.]+))?(<(?P<until>[\w.]+))?")


@dataclass(frozen=True, slots=True)
class _Cell:
    """One word of a row."""

    name: str
    type: str
    since: int
    until: int

    @classmethod
    def of(cls, text: str) -> "_Cell":
        found = _CELL.fullmatch(text)
        if found is None:
            raise ValueError(f"not a cell of the plugin table: {text!r}")
        since, until = found["since"] or ROUTER_VERSIONS[0], found["until"]
        last = ROUTER_VERSIONS.index(until) if until else len(ROUTER_VERSIONS)
        return cls(found["name"], found["type"] or "", ROUTER_VERSIONS.index(since), last)

    def there(self, version: int) -> bool:
        return self.since <= version < self.until


def minor_version(router_version: str) -> str:
    """Return the minor version of `0.10.0` as the tables name it; `main` is its own."""
    return ".".join(router_version.split(".")[:2])


@cache
def router_plugins(router_version: str) -> Mapping[str, RouterPlugin]:
    """Return the plugin types a configuration may name, by type.

    Args:
        router_version: Such as `0.10.0`, or `main`.

    Raises:
        KeyError: Nothing is known about that version.

    Example:
        >>> sorted(router_plugins("0.10.0")["prefix-based-pd-decider"].parameters)
        ['nonCachedTokens', 'promptTokens']
        >>> "sglanghttp-parser" in router_plugins("0.10.0")
        False
    """
    minor = minor_version(router_version)
    if minor not in ROUTER_VERSIONS:
        raise KeyError(router_version)
    version = ROUTER_VERSIONS.index(minor)
    return {
        row.type: row
        for stability, table in ((Stability.BETA, _BETA), (Stability.ALPHA, _ALPHA))
        for kind, text in table.items()
        for row in _rows(kind, stability, text, version)
    }


def _rows(kind: PluginKind, stability: Stability, text: str, version: int) -> list[RouterPlugin]:
    rows = []
    for line in text.replace("\n        +", "").strip().splitlines():
        name, *cells = (_Cell.of(word) for word in line.split())
        if name.there(version):
            parameters = {c.name: JsonType(c.type) for c in cells if c.there(version)}
            rows.append(
                RouterPlugin(
                    type=name.name,
                    kind=kind,
                    stability=stability,
                    parameters=parameters,
                    deprecated=_DEPRECATED_PARAMETERS.get(name.name, frozenset()),
                )
            )
    return rows


CONFIG_API_VERSIONS: dict[str, str] = {
    "0.8": "inference.networking.x-k8s.io/v1alpha1",
    "0.9": "llm-d.ai/v1alpha1",
    "0.10": "llm-d.ai/v1alpha1",
    "main": "llm-d.ai/v1",
}
"""apiVersion of EndpointPickerConfig by minor version of the router."""


def config_api_version(router_version: str) -> str:
    """Return the apiVersion an EndpointPickerConfig needs for `router_version` (`0.10.0`).

    Raises:
        KeyError: Nothing is known about that version.

    Example:
        >>> config_api_version("0.10.0")
        'llm-d.ai/v1alpha1'
    """
    return CONFIG_API_VERSIONS[minor_version(router_version)]
