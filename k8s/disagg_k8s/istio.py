"""Istio: what makes its Gateway a safe one, in objects of its own."""

from disagg.config.environment import Environment
from disagg_k8s import envoy_config, names, yaml_out
from disagg_k8s.manifest import Json
from disagg_k8s.provider import Extras, ProviderObject

_PARAMETERS = "gateway-parameters"
_NETWORKING = "networking.istio.io"
_CONTAINER = "istio-proxy"
_MANAGER_FILTER = "envoy.filters.network.http_connection_manager"


def objects(environment: Environment, pod: Json) -> Extras:
    """Return the parameters of the gateway's pods, its Envoy's hardening, and TLS to the picker.

    Source: istio/istio 1.30.3 pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go (which
    keys of the ConfigMap are read); Istio reference, EnvoyFilter and DestinationRule.
    """
    serving, router = environment.serving_namespace, environment.router_namespace
    return Extras(
        parameters={"group": "", "kind": "ConfigMap", "name": _PARAMETERS},
        objects=(
            ProviderObject(
                kind="ConfigMap",
                api_version="v1",
                name=_PARAMETERS,
                namespace=router,
                body={"data": _parameters(pod)},
            ),
            ProviderObject(
                kind="EnvoyFilter",
                api_version=f"{_NETWORKING}/v1alpha3",
                name=names.INFERENCE,
                namespace=router,
                body={"spec": _hardening(environment)},
            ),
            ProviderObject(
                kind="DestinationRule",
                api_version=f"{_NETWORKING}/v1",
                name=names.PICKER_SERVICE,
                namespace=serving,
                body={"spec": _tls_to_the_picker(environment)},
            ),
        ),
    )


def _parameters(pod: Json) -> dict[str, str]:
    container = {"name": _CONTAINER, "resources": pod["resources"]}
    deployment = {
        "spec": {
            "replicas": pod["replicas"],
            "template": {"spec": {**pod["spec"], "containers": [container]}},
        }
    }
    # Why inside the cluster: the load balancer is a Service of ours.
    service = {"spec": {"type": "ClusterIP"}}
    budget = {"spec": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}}
    return {
        "deployment": yaml_out.dump(deployment),
        "podDisruptionBudget": yaml_out.dump(budget),
        "service": yaml_out.dump(service),
    }


def _hardening(environment: Environment) -> Json:
    """Return what is laid over the listener istiod makes: all that the standalone Envoy has too."""
    manager = {"name": _MANAGER_FILTER}
    in_manager = {"context": "GATEWAY", "listener": {"filterChain": {"filter": manager}}}
    edge = {"@type": envoy_config.MANAGER, **envoy_config.edge()}
    behind_tls = environment.serving.gateway.certificate_arn is not None
    patches = [
        {
            "applyTo": "LISTENER",
            "match": {"context": "GATEWAY"},
            "patch": {
                "operation": "MERGE",
                "value": envoy_config.listener_limits(behind_tls=behind_tls),
            },
        },
        {
            "applyTo": "NETWORK_FILTER",
            "match": in_manager,
            "patch": {
                "operation": "MERGE",
                "value": {"name": _MANAGER_FILTER, "typed_config": edge},
            },
        },
        # Why backwards: each goes to the front.
        *(
            {
                "applyTo": "HTTP_FILTER",
                "match": in_manager,
                "patch": {"operation": "INSERT_FIRST", "value": one},
            }
            for one in reversed(envoy_config.first_filters())
        ),
    ]
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": names.INFERENCE}
    return {"targetRefs": [gateway], "configPatches": patches}


def _tls_to_the_picker(environment: Environment) -> Json:
    """Return TLS that is not verified: the picker makes its certificate itself, at each start."""
    return {
        "host": f"{names.PICKER_SERVICE}.{environment.serving_namespace}.svc.cluster.local",
        "trafficPolicy": {"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}},
    }
