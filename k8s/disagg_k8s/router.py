"""The router: the endpoint picker (EPP), with its proxy in one pod or behind a Gateway."""

import hashlib

from constructs import Construct

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.planner.router import PROXY_CPU_MILLI, PROXY_MEMORY, picker_size
from disagg_k8s import envoy_config, load_balancer, names, yaml_out
from disagg_k8s.manifest import Concern, Json, binary, cores
from disagg_k8s.picker_config import picker_config

_DRAIN_SECONDS = 30
"""Time for streams to end when the pod is replaced [s]; then they are cut: see `Router`."""
_PICKER_DRAIN_SECONDS = 5
"""Time the picker takes to end its calls after that [s]."""
_MARGIN_SECONDS = 25
_GRACE_SECONDS = _DRAIN_SECONDS + _PICKER_DRAIN_SECONDS + _MARGIN_SECONDS
_CONFIG_DIR = "/etc/disagg"
_TOKEN_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  Why: a path.
_HEALTH_SERVICE = "inference-extension"


class Router(Concern):
    """One pod with the picker and Envoy, its configuration, and an internal network load balancer.

    Beside a Gateway the pod has the picker only, in the namespace of the model servers, and its
    Service is what the InferencePool names.

    One replica, replaced by Recreate: the picker counts requests in flight in its own memory, so
    two at once would both send to the same idle pod. It runs in its own namespace and reads the
    pods of the serving namespace by label; no custom resource is needed.

    What replacing it costs: for about a minute no new connection is taken, and every answer that
    still runs 30 s (`_DRAIN_SECONDS`) after the pod was told to stop is cut, streams in the middle:
    Envoy ends at once when its wait is over. Why not longer: under Recreate the next pod starts
    only when this one has gone, so waiting for the longest answer (`server.LONGEST_ANSWER_SECONDS`)
    would refuse all new requests for as long, to save the few that are long. Clients must retry;
    change the router when it is quiet.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        namespace = names.picker_namespace(environment)
        labels = names.router_labels(environment)
        behind_tls = environment.serving.gateway.certificate_arn is not None
        proxy = envoy_config.envoy_config(behind_tls=behind_tls)
        files = {
            "picker.yaml": yaml_out.dump(picker_config(environment).rendered()),
            **({} if names.has_gateway(environment) else {"envoy.yaml": yaml_out.dump(proxy)}),
        }
        self.add(
            "ConfigMap", names.ROUTER, namespace=namespace, labels=labels, body={"data": files}
        )
        digest = hashlib.sha256("\0".join(files.values()).encode()).hexdigest()
        template = {
            # Why: a changed ConfigMap alone restarts nothing, and neither process reloads it.
            "metadata": {"labels": labels, "annotations": {"disagg/config-sha256": digest}},
            "spec": _pod_spec(environment),
        }
        selector = names.selector(environment, names.ROUTER)
        spec = {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": template,
        }
        self.add(
            "Deployment",
            names.ROUTER,
            api_version="apps/v1",
            namespace=namespace,
            labels=labels,
            body={"spec": spec},
        )
        if names.has_gateway(environment):
            self.add(
                "Service",
                names.PICKER_SERVICE,
                namespace=namespace,
                labels=labels,
                body={"spec": _picker_service(selector)},
            )
            return
        self.add(
            "Service",
            names.ROUTER,
            namespace=namespace,
            labels=labels,
            annotations=load_balancer.annotations(
                environment,
                ready_port=names.READY_PORT,
                ready_path="/ready",
                drain_seconds=_DRAIN_SECONDS,
            ),
            body={"spec": load_balancer.service(environment, selector, "http")},
        )


def _picker_service(selector: names.Labels) -> Json:
    """Return what a gateway calls the picker by: gRPC, so HTTP/2."""
    port = {"name": "grpc-ext-proc", "port": names.PICKER_PORT, "targetPort": "grpc"}
    h2 = {"appProtocol": "kubernetes.io/h2c", "protocol": "TCP"}
    return {"type": "ClusterIP", "selector": selector, "ports": [{**port, **h2}]}


def _pod_spec(environment: Environment) -> Json:
    token = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    return {
        "serviceAccountName": names.ROUTER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": names.priority_class(environment, names.ROUTER),
        "nodeSelector": {LABEL_NODE_ROLE: SYSTEM_NODES},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [
            _picker(environment),
            *([] if names.has_gateway(environment) else [_proxy(environment)]),
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": names.ROUTER}},
            {"name": "api-access", "projected": {"sources": token}},
        ],
    }


def _picker_arguments(environment: Environment) -> list[str]:
    """Return the picker's arguments.

    Why metrics without authentication: checking a token needs cluster-wide rights to review tokens;
    the network policy decides who reaches the port. Why an interval: with the default of 50 ms 100
    pods take 7.5 cores (see `disagg.planner.router`). Why `--v=1`: the default, 2, tells every
    request, and 4 wrote 20 MB a second (measured). Why TLS for a gateway: it calls over the
    network, and every implementation takes the picker's own certificate unchecked.
    """
    chosen = ",".join(f"{key}={value}" for key, value in names.pool_selector(environment).items())
    return [
        f"--config-file={_CONFIG_DIR}/picker.yaml",
        f"--endpoint-selector={chosen}",
        f"--endpoint-target-ports={names.SERVER_PORT}",
        f"--pool-namespace={environment.serving_namespace}",
        f"--grpc-port={names.PICKER_PORT}",
        f"--grpc-health-port={names.PICKER_HEALTH_PORT}",
        f"--metrics-port={names.PICKER_METRICS_PORT}",
        "--metrics-endpoint-auth=false",
        f"--secure-serving={str(names.has_gateway(environment)).lower()}",
        f"--refresh-metrics-interval={picker_size(environment).interval_ms}ms",
        f"--drain-timeout={_PICKER_DRAIN_SECONDS}s",
        "--enable-pprof=false",
        *(["--allow-experimental-plugins=true"] if picker_config(environment).experimental else []),
        "--tracing=false",
        "--zap-encoder=json",
        "--v=1",
    ]


def _sized(cpu_milli: int, memory_mib: int) -> Json:
    memory = {"memory": binary(memory_mib)}
    return {"requests": {"cpu": cores(cpu_milli), **memory}, "limits": memory}


def _port(name: str, number: int) -> Json:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _container(name: str, image: str) -> Json:
    """Return what both containers have in common.

    Why both wait before they stop: streams run through both, so neither may go before the other.
    """
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "lifecycle": {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}},
        "securityContext": names.HARDENED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _picker(environment: Environment) -> Json:
    health = {"grpc": {"port": names.PICKER_HEALTH_PORT, "service": _HEALTH_SERVICE}}
    variables = {"NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    size = picker_size(environment)
    return {
        **_container("picker", names.images(environment).endpoint_picker),
        "args": _picker_arguments(environment),
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in variables.items()
        ],
        "ports": [
            _port("grpc", names.PICKER_PORT),
            _port("grpc-health", names.PICKER_HEALTH_PORT),
            _port("metrics", names.PICKER_METRICS_PORT),
        ],
        "resources": _sized(size.cpu_milli, size.memory),
        "startupProbe": {**health, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {**health, "periodSeconds": 10},
        "readinessProbe": {**health, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "config", "mountPath": _CONFIG_DIR, "readOnly": True},
            # Why here and not for the pod: Envoy, which reads clients' bytes, has no token to lose.
            {"name": "api-access", "mountPath": _TOKEN_DIR, "readOnly": True},
        ],
    }


def _proxy(environment: Environment) -> Json:
    live = {"httpGet": {"path": "/live", "port": "ready"}}
    return {
        **_container("proxy", names.images(environment).envoy),
        "command": ["envoy"],
        "args": [
            # Why apart: Envoy's parser does not know `--flag=value`.
            *("--config-path", f"{_CONFIG_DIR}/envoy.yaml"),
            *("--log-level", "warn"),
            *("--concurrency", "2"),
            # Why: hot restart writes shared memory files, and the file system is read-only.
            "--disable-hot-restart",
        ],
        "ports": [_port("http", names.PROXY_PORT), _port("ready", names.READY_PORT)],
        "resources": _sized(PROXY_CPU_MILLI, PROXY_MEMORY),
        "startupProbe": {**live, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {**live, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "ready"}, "periodSeconds": 5},
        "volumeMounts": [{"name": "config", "mountPath": _CONFIG_DIR, "readOnly": True}],
    }
