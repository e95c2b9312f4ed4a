"""Namespaces with their Pod Security level, and the priorities pods are scheduled by."""

from constructs import Construct

from disagg.config.environment import Environment
from disagg_k8s import names
from disagg_k8s.manifest import Concern

# Why these numbers: only their order counts. With equal priorities small prefill pods spread over
# all nodes and a large decode pod fits nowhere for ever, although enough GPUs are free.
# Source: measured on a real scheduler, 4 of 5 runs stuck without priorities and 0 of 6 with them.
_PRIORITIES = {
    names.ROUTER: (300_000, "The router: nothing is served without it."),
    names.DECODE: (200_000, "Decode pods: larger than prefill pods, so placed first."),
    names.PREFILL: (100_000, "Prefill pods."),
    names.BASELINE: (50_000, "The comparison: gives way to the platform."),
}


class Namespaces(Concern):
    """One namespace for model servers and one for the router.

    Why two: registering GPU memory for RDMA takes IPC_LOCK, which no Pod Security level below
    `privileged` allows. The router, which takes clients' requests, stays under `restricted`.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        version = f"v{environment.cluster.kubernetes_version}"
        levels = {
            environment.serving_namespace: ("model-servers", "privileged", "baseline"),
            environment.router_namespace: (names.ROUTER, "restricted", "restricted"),
        }
        for name, (component, enforced, reported) in levels.items():
            modes = {"enforce": enforced, "warn": reported, "audit": reported}
            security: names.Labels = {}
            for mode, level in modes.items():
                security[f"pod-security.kubernetes.io/{mode}"] = level
                security[f"pod-security.kubernetes.io/{mode}-version"] = version
            self.add("Namespace", name, labels={**names.common(environment, component), **security})


class PriorityClasses(Concern):
    """Decode above prefill above the baseline; the router above all."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        for component, (value, description) in _PRIORITIES.items():
            self.add(
                "PriorityClass",
                names.priority_class(environment, component),
                api_version="scheduling.k8s.io/v1",
                labels=names.common(environment, component),
                body={"value": value, "globalDefault": False, "description": description},
            )
