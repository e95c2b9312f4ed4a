"""Rules about the form of overrides; whether they match anything is known when all is rendered."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from disagg.checks.rule import Finding, rule
from disagg.config.overrides import Overrides

_OPERATIONS = {
    "add": {"value"},
    "remove": set(),
    "replace": {"value"},
    "move": {"from"},
    "copy": {"from"},
    "test": {"value"},
}
"""Operations of a JSON patch and what each takes beside `op` and `path`. Source: RFC 6902, 4."""


@rule("DISAGG-OVR-001")
def operations_are_those_of_a_json_patch(overrides: Overrides) -> Iterator[Finding]:
    """Each operation has `op`, `path` and what RFC 6902 asks for beside them, and nothing else.

    A key that a library passes over is a change silently lost. Source: RFC 6902, section 4; paths
    are JSON pointers, RFC 6901.
    """
    for number, one in enumerate(overrides.manifests):
        for index, operation in enumerate(one.patch):
            at = ("overrides", "manifests", number, "patch", index)
            op = operation.get("op")
            if not isinstance(op, str) or op not in _OPERATIONS:
                yield _unknown_operation(at, op)
                continue
            takes = {"op", "path", *_OPERATIONS[op]}
            missing, more = sorted(takes - operation.keys()), sorted(operation.keys() - takes)
            if missing or more:
                told = [f"without `{key}`" for key in missing] + [f"with `{key}`" for key in more]
                yield Finding(
                    at=(*at, more[0]) if more else at,
                    got=f"{op} {' and '.join(told)}",
                    need=", ".join(f"`{key}`" for key in sorted(takes)),
                    fix=f"add {missing[0]}:" if missing else f"remove {more[0]}:",
                )
            for key in ("path", "from"):
                if key in operation and key in takes:
                    yield from _pointer((*at, key), operation[key])


def _unknown_operation(at: tuple[str | int, ...], op: Any) -> Finding:
    near = get_close_matches(str(op), _OPERATIONS, n=1)
    return Finding(
        at=(*at, "op") if op is not None else at,
        got="no `op`" if op is None else f"operation {op!r}",
        need=", ".join(_OPERATIONS),
        fix=f"did you mean {near[0]!r}?" if near else "name one of them",
    )


def _pointer(at: tuple[str | int, ...], value: Any) -> Iterator[Finding]:
    """Yield what is wrong with a JSON pointer; the whole object may not be replaced."""
    if not isinstance(value, str) or not value.startswith("/"):
        yield Finding(
            at=at,
            got=f"got {value!r}",
            need="a JSON pointer below the object, such as /spec/replicas",
            fix="begin it with /" if isinstance(value, str) else "write it as text",
        )
    elif any(part[:1] not in {"0", "1"} for part in value.split("~")[1:]):
        fix = "write ~0 for ~ and ~1 for / inside a key"
        yield Finding(at=at, got=f"got {value!r}", need="~ only in ~0 and ~1", fix=fix)


@rule("DISAGG-OVR-002")
def a_resource_is_named_in_one_way(overrides: Overrides) -> Iterator[Finding]:
    """Each override of a resource has `logical_id` or `path`, and not both."""
    for number, one in enumerate(overrides.resources):
        if (one.logical_id is None) == (one.path is None):
            got = "neither of them" if one.path is None else "both of them"
            yield Finding(
                at=("overrides", "resources", number),
                got=got,
                need="one of `logical_id` and `path`",
                fix="add path:, for instance path: Fabric/SecurityGroup"
                if one.path is None
                else "remove one of them",
            )


@rule("DISAGG-OVR-003")
def only_properties_are_overridden(overrides: Overrides) -> Iterator[Finding]:
    """Each override of a resource changes something below `Properties`.

    Type, dependencies and policies for deletion are what the stacks promise to keep: another
    `DeletionPolicy` would delete keys that logs are read with.
    """
    for number, one in enumerate(overrides.resources):
        first, *rest = one.property.split(".")
        if first != "Properties" or not rest or not all(rest):
            yield Finding(
                at=("overrides", "resources", number, "property"),
                got=f"got {one.property!r}",
                need="a name below Properties, such as Properties.GroupDescription",
                fix=f"did you mean {'Properties.' + one.property.strip('.')!r}?"
                if first != "Properties"
                else "name the property",
            )
