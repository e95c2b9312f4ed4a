"""The JSON schema of the environment file, generated from the dataclasses (editors read it)."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from disagg.config.environment import Environment

SCHEMA_ID = "urn:disagg:schemas:environment"


class _Draft202012(GenerateJsonSchema):
    """Adds `$schema` and `$id` to what pydantic generates."""

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        head = {"$schema": self.schema_dialect, "$id": SCHEMA_ID}
        return head | super().generate(schema, mode=mode)


def generate() -> str:
    """Return the schema as stable text, newline at the end."""
    schema = TypeAdapter(Environment).json_schema(schema_generator=_Draft202012)
    return json.dumps(schema, indent=2) + "\n"
