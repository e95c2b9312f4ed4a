"""Section `serving.gateway`: what takes clients' requests and asks the endpoint picker."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.catalog.gateways import GatewayKind
from disagg.config.form import CERTIFICATE_ARN, STRICT


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Gateway:
    """What takes clients' requests, asks the endpoint picker and sends them on."""

    kind: GatewayKind = "standalone"
    """`standalone`: Envoy in the picker's pod, without custom kinds. `istio`, `agentgateway`: a
    Gateway and an InferencePool of the Gateway API, served by that project. `nginx` and
    `envoy_ai_gateway` are refused, with the reason."""
    replicas: Annotated[int, Field(ge=2, le=50)] | None = None
    """Pods of the gateway; not for `standalone`, which is one pod. Default: 2."""
    certificate_arn: Annotated[str, Field(pattern=CERTIFICATE_ARN)] | None = None
    """Certificate of ACM for TLS at the load balancer, on port 443 in place of 80. Default: no
    TLS."""
