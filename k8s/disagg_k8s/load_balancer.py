"""The internal network load balancer in front of what takes clients' requests."""

from disagg.config.environment import Environment
from disagg_k8s import envoy_config, names
from disagg_k8s.manifest import Json

_SPARE_IDLE_SECONDS = 60
"""How much longer than the proxy the load balancer keeps a silent connection [s]."""
_PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.2 and 1.3 only. Source: Network Load Balancer guide, "Security policies", 2026-11."""


def service(environment: Environment, selector: names.Labels, target: str | int) -> Json:
    """Return the spec of the Service: port 80, or 443 where a certificate is given."""
    secure = environment.serving.gateway.certificate_arn is not None
    name, port = ("https", 443) if secure else ("http", 80)
    return {
        "type": "LoadBalancer",
        "loadBalancerClass": "service.k8s.aws/nlb",
        "loadBalancerSourceRanges": [
            *environment.network.cidrs,
            *environment.cluster.client_cidrs,
        ],
        "allocateLoadBalancerNodePorts": False,
        "selector": selector,
        "ports": [{"name": name, "protocol": "TCP", "port": port, "targetPort": target}],
    }


def annotations(
    environment: Environment, *, ready_port: int, ready_path: str, drain_seconds: int
) -> dict[str, str]:
    """Return what the AWS Load Balancer Controller reads.

    Why the idle timeout: a load balancer drops silent connections after 350 s, without a word to
    either side, while an answer that is not streamed may be silent for longer. The proxy closes
    first. Of a TLS listener it cannot be changed: there the proxy keeps the connection alive.
    """
    values = {
        "scheme": "internal",
        "nlb-target-type": "ip",
        "attributes": "load_balancing.cross_zone.enabled=true",
        **_listener(environment.serving.gateway.certificate_arn),
        "target-group-attributes": f"deregistration_delay.timeout_seconds={drain_seconds}",
        "healthcheck-protocol": "http",
        "healthcheck-port": str(ready_port),
        "healthcheck-path": ready_path,
        "healthcheck-interval": "10",
        "healthcheck-healthy-threshold": "2",
        "healthcheck-unhealthy-threshold": "2",
    }
    return {f"{_PREFIX}{key}": value for key, value in values.items()}


def _listener(certificate: str | None) -> dict[str, str]:
    if certificate is None:
        idle = envoy_config.IDLE_SECONDS + _SPARE_IDLE_SECONDS
        return {"listener-attributes.TCP-80": f"tcp.idle_timeout.seconds={idle}"}
    return {
        "ssl-cert": certificate,
        "ssl-ports": "443",
        "ssl-negotiation-policy": _TLS_POLICY,
    }
