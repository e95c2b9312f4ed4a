"""How many pods may be taken away at once on purpose (node drains, upgrades)."""

from constructs import Construct

from disagg.config.environment import Environment
from disagg_k8s import names
from disagg_k8s.manifest import Concern


class DisruptionBudgets(Concern):
    """At most one pod of a role is evicted at a time.

    Why `maxUnavailable`: `minAvailable: 1` on a single decode pod would block every drain of its
    node for ever. The price is said here: with one replica, a drain stops that role until the pod
    is back. The router has no budget: it is one pod, so a budget either blocks every drain or does
    nothing.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        for role in (names.DECODE, names.PREFILL):
            self.add(
                "PodDisruptionBudget",
                role,
                namespace=environment.serving_namespace,
                api_version="policy/v1",
                labels=names.common(environment, role),
                body={
                    "spec": {
                        "maxUnavailable": 1,
                        "selector": {"matchLabels": names.selector(environment, role)},
                        # Why: a pod that never becomes ready must not keep its node from draining.
                        "unhealthyPodEvictionPolicy": "AlwaysAllow",
                    }
                },
            )
