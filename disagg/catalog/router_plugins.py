"""Plugins llm-d router 0.10.0 knows, and the configuration apiVersion of each router version."""

from dataclasses import dataclass
from enum import StrEnum

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
    """How finished upstream calls a plugin."""

    ALPHA = "alpha"
    """Refused unless the endpoint picker runs with --allow-experimental-plugins."""
    BETA = "beta"


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterPlugin:
    """One plugin type of the endpoint picker."""

    type: str
    kind: PluginKind
    stability: Stability
    parameters: frozenset[str]
    """Top-level parameters it reads; the router stops at any other."""
    deprecated: frozenset[str]
    """Parameters among them that still work and are said to go away."""


PLUGINS_SOURCE = Source(
    kind=Kind.DERIVED,
    reference=(
        "llm-d/llm-d-router cmd/epp/runner/runner.go (registrations) and each plugin's parameter"
        " struct: what is in v0.10.0-rc.1 (2026-08-11) and still in ebab687 (2026-08-22), which"
        " enclose v0.10.0 (2026-08-17)"
    ),
    date="2026-08-22",
)

_BETA: dict[PluginKind, str] = {
    PluginKind.PROFILE_HANDLER: """
        single-profile-handler
        disagg-profile-handler profiles deciders stageOrder
        data-parallel-profile-handler primaryPort
    """,
    PluginKind.DECIDER: """
        always-disagg-pd-decider
        prefix-based-pd-decider nonCachedTokens promptTokens
        always-disagg-multimodal-decider
    """,
    PluginKind.FILTER: """
        prefill-filter
        decode-filter
        encode-filter
        label-selector-filter label validValues allowsNoLabel
        prefix-cache-affinity-filter affinityThreshold explorationProbability maxTTFTPenaltyMs
        + ttftSource peakPrefillThroughput prefixMatchInfoProducerName inFlightLoadProducerName
        + latencyPredictionInfoProducerName
        slo-headroom-tier-filter epsilonExploreNeg latencyPredictionInfoProducerName
    """,
    PluginKind.SCORER: """
        prefix-cache-scorer prefixMatchInfoProducerName matchLengthWeight matchLengthScaleTokens
        queue-scorer
        kv-cache-utilization-scorer
        running-requests-size-scorer
        active-request-scorer idleThreshold maxBusyScore requestTimeout inFlightLoadProducerName
        token-load-scorer queueThresholdTokens inFlightLoadProducerName
        load-aware-scorer threshold
        no-hit-lru-scorer lruSize prefixMatchInfoProducerName prefixPluginName prefixPluginType
        lora-affinity-scorer
        context-length-aware label enableFiltering
        latency-scorer ttftWeight tpotWeight headroomSelectionStrategy compositeKVWeight
        + compositeQueueWeight compositePrefixWeight prefixMatchInfoProducerName
        + latencyPredictionInfoProducerName
        mm-embeddings-cache-scorer producerName
    """,
    PluginKind.PICKER: """
        max-score-picker maxNumOfEndpoints
        random-picker maxNumOfEndpoints
        weighted-random-picker maxNumOfEndpoints
    """,
    PluginKind.PRODUCER: """
        approx-prefix-cache-producer autoTune blockSizeTokens blockSize maxPrefixTokensToMatch
        + maxPrefixBlocksToMatch lruCapacityPerServer
        precise-prefix-cache-producer tokenProcessorConfig indexerConfig kvEventsConfig
        + speculativeIndexing speculativeTTL
        inflight-load-producer addEstimatedOutputTokens outputRatio maxEstimatedOutputTokens
        + prefixMatchInfoProducerName syncCrossReplicaState
        token-producer modelName vllm estimate udsTokenizerConfig
        predicted-latency-producer samplingMean maxDecodeTokenSamplesForPrediction sloBufferFactor
        + contextTTL streamingMode endpointRoleLabel predictInProduce prefixMatchInfoProducerName
        + inFlightLoadProducerName useEncoderCacheFeatures encoderCacheMatchInfoProducerName
        mm-embeddings-cache-producer cacheSizeInMBPerServer
        session-id-producer headerName cookieName
    """,
    PluginKind.DATA_LAYER: """
        metrics-data-source scheme path port interval insecureSkipVerify caCertPath clientCertPath
        + clientKeyPath
        core-metrics-extractor engineConfigs defaultEngine engineLabelKey
        models-data-source scheme path interval insecureSkipVerify caCertPath clientCertPath
        + clientKeyPath
        models-data-extractor
        k8s-notification-source group version kind
        endpoint-notification-source
        file-discovery path watchFile
    """,
    PluginKind.FLOW_CONTROL: """
        utilization-detector queueDepthThreshold kvCacheUtilThreshold metricsStalenessThreshold
        + headroom
        concurrency-detector maxConcurrency maxTokenConcurrency concurrencyMode headroom
        + inFlightLoadProducerName
        fcfs-ordering-policy
        edf-ordering-policy
        slo-deadline-ordering-policy
        global-strict-fairness-policy
        round-robin-fairness-policy
        static-usage-limit-policy threshold
    """,
    PluginKind.ADMISSION: """
        latency-slo-admitter latencyPredictionInfoProducerName
        probabilistic-admitter queueDepthThreshold kvCacheUtilThreshold power k
    """,
    PluginKind.PARSER: """
        openai-parser
        anthropic-parser
        vllmhttp-parser
        vllmgrpc-parser
        vertexai-parser
        passthrough-parser
    """,
    PluginKind.REQUEST: """
        request-attribute-reporter attributes
    """,
}

_ALPHA: dict[PluginKind, str] = {
    PluginKind.PROFILE_HANDLER: "header-profile-handler headerName defaultProfile",
    PluginKind.FILTER: """
        utilization-filter conditions fallbackOnEmpty inFlightLoadProducerName
        session-affinity-filter strategy encodedEndpointHeaderConfig sessionIdConfig profileName
        topology-affinity-filter minAffinity topologyProducerName
    """,
    PluginKind.SCORER: """
        session-affinity-scorer strategy encodedEndpointHeaderConfig sessionIdConfig profileName
        header-label-affinity-scorer headerName labelKey
        topology-affinity-scorer topologyProducerName
    """,
    PluginKind.PRODUCER: """
        burst-prefix-cache-producer windowDurationMs maxPerReplica blockSizeTokens
        + maxPrefixTokensToMatch minColocateBlocks maxBatchSize balanceBy
        p2p-source-producer minCachedTokenDelta prefillProfileName prefixMatchInfoProducerName
    """,
    PluginKind.DATA_LAYER: """
        dcgm-data-source scheme path port interval insecureSkipVerify useNodeAddress
        dcgm-extractor
        topology-extractor hostname rack zone region
    """,
    PluginKind.FLOW_CONTROL: """
        priority-holdback-policy shape domain minCeiling maxCeiling
        soft-reflective-ceiling-policy
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


def _rows(table: dict[PluginKind, str], stability: Stability) -> dict[str, RouterPlugin]:
    rows = {}
    for kind, text in table.items():
        for line in text.replace("\n        +", "").strip().splitlines():
            name, *parameters = line.split()
            rows[name] = RouterPlugin(
                type=name,
                kind=kind,
                stability=stability,
                parameters=frozenset(parameters),
                deprecated=_DEPRECATED_PARAMETERS.get(name, frozenset()),
            )
    return rows


ROUTER_PLUGINS: dict[str, RouterPlugin] = _rows(_BETA, Stability.BETA) | _rows(
    _ALPHA, Stability.ALPHA
)
"""Plugin types a configuration may name, by type."""

CONFIG_API_VERSIONS: dict[str, str] = {
    "0.8": "inference.networking.x-k8s.io/v1alpha1",
    "0.9": "llm-d.ai/v1alpha1",
    "0.10": "llm-d.ai/v1alpha1",
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
    return CONFIG_API_VERSIONS[".".join(router_version.split(".")[:2])]
