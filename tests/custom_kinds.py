"""Objects against the CustomResourceDefinitions of their projects, stricter than the API server."""

import json
from typing import Any

import jsonschema
import pytest

from disagg.local.cluster.definitions import DIRECTORY, kind_name

_LOOSE = "x-kubernetes-preserve-unknown-fields"


def _closed(schema: Any) -> Any:
    """Return a schema under which a field that is not described is wrong."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(one) for key, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get(_LOOSE):
        closed.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    return closed


def complaints(one: dict[str, Any]) -> list[str]:
    """Return what the definition of an object's kind says against it; skips aloud without it."""
    file = DIRECTORY / f"{kind_name(one)}.json"
    if not file.exists():
        pytest.skip(f"{kind_name(one)} is not defined here: make kube fetches it")
    (version,) = [
        found
        for found in json.loads(file.read_text("utf-8"))["spec"]["versions"]
        if found["name"] == one["apiVersion"].partition("/")[2]
    ]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    # Why: Istio's definitions leave out what the API server adds to every kind.
    schema["properties"] |= {"metadata": {"type": "object"}}
    schema["properties"] |= {name: {"type": "string"} for name in ("apiVersion", "kind")}
    found = jsonschema.Draft202012Validator(schema).iter_errors(one)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in found]
