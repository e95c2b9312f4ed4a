"""Rules about pods on SageMaker HyperPod, which tests its nodes and marks the bad ones."""

from collections.abc import Iterator

from disagg.catalog.resources import HEALTHY, LABEL_NODE_HEALTH, NVIDIA_GPU
from disagg.checks.manifests.objects import Manifests
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment


@rule("DISAGG-POD-016")
def pods_wait_for_the_health_checks_of_hyperpod(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """On HyperPod a pod with GPUs runs on nodes whose checks passed, and on no other.

    A node is tested for about two hours when it is new, and marked when it is to be replaced. A pod
    that does not ask for the label lands in the stress test; one that tolerates the taint stays on
    a node that is about to go.
    """
    if environment.cluster.platform != "hyperpod":
        return
    for workload in manifests.workloads:
        if NVIDIA_GPU not in workload.requests:
            continue
        selected = workload.pod.get("nodeSelector", {}).get(LABEL_NODE_HEALTH)
        if selected != HEALTHY:
            yield Finding(
                at=(*workload.at, "nodeSelector", LABEL_NODE_HEALTH),
                got=str(selected),
                need=HEALTHY,
                fix="select nodes by the label HyperPod sets",
            )
        for index, one in enumerate(workload.pod.get("tolerations", [])):
            if one.get("key") in {None, "", LABEL_NODE_HEALTH}:
                yield Finding(
                    at=(*workload.at, "tolerations", index),
                    got=f"a toleration of {one.get('key') or 'every taint'}",
                    need=f"none that covers {LABEL_NODE_HEALTH}",
                    fix="tolerate the taint of GPU nodes by its key",
                )
