"""The JSON schemas of our files, generated from the dataclasses (editors read them)."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from disagg.config.environment import Environment
from disagg.config.workload import Question

FILES: dict[str, Any] = {"environment": Environment, "workload": Question}
"""Files that have a schema, and the dataclass that describes each."""


class _Draft202012(GenerateJsonSchema):
    """Adds `$schema` to what pydantic generates."""

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return {"$schema": self.schema_dialect} | super().generate(schema, mode=mode)


def generate(file: str = "environment") -> str:
    """Return the schema of a kind of file as stable text, newline at the end."""
    schema = TypeAdapter(FILES[file]).json_schema(schema_generator=_Draft202012)
    head = {"$schema": schema.pop("$schema"), "$id": f"urn:disagg:schemas:{file}"}
    return json.dumps(head | schema, indent=2) + "\n"
