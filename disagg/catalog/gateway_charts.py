"""Rows of `charts.py` for gateways: the custom kinds they read, and their controllers."""

from disagg.catalog.chart import CONTROLLER_WAVE, DEVICE_WAVE, Chart
from disagg.catalog.gateways import GatewayKind
from disagg.catalog.source import published

_NETWORKING = "gateway.networking.k8s.io"
_INFERENCE = "inference.networking.k8s.io"
_ISTIO = "https://istio-release.storage.googleapis.com/charts"
_AGENTGATEWAY = "oci://cr.agentgateway.dev/charts"
_RESTRICTED = {"type": "RuntimeDefault"}
_READ_BY_ALL: tuple[GatewayKind, ...] = ("istio", "agentgateway")

GATEWAY_API = Chart(
    name="gateway-api",
    repository="https://github.com/kubernetes-sigs/gateway-api",
    path="config/crd",
    kustomized=True,
    version="e7677b70ae75d14a4448fba94870e7deea6cf0ad",
    app_version="v1.5.1",
    namespace="kube-system",
    wave=CONTROLLER_WAVE,
    gateways=_READ_BY_ALL,
    brings=tuple(
        f"{kind}.{_NETWORKING}"
        for kind in ("BackendTLSPolicy", "Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant")
    ),
    why=(
        "The custom kinds of the Gateway API, standard channel, v1.5.1. Nobody publishes them as a"
        " chart: they are a kustomization in Git, at the commit of the release."
    ),
    source=published(
        "kubernetes-sigs/gateway-api v1.5.1 config/crd/kustomization.yaml", "2026-03-14"
    ),
)

INFERENCE_EXTENSION = Chart(
    name="inference-extension",
    repository="https://github.com/kubernetes-sigs/gateway-api-inference-extension",
    path="config/crd",
    kustomized=True,
    version="df9f8909fe06fe2dfd4a6fc0bd0c01a0acabf849",
    app_version="v1.5.0",
    namespace="kube-system",
    wave=CONTROLLER_WAVE,
    gateways=_READ_BY_ALL,
    brings=(
        f"InferencePool.{_INFERENCE}",
        "InferenceModelRewrite.inference.networking.x-k8s.io",
        "InferenceObjective.inference.networking.x-k8s.io",
    ),
    why=(
        "InferencePool, which names the pods and their picker, v1.5.0. In Git only, as the kinds"
        " of the Gateway API are."
    ),
    source=published(
        "kubernetes-sigs/gateway-api-inference-extension v1.5.0 config/crd/kustomization.yaml",
        "2026-04-18",
    ),
)

ISTIO_BASE = Chart(
    name="istio-base",
    chart="base",
    repository=_ISTIO,
    version="1.30.3",
    app_version="1.30.3",
    namespace="istio-system",
    wave=CONTROLLER_WAVE,
    gateways=("istio",),
    brings=("DestinationRule.networking.istio.io", "EnvoyFilter.networking.istio.io"),
    why="Istio's custom kinds; two are used: TLS to the picker and the hardening of its Envoy.",
    source=published("istio/istio 1.30.3 manifests/charts/base", "2026-07-13"),
)

ISTIOD = Chart(
    name="istiod",
    repository=_ISTIO,
    version="1.30.3",
    app_version="1.30.3",
    namespace="istio-system",
    wave=DEVICE_WAVE,
    gateways=("istio",),
    uses=(f"Gateway.{_NETWORKING}", f"InferencePool.{_INFERENCE}"),
    values={
        "env": {"ENABLE_GATEWAY_API_INFERENCE_EXTENSION": "true"},
        "gateways": {"seccompProfile": _RESTRICTED},
        "seccompProfile": _RESTRICTED,
        "meshConfig": {
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            # Why: a retry leaves the pod the picker chose, for any of the pool, prefill ones too.
            "defaultHttpRetryPolicy": {"attempts": 0},
            "defaultConfig": {"terminationDrainDuration": "300s"},
        },
    },
    made_anew=(
        {
            "group": "admissionregistration.k8s.io",
            "kind": "ValidatingWebhookConfiguration",
            "name": "istio-validator-istio-system",
            "jqPathExpressions": [
                ".webhooks[].clientConfig.caBundle",
                ".webhooks[].failurePolicy",
            ],
        },
        {
            "group": "admissionregistration.k8s.io",
            "kind": "MutatingWebhookConfiguration",
            "name": "istio-sidecar-injector",
            "jqPathExpressions": [".webhooks[].clientConfig.caBundle"],
        },
    ),
    why=(
        "Makes and configures the Envoys of the Gateway. Retries are off, since a retried request"
        " goes to any pod of the pool and not where the picker said; gateways wait 300 s for"
        " answers that run before they end. No sidecar is injected anywhere."
    ),
    source=published(
        "istio/istio 1.30.3 manifests/charts/istio-control/istio-discovery/values.yaml,"
        " pilot/pkg/networking/core/route/retry/retry.go",
        "2026-07-13",
    ),
)

AGENTGATEWAY_CRDS = Chart(
    name="agentgateway-crds",
    repository=_AGENTGATEWAY,
    version="v1.4.1",
    app_version="v1.4.1",
    namespace="agentgateway-system",
    wave=CONTROLLER_WAVE,
    gateways=("agentgateway",),
    brings=("AgentgatewayParameters.agentgateway.dev", "AgentgatewayPolicy.agentgateway.dev"),
    why="agentgateway's custom kinds; two are used: parameters of its pods, and its policies.",
    source=published(
        "agentgateway/agentgateway v1.4.1 controller/install/helm/agentgateway-crds", "2026-08-21"
    ),
)

AGENTGATEWAY = Chart(
    name="agentgateway",
    repository=_AGENTGATEWAY,
    version="v1.4.1",
    app_version="v1.4.1",
    namespace="agentgateway-system",
    wave=DEVICE_WAVE,
    gateways=("agentgateway",),
    uses=(f"Gateway.{_NETWORKING}", f"InferencePool.{_INFERENCE}"),
    values={"inferenceExtension": {"enabled": True}},
    why=(
        "Makes and configures the proxies of the Gateway. Support for InferencePool is off unless"
        " asked for. It does not retry by itself."
    ),
    source=published(
        "agentgateway/agentgateway v1.4.1 controller/install/helm/agentgateway/values.yaml,"
        " .github/workflows/release.yml",
        "2026-08-21",
    ),
)
