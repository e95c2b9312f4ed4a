"""The Job that copies the model from the hub to the store, before any GPU node runs."""

import hashlib
import json

from constructs import Construct

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.config.weights import Store
from disagg.planner.weights import MODEL_LOADER, store_url
from disagg_k8s import names, weights
from disagg_k8s.manifest import Concern, Json

_PROGRAM = "load_weights.py"
_FOLDER = "/opt/disagg"
_PRIORITY = 40_000
_DEADLINE_SECONDS = 12 * 3_600
"""Longest a copy may take [s]: 689 GB at 16 MB/s; assumed."""


class ModelLoading(Concern):
    """A one-off Job on a system node, under its own identity, which alone may write the store.

    Its name is a digest of what it does: a Job cannot be changed, so another model, revision, store
    or image is another Job, and applying the same one again does nothing. It runs when it is
    applied. What it copied already stays checked in the store, so a new try costs a few requests.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, store: Store
    ) -> None:
        super().__init__(scope, id_)
        namespace = environment.serving_namespace
        labels = names.common(environment, MODEL_LOADER)
        text = weights.program(_PROGRAM)
        container = _container(environment, store)
        unnamed = json.dumps([text, _job(environment, "", "", container)], sort_keys=True)
        digest = hashlib.sha256(unnamed.encode()).hexdigest()
        name = f"{MODEL_LOADER}-{digest[:8]}"
        self.add(
            "PriorityClass",
            names.priority_class(environment, MODEL_LOADER),
            api_version="scheduling.k8s.io/v1",
            labels=labels,
            body={
                "value": _PRIORITY,
                "globalDefault": False,
                "description": "Loading of a model: gives way to the router.",
            },
        )
        self.add(
            "ServiceAccount",
            MODEL_LOADER,
            namespace=namespace,
            labels=labels,
            body={"automountServiceAccountToken": False},
        )
        self.add(
            "ConfigMap",
            name,
            namespace=namespace,
            labels=labels,
            body={"immutable": True, "data": {_PROGRAM: text}},
        )
        self.add(
            "Job",
            name,
            api_version="batch/v1",
            namespace=namespace,
            labels=labels,
            body={"spec": _job(environment, name, digest, container)},
        )


def _container(environment: Environment, store: Store) -> Json:
    memory = {"memory": "2Gi"}
    token = [f"--token-secret={store.token_secret}"] if store.token_secret else []
    return {
        "name": MODEL_LOADER,
        "image": names.images(environment).server,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", f"{_FOLDER}/{_PROGRAM}"],
        "args": [
            environment.serving.model,
            store.revision,
            store_url(environment, store),
            *token,
        ],
        "env": weights.loader_variables(environment),
        "resources": {"requests": {"cpu": "2", **memory}, "limits": memory},
        "securityContext": names.HARDENED,
        "volumeMounts": [{"name": "program", "mountPath": _FOLDER, "readOnly": True}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _job(environment: Environment, name: str, digest: str, container: Json) -> Json:
    pod = {
        "serviceAccountName": MODEL_LOADER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": names.priority_class(environment, MODEL_LOADER),
        "nodeSelector": {LABEL_NODE_ROLE: SYSTEM_NODES},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": [{"name": "program", "configMap": {"name": name}}],
    }
    return {
        "backoffLimit": 6,
        "activeDeadlineSeconds": _DEADLINE_SECONDS,
        "template": {
            "metadata": {
                "labels": names.common(environment, MODEL_LOADER),
                "annotations": {"disagg/program": digest},
            },
            "spec": pod,
        },
    }
