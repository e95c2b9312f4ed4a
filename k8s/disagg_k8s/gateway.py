"""A Gateway in front of the picker: what the Gateway API and the inference extension define."""

from constructs import Construct

from disagg.catalog.gateways import GATEWAYS, LONGEST_SECONDS
from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg_k8s import agentgateway, istio, load_balancer, names, server
from disagg_k8s.manifest import Concern, Json, binary, cores

_NETWORKING = "gateway.networking.k8s.io"
_LISTENER = "http"
_REPLICAS = 2
_CPU_MILLI, _MEMORY_MIB = 1_000, 1_024
"""Of one pod. Assumed: half of what Envoy has in the picker's pod, and there are two."""
_PROVIDERS = {"istio": istio.objects, "agentgateway": agentgateway.objects}
"""What each implementation needs beside the standard objects."""


class InferenceGateway(Concern):
    """Gateway, route and InferencePool, what the implementation adds, and the load balancer.

    The pool and its route are in the namespace of the model servers, since a pool names pods and
    picker of its own namespace; the Gateway, whose pods take clients' bytes, is in the router's,
    under Pod Security `restricted`, and takes routes of that one namespace. Its controller makes
    its pods and a Service inside the cluster; the load balancer is ours, the same for every kind.

    The pool fails closed: without a picker a request would go to any pod, prefill ones too.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        serving, router = environment.serving_namespace, environment.router_namespace
        labels = names.common(environment, names.GATEWAY)
        row = GATEWAYS[environment.serving.gateway.kind]
        self.add(
            "InferencePool",
            names.INFERENCE,
            api_version="inference.networking.k8s.io/v1",
            namespace=serving,
            labels=labels,
            body={"spec": _pool(environment)},
        )
        extras = _PROVIDERS[row.name](environment, _pod(environment))
        for one in extras.objects:
            self.add(
                one.kind,
                one.name,
                api_version=one.api_version,
                namespace=one.namespace,
                labels=labels,
                body=one.body,
            )
        self.add(
            "Gateway",
            names.INFERENCE,
            api_version=f"{_NETWORKING}/v1",
            namespace=router,
            labels=labels,
            body={"spec": _gateway(environment, row.class_name, extras.parameters)},
        )
        self.add(
            "HTTPRoute",
            names.INFERENCE,
            api_version=f"{_NETWORKING}/v1",
            namespace=serving,
            labels=labels,
            body={"spec": _route(environment)},
        )
        self.add(
            "Service",
            names.ROUTER,
            namespace=router,
            labels=labels,
            annotations=load_balancer.annotations(
                environment,
                ready_port=row.ready_port,
                ready_path=row.ready_path,
                drain_seconds=server.LONGEST_ANSWER_SECONDS,
            ),
            body={
                "spec": load_balancer.service(
                    environment, names.gateway_selector(), names.PROXY_PORT
                )
            },
        )


def _pool(environment: Environment) -> Json:
    picker = {
        "group": "",
        "kind": "Service",
        "name": names.PICKER_SERVICE,
        "port": {"number": names.PICKER_PORT},
        "failureMode": "FailClose",
    }
    return {
        "selector": {"matchLabels": names.pool_selector(environment)},
        "targetPorts": [{"number": names.SERVER_PORT}],
        "endpointPickerRef": picker,
    }


def _gateway(environment: Environment, class_name: str, parameters: Json) -> Json:
    theirs = {"kubernetes.io/metadata.name": environment.serving_namespace}
    listener = {
        "name": _LISTENER,
        "port": names.PROXY_PORT,
        "protocol": "HTTP",
        "allowedRoutes": {
            "kinds": [{"group": _NETWORKING, "kind": "HTTPRoute"}],
            "namespaces": {"from": "Selector", "selector": {"matchLabels": theirs}},
        },
    }
    return {
        "gatewayClassName": class_name,
        "infrastructure": {"parametersRef": parameters},
        "listeners": [listener],
    }


def _route(environment: Environment) -> Json:
    """Return the route: the API under /v1/ and nothing else.

    Why: engines answer /metrics and their administration on the same port.
    """
    parent = {
        "group": _NETWORKING,
        "kind": "Gateway",
        "name": names.INFERENCE,
        "namespace": environment.router_namespace,
        "sectionName": _LISTENER,
    }
    backend = {
        "group": "inference.networking.k8s.io",
        "kind": "InferencePool",
        "name": names.INFERENCE,
        "weight": 1,
    }
    rule = {
        "name": names.INFERENCE,
        "matches": [{"path": {"type": "PathPrefix", "value": "/v1/"}}],
        "backendRefs": [backend],
        "timeouts": {"request": f"{LONGEST_SECONDS}s"},
    }
    return {"parentRefs": [parent], "rules": [rule]}


def _pod(environment: Environment) -> Json:
    """Return what every implementation lays over the Deployment it makes.

    Why so long a grace: answers that run are not cut when a pod is replaced, and the other takes
    new ones meanwhile.
    """
    memory = {"memory": binary(_MEMORY_MIB)}
    resources = {"requests": {"cpu": cores(_CPU_MILLI), **memory}, "limits": memory}
    apart = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.gateway_selector()},
    }
    return {
        "replicas": environment.serving.gateway.replicas or _REPLICAS,
        "resources": resources,
        "spec": {
            "priorityClassName": names.priority_class(environment, names.ROUTER),
            "nodeSelector": {LABEL_NODE_ROLE: SYSTEM_NODES},
            "terminationGracePeriodSeconds": server.LONGEST_ANSWER_SECONDS + server.MARGIN_SECONDS,
            "topologySpreadConstraints": [apart],
        },
    }
