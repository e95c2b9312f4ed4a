"""What the overrides of an environment change, in words, so that nobody overlooks one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from disagg.config.overrides import ManifestOverride, Overrides, ResourceOverride

_LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Overridden:
    """One change to what is rendered."""

    at: str
    """Where it is in the file, such as `overrides.manifests[0].patch[1]`."""
    what: str
    """The object, or the resource."""
    change: str
    reason: str

    def __str__(self) -> str:
        """Return the line a person reads."""
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.what}: {self.change}{why}   [{self.at}]"


def overridden(overrides: Overrides) -> tuple[Overridden, ...]:
    """Return every change, in the order of the file.

    Example:
        >>> from disagg.config.overrides import Target
        >>> patch = ({"op": "replace", "path": "/spec/replicas", "value": 3},)
        >>> one = ManifestOverride(target=Target(kind="Deployment", name="prefill"), patch=patch)
        >>> print(*overridden(Overrides(manifests=(one,))))
        Deployment prefill: replace /spec/replicas with 3   [overrides.manifests[0].patch[0]]
    """
    return (*_manifests(overrides.manifests), *_resources(overrides.resources))


def _manifests(given: tuple[ManifestOverride, ...]) -> Iterator[Overridden]:
    for number, one in enumerate(given):
        for index, operation in enumerate(one.patch):
            yield Overridden(
                at=f"overrides.manifests[{number}].patch[{index}]",
                what=title(one),
                change=_told(operation),
                reason=one.reason,
            )


def title(one: ManifestOverride) -> str:
    """Return kind and name of what an override changes, as findings say them."""
    space = f"{one.target.namespace}/" if one.target.namespace else ""
    return f"{one.target.kind} {space}{one.target.name}"


def _told(operation: dict[str, Any]) -> str:
    op, path = operation["op"], operation["path"]
    if "from" in operation:
        return f"{op} {operation['from']} to {path}"
    if "value" not in operation:
        return f"{op} {path}"
    word = {"add": "as", "replace": "with", "test": "is"}[op]
    return f"{op} {path} {word} {_short(operation['value'])}"


def _resources(given: tuple[ResourceOverride, ...]) -> Iterator[Overridden]:
    for number, one in enumerate(given):
        taken = one.value is None
        yield Overridden(
            at=f"overrides.resources[{number}]",
            what=f"{one.stack}/{one.logical_id or one.path}",
            change=f"{one.property} "
            + ("is taken away" if taken else f"becomes {_short(one.value)}"),
            reason=one.reason,
        )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def suspects(overrides: Overrides, path: str) -> list[str]:
    """Return the overrides that change what a problem's path names; all of them if none does.

    Args:
        overrides: Of the environment.
        path: Begins with `Deployment pilot-serving/prefill`, or with a stack and a logical id.
    """
    named = [
        f"overrides.manifests[{number}]"
        for number, one in enumerate(overrides.manifests)
        if path.startswith(f"{one.target.kind} ") and f"/{one.target.name}" in f"/{path}"
    ] + [
        f"overrides.resources[{number}]"
        for number, one in enumerate(overrides.resources)
        if one.logical_id is not None and one.logical_id in path
    ]
    stacks = [
        f"overrides.resources[{number}]"
        for number, one in enumerate(overrides.resources)
        if f"-{one.stack}" in path
    ]
    every = [f"overrides.manifests[{number}]" for number in range(len(overrides.manifests))] + [
        f"overrides.resources[{number}]" for number in range(len(overrides.resources))
    ]
    return named or stacks or every
