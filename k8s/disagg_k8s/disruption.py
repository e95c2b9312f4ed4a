"""How many pods may be taken away at once on purpose (node drains, upgrades)."""

from constructs import Construct

from disagg.config.environment import Environment
from disagg.planner.layout import pod, pods_on_a_node, pool_instance
from disagg_k8s import names
from disagg_k8s.manifest import Concern


class DisruptionBudgets(Concern):
    """The pods of one node may be evicted together, those of the next when these are back.

    Why a node's worth: there is no spare GPU node, so what is evicted waits until its node has been
    replaced. A budget of one pod would let the first of a node go and block on the second for ever;
    EKS gives such an upgrade up after 15 minutes. The price is said here: a role on one node stops
    while that node is replaced. The router has no budget: it is one pod, so a budget either blocks
    every drain or does nothing.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        serving, capacity = environment.serving, environment.capacity
        for role in (names.DECODE, names.PREFILL):
            plan = pod(role, serving, capacity)
            self.add(
                "PodDisruptionBudget",
                role,
                namespace=environment.serving_namespace,
                api_version="policy/v1",
                labels=names.common(environment, role),
                body={
                    "spec": {
                        "maxUnavailable": pods_on_a_node(
                            plan, pool_instance(role, serving, capacity)
                        ),
                        "selector": {"matchLabels": names.selector(environment, role)},
                        # Why: a pod that never becomes ready must not keep its node from draining.
                        "unhealthyPodEvictionPolicy": "AlwaysAllow",
                    }
                },
            )
