"""Gateways: what may stand in front of the endpoint picker, and which are refused, from sources.

Two holes decide it: a client's own `x-prefiller-host-port` makes a decode sidecar call any address,
and failing open sends requests past the picker. A gateway is offered only where its own source
shows how both are closed.
"""

from dataclasses import dataclass
from typing import Literal

from disagg.catalog.source import Source, published

GatewayKind = Literal["standalone", "istio", "agentgateway", "nginx", "envoy_ai_gateway"]
"""What `serving.gateway.kind` may say; `GATEWAYS` says which of them are refused."""
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
"""Label of every pod a controller makes for a Gateway. Source: Gateway API, GEP-1762."""
ROUTING_HEADERS = (
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host-port",
    "x-gateway-destination-endpoint",
)
"""Headers that aim a request at an address: only the endpoint picker may write them.

Source: llm-d-router RELEASE-NOTES.md; tried against the real sidecar, 2026-11-23.
"""


LONGEST_SECONDS = 3_600
"""Longest a request may take, its answer included [s]: assumed, for the longest answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRow:
    """One kind of gateway."""

    name: GatewayKind
    class_name: str = ""
    """GatewayClass its controller makes; empty: it is no Gateway of the Gateway API."""
    ready_port: int = 0
    """Where its pods say whether they are ready, over HTTP."""
    ready_path: str = ""
    user: int = 0
    """User its pods run as."""
    asks_every_pool: bool = False
    """Whether of two pools in one rule each is asked through its own picker."""
    refused: str = ""
    """Why an environment may not choose it; empty: it may."""
    source: Source


_GATEWAYS = (
    GatewayRow(
        name="standalone",
        source=published("llm-d-router config/charts; run with Envoy 1.40", "2026-11-23"),
    ),
    GatewayRow(
        name="istio",
        class_name="istio",
        ready_port=15_021,
        ready_path="/healthz/ready",
        user=1_337,
        source=published(
            "istio/istio 1.30.3: manifests/charts/istio-control/istio-discovery/files/"
            "kube-gateway.yaml (pods), pilot/pkg/xds/filters/filters.go and pilot/pkg/networking/"
            "core/route/route.go (the call to the picker); istio/proxy 1.30.3"
            " bazel/extension_config/extensions_build_config.bzl (early header mutation)",
            "2026-07-13",
        ),
    ),
    GatewayRow(
        name="agentgateway",
        class_name="agentgateway",
        ready_port=15_021,
        ready_path="/healthz/ready",
        user=10_101,
        asks_every_pool=True,
        source=published(
            "agentgateway/agentgateway v1.4.1: controller/pkg/helm/agentgateway (pods),"
            " controller/pkg/agentgateway/plugins/inference_plugin.go (failure mode, TLS),"
            " crates/agentgateway/src/proxy/httpproxy.rs (policies of the gateway run before the"
            " route is chosen, the picker is asked after)",
            "2026-08-21",
        ),
    ),
    GatewayRow(
        name="nginx",
        refused=(
            "NGINX Gateway Fabric takes one header of the picker's answer, the address; the one"
            " that names the prefill pod is dropped, so nothing is disaggregated, and a client's"
            " own reaches the sidecar"
        ),
        source=published(
            "nginx/nginx-gateway-fabric@e55bfe3 cmd/gateway/endpoint_picker.go"
            " (createEndpointPickerHandler), internal/controller/nginx/modules/src/epp.js",
            "2026-08-20",
        ),
    ),
    GatewayRow(
        name="envoy_ai_gateway",
        refused=(
            "Envoy AI Gateway needs two controllers, Envoy Gateway and a server that puts the call"
            " to the picker into its configuration; neither their objects nor the order of their"
            " filters were shown here, and istio runs the same Envoy"
        ),
        source=published(
            "envoyproxy/ai-gateway@c217da8 internal/extensionserver/inferencepool.go"
            " (buildHTTPFilterForInferencePool), docs/proposals/003-epp-integration-proposal",
            "2026-08-21",
        ),
    ),
)

GATEWAYS: dict[str, GatewayRow] = {row.name: row for row in _GATEWAYS}
"""Every kind of gateway."""
CLASSES: dict[str, GatewayRow] = {row.class_name: row for row in _GATEWAYS if row.class_name}
"""Kinds of the Gateway API by the name of their GatewayClass."""
