"""Tokenizing for the picker: vLLM's front end without an engine, on the small nodes."""

from constructs import Construct

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.config.weights import HuggingFace
from disagg_k8s import names, server, weights
from disagg_k8s.manifest import Concern, Json, binary, cores

_REPLICAS = 2
"""One may go: without any, the picker chooses by load alone. Upstream's guide has three."""
_CPU_MILLI, _MEMORY_MIB = 1_000, 4_096
"""Source: llm-d guides, precise prefix cache; 0.92 GiB was measured for a tiny model."""
_HOME = "/var/cache/disagg"


class Render(Concern):
    """Two pods that turn prompts into the tokens the engines will see, and their Service.

    The index of the picker is over tokens: guessed ones (`estimate`, four bytes each) match no
    block of any pod. Pods carry no label the router selects by, or they would be sent requests.

    Why from Hugging Face with weights in a bucket too: it takes a tokenizer of some megabytes, of
    the same revision, and the image streams nothing.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        namespace = environment.serving_namespace
        labels = names.render_labels(environment)
        selector = names.selector(environment, names.RENDER)
        template = {"metadata": {"labels": labels}, "spec": _pod_spec(environment)}
        self.add(
            "Deployment",
            names.RENDER,
            api_version="apps/v1",
            namespace=namespace,
            labels=labels,
            body={
                "spec": {
                    "replicas": _REPLICAS,
                    "revisionHistoryLimit": 3,
                    "strategy": {
                        "type": "RollingUpdate",
                        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                    },
                    "selector": {"matchLabels": selector},
                    "template": template,
                }
            },
        )
        port = {"name": "http", "port": names.SERVER_PORT, "targetPort": "http", "protocol": "TCP"}
        self.add(
            "Service",
            names.RENDER,
            namespace=namespace,
            labels=labels,
            body={"spec": {"type": "ClusterIP", "selector": selector, "ports": [port]}},
        )


def _pod_spec(environment: Environment) -> Json:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(environment, names.RENDER)},
    }
    return {
        "serviceAccountName": names.MODEL_SERVER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": names.priority_class(environment, names.ROUTER),
        "nodeSelector": {LABEL_NODE_ROLE: SYSTEM_NODES},
        "topologySpreadConstraints": [spread],
        "securityContext": {
            "fsGroup": 65532,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 30,
        "containers": [_container(environment)],
        "volumes": [
            {"name": "cache", "emptyDir": {"sizeLimit": "4Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def _container(environment: Environment) -> Json:
    serving = environment.serving
    source = serving.weights
    revision = [] if isinstance(source, HuggingFace) else [f"--revision={source.revision}"]
    limit = serving.max_context_tokens
    health = {"httpGet": {"path": "/health", "port": "http"}}
    memory = {"memory": binary(_MEMORY_MIB)}
    fixed = {
        "HOME": _HOME,
        "HF_HOME": f"{_HOME}/huggingface",
        "VLLM_CACHE_ROOT": f"{_HOME}/vllm",
        "VLLM_NO_USAGE_STATS": "1",
        # Why: the user has no entry in the image, and torch asks for its name (vllm#44548).
        "USER": names.RENDER,
    }
    return {
        "name": names.RENDER,
        "image": names.images(environment).render,
        "imagePullPolicy": "IfNotPresent",
        "command": ["vllm", "launch", "render"],
        "args": [
            serving.model,
            "--host=0.0.0.0",
            f"--port={names.SERVER_PORT}",
            *([f"--max-model-len={limit}"] if limit else []),
            *revision,
        ],
        "env": [
            weights.HF_TOKEN,
            *({"name": name, "value": value} for name, value in fixed.items()),
        ],
        "ports": [{"name": "http", "containerPort": names.SERVER_PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": cores(_CPU_MILLI), **memory}, "limits": memory},
        "securityContext": names.HARDENED,
        "startupProbe": {**health, "periodSeconds": 5, "failureThreshold": 120},
        "livenessProbe": {**health, "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {**health, "periodSeconds": 5, "timeoutSeconds": 2},
        "volumeMounts": [
            {"name": "cache", "mountPath": _HOME},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  Why: a path in the pod, not on this machine.
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": server.NOTICE_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
