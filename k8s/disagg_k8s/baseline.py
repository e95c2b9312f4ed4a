"""Plain vLLM on the same image and nodes: what disaggregation is compared with."""

from dataclasses import replace

from constructs import Construct

from disagg.config.environment import Environment
from disagg.planner.layout import baseline_as_pool, groups, pod, pool_instance, server_requests
from disagg_k8s import devices, names, server, weights
from disagg_k8s.manifest import Concern, Json


class BaselinePool(Concern):
    """Servers that do both phases themselves: no KV transfer, no EFA, their own Service.

    The router never picks one: they carry none of the labels it selects by. Rendered with no
    replicas, so that the comparison starts with `kubectl scale` and costs nothing before.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        namespace = environment.serving_namespace
        labels = names.baseline_labels(environment)
        selector = names.selector(environment, names.BASELINE)
        self.add(
            "Deployment",
            names.BASELINE,
            api_version="apps/v1",
            namespace=namespace,
            labels=labels,
            body={"spec": server.server_deployment(0, selector, labels, _pod_spec(environment))},
        )
        port = {"name": "http", "port": names.SERVER_PORT, "targetPort": "modelserver"}
        self.add(
            "Service",
            names.BASELINE,
            namespace=namespace,
            labels=labels,
            body={
                "spec": {
                    "type": "ClusterIP",
                    "selector": selector,
                    "ports": [{**port, "protocol": "TCP"}],
                }
            },
        )


def _pod_spec(environment: Environment) -> Json:
    serving, capacity = environment.serving, environment.capacity
    plan = pod(names.BASELINE, serving, capacity)
    named = groups(capacity)
    instance_types = sorted({named[name].instance_type for name in plan.groups})
    instance = pool_instance(names.BASELINE, serving, capacity)
    amounts = replace(server_requests(baseline_as_pool(serving.baseline), instance), efa_devices=0)
    grace = server.NOTICE_SECONDS + server.LONGEST_ANSWER_SECONDS + server.MARGIN_SECONDS
    container = {
        "name": "modelserver",
        "image": names.images(environment).server,
        "imagePullPolicy": "IfNotPresent",
        "command": ["vllm", "serve"],
        "args": server.arguments(environment, plan, names.SERVER_PORT),
        "env": server.variables(environment, {}),
        "ports": [{"name": "modelserver", "containerPort": names.SERVER_PORT, "protocol": "TCP"}],
        "resources": server.resources(environment, amounts, names.BASELINE),
        "securityContext": server.security(lock_memory=False, privileged=False),
        "volumeMounts": server.mounts(environment),
        "lifecycle": {"preStop": {"sleep": {"seconds": server.NOTICE_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **server.probes(),
    }
    gate = weights.weights_gate(environment)
    return {
        **server.pod_base(environment, names.BASELINE),
        **server.placement(environment, plan, instance_types),
        **devices.pod_claims(environment, names.BASELINE),
        "terminationGracePeriodSeconds": grace,
        **({"initContainers": gate} if gate else {}),
        "containers": [container],
        "volumes": server.volumes(environment, plan.shm_mib),
    }
