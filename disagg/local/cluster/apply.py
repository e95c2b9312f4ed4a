"""What the API server makes of manifests: what it accepts, refuses, forgets and warns of."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.catalog.definitions import MODULE_OF
from disagg.local.cluster.api import Answer, Api, UnknownKindError
from disagg.local.cluster.definitions import kind_name

Manifests = Mapping[str, Sequence[Mapping[str, Any]]]
_LAG_SECONDS = 1.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Something the API server would not take."""

    file: str
    name: str
    """`Deployment serving/decode`, or `Pod of ...` for the pods it would make."""
    status: int
    message: str
    """The server's own words."""
    fix: str = "change the value, or the override or policy that it comes from"


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What came of applying manifests."""

    accepted: int
    refusals: tuple[Refusal, ...]
    dropped: tuple[Refusal, ...]
    """Fields the server accepted and forgot; `message` lists them."""
    warnings: tuple[Refusal, ...]
    """What the server accepted with a warning."""


def apply_all(api: Api, manifests: Manifests) -> Applied:
    """Apply every object in order, strictly, and let the server judge the pods of each workload."""
    accepted, refusals, dropped, warnings = 0, [], [], []
    for file, objects in manifests.items():
        for one in objects:
            refused = _refused_pod(api, file, one)
            if refused:
                refusals.append(refused)
            try:
                answer = api.apply(one)
            except UnknownKindError as error:
                refusals.append(_unknown_kind(api, file, one, str(error)))
                continue
            if not answer.accepted:
                refusals.append(_refusal(file, one, answer.status, answer.message))
                continue
            accepted += 1
            lost = sorted(set(_dropped(one, answer.body)))
            if lost:
                dropped.append(_refusal(file, one, answer.status, ", ".join(lost)))
            warnings += [_refusal(file, one, answer.status, text) for text in answer.warnings]
    return Applied(
        accepted=accepted,
        refusals=tuple(refusals),
        dropped=tuple(dropped),
        warnings=tuple(warnings),
    )


def title(one: Mapping[str, Any]) -> str:
    """Return how an object is called in messages: kind, namespace, name."""
    metadata = one["metadata"]
    namespace = metadata.get("namespace")
    place = f"{namespace}/" if namespace else ""
    return f"{one['kind']} {place}{metadata['name']}"


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod a workload would make, None for objects that make none."""
    template = workload.get("spec", {}).get("template")
    if not isinstance(template, Mapping) or "spec" not in template:
        return None
    metadata = {key: template.get("metadata", {}).get(key, {}) for key in ("labels", "annotations")}
    named = {"name": workload["metadata"]["name"], "namespace": _namespace(workload)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, **named},
        "spec": dict(template["spec"]),
    }


def _namespace(one: Mapping[str, Any]) -> str:
    return str(one["metadata"].get("namespace", "default"))


def _refused_pod(api: Api, file: str, workload: Mapping[str, Any]) -> Refusal | None:
    """Let the server judge a workload's pod: for the workload itself it only warns."""
    pod = pod_of(workload)
    if pod is None:
        return None
    # Why twice: admission learns of a namespace or a priority class some milliseconds later.
    deadline = time.monotonic() + _LAG_SECONDS
    while True:
        answer: Answer = api.create(pod, dry_run=True)
        if answer.accepted:
            return None
        if time.monotonic() > deadline:
            name = f"pod of {title(workload)}"
            return Refusal(file=file, name=name, status=answer.status, message=answer.message)
        time.sleep(_POLL_SECONDS)


def _unknown_kind(api: Api, file: str, one: Mapping[str, Any], said: str) -> Refusal:
    """Return the refusal of a kind the server does not have, and what would give it one."""
    name = kind_name(one)
    module = MODULE_OF.get(name)
    served = [version for version in api.versions_of(name) if version != one["apiVersion"]]
    if served:
        said, fix = f"{said}; it has {', '.join(served)}", f"use apiVersion {served[0]}"
    elif module is not None:
        fix = f"fetch its definition ({module.path}@{module.version}): make kube"
    else:
        fix = "add the module that defines it to disagg/catalog/definitions.py"
    return Refusal(file=file, name=title(one), status=404, message=said, fix=fix)


def _refusal(file: str, one: Mapping[str, Any], status: int, message: str) -> Refusal:
    return Refusal(file=file, name=title(one), status=status, message=message)


def _dropped(sent: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Yield the paths of what was sent and is not in the answer."""
    if isinstance(sent, Mapping) and isinstance(kept, Mapping):
        for key, value in sent.items():
            path = f"{at}.{key}" if at else str(key)
            # Why empty values: the server leaves them out, and they mean the same.
            if key in kept:
                yield from _dropped(value, kept[key], path)
            elif value not in (None, "", [], {}, 0, False):
                yield path
    elif isinstance(sent, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(sent, kept, strict=False)):
            yield from _dropped(one, other, f"{at}[{index}]")
        yield from (f"{at}[{index}]" for index in range(len(kept), len(sent)))
