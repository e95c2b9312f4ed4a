"""Who may open a connection to whom inside the cluster."""

from typing import Any

from constructs import Construct

from disagg.catalog.gateways import GATEWAYS
from disagg.config.environment import Environment
from disagg_k8s import names
from disagg_k8s.manifest import Concern, Json


def _port(port: int) -> Json:
    return {"protocol": "TCP", "port": port}


def _pods(namespace: str, labels: names.Labels) -> Json:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": labels},
    }


class NetworkPolicies(Concern):
    """Nothing may connect to a pod unless a policy here says so; outgoing traffic is not limited.

    Why: a client that reaches a decode pod's sidecar directly can aim it at any address
    (`x-prefiller-host-port`), and the NIXL side channel has no authentication. RDMA traffic passes
    below these policies: the security group of the nodes guards it. Probes come from the node and
    are always let through; the load balancer's health check comes from the VPC and needs its port.
    Needs network policy support of the Amazon VPC CNI switched on; without
    it, no effect.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        serving, router = environment.serving_namespace, environment.router_namespace
        picker = names.picker_namespace(environment)
        from_router = _pods(picker, names.selector(environment, names.ROUTER))
        from_gateway = (
            [_pods(router, names.gateway_selector())] if names.has_gateway(environment) else []
        )
        from_pool = {"podSelector": {"matchLabels": names.pool_selector(environment)}}
        server, nixl = _port(names.SERVER_PORT), _port(names.NIXL_PORT)
        precise = environment.serving.router.policy == "prefix_precise"
        events = [{"from": [from_router], "ports": [_port(names.KV_EVENTS_PORT)]}]
        proxy, ready = _port(names.PROXY_PORT), _port(names.READY_PORT)
        proxy = _port(names.PROXY_PORT)
        clients = [{"ipBlock": {"cidr": cidr}} for cidr in environment.network.cidrs]
        for namespace in (serving, router):
            self._allow(namespace, "deny-by-default", {}, [])
        self._allow(
            serving,
            "model-servers",
            names.pool_selector(environment),
            [
                {"from": [from_router, *from_gateway, from_pool], "ports": [server]},
                {"from": [from_pool], "ports": [nixl]},
                *(events if precise else []),
            ],
        )
        if precise:
            self._allow(
                serving,
                names.RENDER,
                names.selector(environment, names.RENDER),
                [{"from": [from_router], "ports": [server]}],
            )
        self._allow(
            serving,
            names.BASELINE,
            names.selector(environment, names.BASELINE),
            [{"from": clients, "ports": [server]}],
        )
        chosen = names.selector(environment, names.ROUTER)
        if not names.has_gateway(environment):
            ready = _port(names.READY_PORT)
            self._allow(router, names.ROUTER, chosen, [{"from": clients, "ports": [proxy, ready]}])
            return
        asks = {"from": from_gateway, "ports": [_port(names.PICKER_PORT)]}
        self._allow(serving, names.ROUTER, chosen, [asks])
        ready = _port(GATEWAYS[environment.serving.gateway.kind].ready_port)
        takes = {"from": clients, "ports": [proxy, ready]}
        self._allow(router, names.GATEWAY, names.gateway_selector(), [takes])

    def _allow(
        self, namespace: str, name: str, pods: names.Labels, ingress: list[dict[str, Any]]
    ) -> None:
        self.add(
            "NetworkPolicy",
            name,
            namespace=namespace,
            api_version="networking.k8s.io/v1",
            labels=names.common(self._environment, name),
            body={
                "spec": {
                    "podSelector": {"matchLabels": pods} if pods else {},
                    "policyTypes": ["Ingress"],
                    "ingress": ingress,
                }
            },
        )
