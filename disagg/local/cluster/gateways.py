"""Stand-ins for the pods that a gateway's controller makes: none of those controllers runs here.

A stand-in has the labels, ports, requests, node selection and security context of the real pods,
as far as the Gateway and its parameters decide them, and no program.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from disagg.catalog.gateways import CLASSES, GATEWAY_NAME_LABEL, GatewayRow

Object = Mapping[str, Any]


def data_planes(objects: Sequence[Object]) -> Iterator[dict[str, Any]]:
    """Yield a Deployment for each Gateway of a class of the catalogue.

    Source: the templates that `catalog/gateways.py` names.
    """
    for one in objects:
        if one["kind"] == "Gateway" and one["spec"].get("gatewayClassName") in CLASSES:
            row = CLASSES[one["spec"]["gatewayClassName"]]
            yield _deployment(one, row, _parameters(one, objects))


def _parameters(gateway: Object, objects: Sequence[Object]) -> Object:
    """Return what is laid over the Deployment, and the resources of its container."""
    ref = gateway["spec"].get("infrastructure", {}).get("parametersRef", {})
    place = gateway["metadata"]["namespace"]
    for one in objects:
        same = (one["kind"], one["metadata"]["name"]) == (ref.get("kind"), ref.get("name"))
        if same and one["metadata"].get("namespace") == place:
            if one["kind"] == "ConfigMap":
                return yaml.safe_load(one["data"].get("deployment", "{}")) or {}
            overlay = dict(one["spec"].get("deployment", {}))
            return {**overlay, "resources": one["spec"].get("resources", {})}
    return {}


def _deployment(gateway: Object, row: GatewayRow, overlay: Object) -> dict[str, Any]:
    name, place = gateway["metadata"]["name"], gateway["metadata"]["namespace"]
    labels = {GATEWAY_NAME_LABEL: name}
    spec = overlay.get("spec", {})
    pod = dict(spec.get("template", {}).get("spec", {}))
    (laid,) = pod.pop("containers", [{}])
    ports = [*(one["port"] for one in gateway["spec"]["listeners"]), row.ready_port]
    container = {
        "name": "stand-in",
        "image": "stand-in",
        "resources": laid.get("resources") or overlay.get("resources", {}),
        "ports": [{"containerPort": port, "protocol": "TCP"} for port in ports],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": row.user,
        },
    }
    seccomp = {"seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-{row.class_name}", "namespace": place, "labels": labels},
        "spec": {
            "replicas": spec.get("replicas", 1),
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": seccomp, **pod, "containers": [container]},
            },
        },
    }
