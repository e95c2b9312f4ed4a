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
    accepted = 0
    refusals: list[Refusal] = []
    dropped: list[Refusal] = []
    warnings: list[Refusal] = []
    for file, objects in manifests.items():
        for one in objects:
            refusals += _refused_pods(api, file, one)
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
            warnings += [_warning(file, one, answer.status, text) for text in answer.warnings]
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


def pods_of(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pods a workload of any kind would make, one for each template in it."""
    named = {"name": one["metadata"]["name"], "namespace": _namespace(one)}
    found = []
    for template in _templates(one.get("spec")) if one["kind"] != "Pod" else ():
        given = template.get("metadata") or {}
        metadata = {key: given.get(key) or {} for key in ("labels", "annotations")}
        spec = dict(template["spec"])
        found.append(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **named}, "spec": spec}
        )
    return found


def _templates(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield everything that looks like a pod template, however deep it is."""
    if isinstance(data, Mapping):
        spec = data.get("spec")
        if isinstance(spec, Mapping) and isinstance(spec.get("containers"), list):
            yield data
        else:
            for value in data.values():
                yield from _templates(value)
    elif isinstance(data, list):
        for value in data:
            yield from _templates(value)


def _namespace(one: Mapping[str, Any]) -> str:
    return str(one["metadata"].get("namespace", "default"))


def _refused_pods(api: Api, file: str, workload: Mapping[str, Any]) -> Iterator[Refusal]:
    """Let the server judge a workload's pods: for the workload itself it only warns."""
    for pod in pods_of(workload):
        answer = _judged(api, pod)
        if not answer.accepted:
            name = f"pod of {title(workload)}"
            yield Refusal(file=file, name=name, status=answer.status, message=answer.message)


def _judged(api: Api, pod: Mapping[str, Any]) -> Answer:
    # Why again: admission learns of a namespace or a priority class some milliseconds later.
    deadline = time.monotonic() + _LAG_SECONDS
    while True:
        answer = api.create(pod, dry_run=True)
        if answer.accepted or time.monotonic() > deadline:
            return answer
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


def _warning(file: str, one: Mapping[str, Any], status: int, message: str) -> Refusal:
    fix = "none to be accepted; what is warned of may be meant"
    return Refusal(file=file, name=title(one), status=status, message=message, fix=fix)


def _dropped(sent: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Yield the paths of what was sent and is not in the answer."""
    if isinstance(sent, Mapping) and isinstance(kept, Mapping):
        for key, value in sent.items():
            path = f"{at}.{key}" if at else str(key)
            # Why empty values: the server leaves them out, and they mean the same. And the text of
            # a Secret is kept as data.
            if key in kept or path == "stringData":
                yield from _dropped(value, kept.get(key), path)
            elif value not in (None, "", [], {}, 0, False):
                yield path
    elif isinstance(sent, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(sent, kept, strict=False)):
            yield from _dropped(one, other, f"{at}[{index}]")
        yield from (f"{at}[{index}]" for index in range(len(kept), len(sent)))
