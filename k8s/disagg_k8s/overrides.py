"""Overrides of the environment file, applied to rendered objects."""

import json
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import EndOfList, JsonPointerException, resolve_pointer

from disagg.config.overrides import ManifestOverride
from disagg.errors import InvalidInputError, Problem
from disagg.planner.overridden import title
from disagg_k8s.manifest import Json

Files = dict[str, list[Json]]
_NOTHING = object()


def patched(files: Files, overrides: tuple[ManifestOverride, ...]) -> Files:
    """Return the objects by file name with every override applied, in the order of the file.

    Raises:
        InvalidInputError: Every override that matches no object (DISAGG-OVR-004) or cannot be
            applied (DISAGG-OVR-005).
    """
    done, problems = deepcopy(files) if overrides else files, []
    for number, one in enumerate(overrides):
        at = f"overrides.manifests[{number}]"
        found = [
            (objects, index)
            for objects in done.values()
            for index, each in enumerate(objects)
            if _is_meant(each, one)
        ]
        if len(found) != 1:
            problems.append(_unmatched(at, one, done, [o[i] for o, i in found]))
            continue
        objects, index = found[0]
        for step, operation in enumerate(one.patch):
            problem = _apply(objects, index, operation, f"{at}.patch[{step}]")
            if problem is not None:
                problems.append(problem)
                break
    if problems:
        raise InvalidInputError(problems)
    return done


def _is_meant(one: Json, override: ManifestOverride) -> bool:
    target, metadata = override.target, one["metadata"]
    return (one["kind"], metadata["name"]) == (target.kind, target.name) and (
        target.namespace is None or target.namespace == metadata.get("namespace")
    )


def _named(one: Json) -> str:
    space = one["metadata"].get("namespace")
    return f"{one['kind']} {space + '/' if space else ''}{one['metadata']['name']}"


def _unmatched(at: str, one: ManifestOverride, files: Files, found: list[Json]) -> Problem:
    wanted = title(one)
    if found:
        spaces = ", ".join(str(each["metadata"].get("namespace")) for each in found)
        return Problem(
            code="DISAGG-OVR-004",
            path=f"{at}.target",
            got=f"{wanted} in {spaces}",
            need="one object",
            fix="name the namespace",
        )
    objects = [each for group in files.values() for each in group]
    same = [_named(each) for each in objects if each["kind"] == one.target.kind]
    known = same or [_named(each) for each in objects]
    near = get_close_matches(wanted, known, n=1, cutoff=0.4)
    return Problem(
        code="DISAGG-OVR-004",
        path=f"{at}.target",
        got=f"no {wanted} is rendered",
        need=", ".join(same) or f"a kind that is rendered: {_kinds(objects)}",
        fix=f"did you mean {near[0]}?" if near else "list them: disagg render",
    )


def _kinds(objects: list[Json]) -> str:
    return ", ".join(sorted({str(each["kind"]) for each in objects}))


def _apply(objects: list[Json], index: int, operation: Json, at: str) -> Problem | None:
    try:
        result = JsonPatch([operation]).apply(objects[index])
    except (JsonPatchException, JsonPointerException) as error:
        return _refused(objects[index], operation, at, error)
    if not _is_an_object(result):
        return Problem(
            code="DISAGG-OVR-005",
            path=f"{at}.path",
            got=f"{operation['op']} {operation['path']} leaves no Kubernetes object",
            need="apiVersion, kind and metadata.name",
            fix="leave those as they are",
        )
    objects[index] = result
    return None


def _is_an_object(one: Any) -> bool:
    metadata = one.get("metadata") if isinstance(one, dict) else None
    return (
        isinstance(metadata, dict)
        and isinstance(metadata.get("name"), str)
        and isinstance(metadata.get("namespace", ""), str)
        and all(isinstance(one.get(key), str) for key in ("apiVersion", "kind"))
    )


def _refused(document: Json, operation: Json, at: str, error: Exception) -> Problem:
    op = operation["op"]
    key = "from" if op in {"move", "copy"} else "path"
    pointer = operation[key]
    there_is = resolve_pointer(document, pointer, _NOTHING)
    # Why the end of a list too: `-` is a place to add at, where nothing is.
    if op == "test" and there_is is not _NOTHING and not isinstance(there_is, EndOfList):
        return Problem(
            code="DISAGG-OVR-005",
            path=f"{at}.value",
            got=f"{pointer} is {_short(json.dumps(there_is))}",
            need=_short(json.dumps(operation["value"])),
            fix="see whether the override is still right, then correct the value",
        )
    there, part, known, near = _as_far_as_it_goes(document, pointer)
    return Problem(
        code="DISAGG-OVR-005",
        path=f"{at}.{key}",
        got=f"{op} {pointer}: " + (f"no {there}/{part}" if part else _short(str(error))),
        need=f"a place in {_named(document)}" + (f"; {there or 'it'} has {known}" if part else ""),
        fix=f"did you mean {near}?" if near else "correct the path",
    )


def _as_far_as_it_goes(document: Json, pointer: str) -> tuple[str, str, str, str]:
    """Return how much of a pointer is there, what is missing, what is there, and a near pointer."""
    at: Any = document
    there, parts = "", pointer.split("/")[1:]
    for number, part in enumerate(parts):
        key = part.replace("~1", "/").replace("~0", "~")
        known = list(at) if isinstance(at, dict) else [str(i) for i in range(_length(at))]
        if key not in known:
            near = get_close_matches(key, known, n=1)
            rest = "".join(f"/{one}" for one in parts[number + 1 :])
            found = f"{there}/{_escaped(near[0])}{rest}" if near else ""
            return there, part, _listed(at, known), found
        at = at[key] if isinstance(at, dict) else at[int(key)]
        there += f"/{part}"
    return there, "", "", ""


def _length(at: Any) -> int:
    return len(at) if isinstance(at, list) else 0


def _listed(at: Any, known: list[str]) -> str:
    if isinstance(at, list):
        return f"{len(at)} entries"
    return ", ".join(known) or f"the value {_short(json.dumps(at))}"


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
