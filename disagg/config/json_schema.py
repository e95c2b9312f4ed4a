"""The JSON schemas of our files, generated from the dataclasses (editors read them)."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from disagg.config.environment import Environment
from disagg.config.fleet import Fleet
from disagg.config.inherit import KEY
from disagg.config.workload import Question

FILES: dict[str, Any] = {"environment": Environment, "workload": Question, "fleet": Fleet}
"""Files that have a schema, and the dataclass that describes each."""
_CAN_EXTEND = {"environment"}
_DEFS = "#/$defs/"
_PART = "PartOf"


class _Draft202012(GenerateJsonSchema):
    """Adds `$schema` to what pydantic generates."""

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return {"$schema": self.schema_dialect} | super().generate(schema, mode=mode)


def generate(file: str = "environment") -> str:
    """Return the schema of a kind of file as stable text, newline at the end."""
    schema = TypeAdapter(FILES[file]).json_schema(schema_generator=_Draft202012)
    head = {"$schema": schema.pop("$schema"), "$id": f"urn:disagg:schemas:{file}"}
    if file in _CAN_EXTEND:
        schema = _whole_or_part(schema)
    return json.dumps(head | schema, indent=2) + "\n"


def _whole_or_part(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of whole files, and of parts that extend another file.

    In a part nothing is required, and `null` takes an inherited value away.
    """
    root = schema["title"]
    defs = schema.pop("$defs") | {root: schema}
    parts: dict[str, Any] = {}
    _add_part(root, defs, parts)
    parts[_PART + root]["properties"][KEY] = _EXTENDS
    return {
        "title": root,
        "type": "object",
        "properties": {KEY: {"description": _EXTENDS["description"]}},
        "if": {"required": [KEY]},
        "then": {"$ref": f"{_DEFS}{_PART}{root}"},
        "else": {"$ref": f"{_DEFS}{root}"},
        "$defs": defs | dict(sorted(parts.items())),
    }


_EXTENDS = {
    "description": "The file that this one says the differences to, relative to this one.",
    "examples": ["base.yaml"],
    "pattern": r"\.ya?ml$",
    "type": "string",
}


def _add_part(name: str, defs: dict[str, Any], parts: dict[str, Any]) -> None:
    """Add the mapping `name` as a part, any key of which may be left out or taken away."""
    if _PART + name in parts:
        return
    whole = defs[name]
    parts[_PART + name] = made = {
        key: value for key, value in whole.items() if key not in {"required", "properties"}
    }
    made["properties"] = {}
    for key, value in whole["properties"].items():
        inner = [one["$ref"].removeprefix(_DEFS) for one in _members(value) if "$ref" in one]
        for one in inner:
            _add_part(one, defs, parts)
        said = [_as_part(one) for one in _members(value) if one != _NULL]
        if not inner:
            said = [{"$ref": f"{_DEFS}{name}/properties/{key}"}]
        told = value.get("description") or (defs[inner[0]]["description"] if inner else "")
        made["properties"][key] = {"description": told, "anyOf": [*said, _NULL]}


_NULL = {"type": "null"}


def _members(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a key may be: the members of its union, or its one schema."""
    members = schema.get("anyOf") or schema.get("oneOf")
    return [part for one in members for part in _members(one)] if members else [schema]


def _as_part(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    return {"$ref": schema["$ref"].replace(_DEFS, _DEFS + _PART)}
