"""agentgateway: what makes its Gateway a safe one, in objects of its own."""

from disagg.catalog.gateways import ROUTING_HEADERS
from disagg.config.environment import Environment
from disagg_k8s import envoy_config, names, server
from disagg_k8s.manifest import Json
from disagg_k8s.provider import Extras, ProviderObject

_GROUP = "agentgateway.dev"
_API_VERSION = f"{_GROUP}/v1alpha1"
_CONTAINER = "agentgateway"
_SHUTDOWN_SECONDS = 10
"""Least time a pod waits for connections to move away [s]; the default."""


def objects(environment: Environment, pod: Json) -> Extras:
    """Return the parameters of the gateway's pods, and the policies of its listener.

    Nothing is said of TLS to the picker: its controller always calls by TLS and takes any
    certificate. Source: agentgateway v1.4.1 plugins/inference_plugin.go.
    """
    router = environment.router_namespace
    named = {"api_version": _API_VERSION, "namespace": router}
    return Extras(
        parameters={
            "group": _GROUP,
            "kind": "AgentgatewayParameters",
            "name": names.INFERENCE,
        },
        objects=(
            ProviderObject(
                kind="AgentgatewayParameters",
                name=names.INFERENCE,
                body={"spec": _parameters(pod)},
                **named,
            ),
            ProviderObject(
                kind="AgentgatewayPolicy",
                name="routing-headers",
                body={"spec": _strip()},
                **named,
            ),
            ProviderObject(
                kind="AgentgatewayPolicy",
                name="connections",
                body={"spec": _connections()},
                **named,
            ),
        ),
    )


def _target() -> list[Json]:
    return [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": names.INFERENCE},
    ]


def _parameters(pod: Json) -> Json:
    template = {
        "spec": {
            **pod["spec"],
            # Why: Pod Security `restricted` asks for it, and the controller's template has none.
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        }
    }
    budget = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    return {
        "resources": pod["resources"],
        "shutdown": {"min": _SHUTDOWN_SECONDS, "max": server.LONGEST_ANSWER_SECONDS},
        "deployment": {"spec": {"replicas": pod["replicas"], "template": template}},
        # Why inside the cluster: the load balancer is a Service of ours.
        "service": {"spec": {"type": "ClusterIP"}},
        "podDisruptionBudget": {"spec": budget},
    }


def _strip() -> Json:
    """Return the policy that takes clients' routing headers away before the route is chosen.

    The picker is asked later, when the request is about to be sent, so its own headers stay.
    """
    transformation = {
        "request": {"remove": list(ROUTING_HEADERS)},
        "response": {"remove": ["x-went-into-resp-headers"]},
    }
    return {
        "targetRefs": _target(),
        "traffic": {"phase": "PreRouting", "transformation": transformation},
    }


def _connections() -> Json:
    """Return how long connections are kept: the load balancer waits longer, or hears of them."""
    return {
        "targetRefs": _target(),
        "frontend": {
            "http": {"http1IdleTimeout": f"{envoy_config.IDLE_SECONDS}s"},
            "tcp": {
                "keepalive": {
                    "time": f"{envoy_config.KEEP_ALIVE_SECONDS}s",
                    "interval": f"{envoy_config.KEEP_ALIVE_SECONDS // 2}s",
                }
            },
        },
    }
