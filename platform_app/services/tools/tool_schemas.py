"""Tool schemas: the schema of an HTTP tool's arguments, and whether arguments fit it."""

import json
import re
from typing import Any

from platform_app.errors import Invalid

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


def parse_schema(given: Any) -> dict[str, Any]:
    """Return the schema of a tool's arguments. Raises Invalid if it is no object of texts, numbers and booleans."""
    try:
        schema = json.loads(given) if isinstance(given, str) and len(given) <= 10_000 and given.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Invalid("This is not JSON.", field="parameters") from error
    properties = schema.get("properties", {}) if isinstance(schema, dict) else None
    required = schema.get("required", []) if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(required, list) or len(properties) > 30:
        raise Invalid("Describe an object with its properties.", field="parameters")
    kept = {name: _property(name, told) for name, told in properties.items()}
    if not all(isinstance(name, str) and name in kept for name in required):
        raise Invalid("What is required has to be among the properties.", field="parameters")
    return {"type": "object", "properties": kept, "required": required, "additionalProperties": False}


def _property(name: str, told: Any) -> dict[str, Any]:
    kind = told.get("type", "string") if isinstance(told, dict) else None
    if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", name) or not isinstance(kind, str) or kind not in _TYPES:
        raise Invalid("Describe an object with its properties.", field="parameters")
    kept: dict[str, Any] = {"type": kind, "description": str(told.get("description", ""))[:500]}
    values = told.get("enum")
    if isinstance(values, list) and values and all(type(value) in _TYPES[kind] for value in values[:100]):
        kept["enum"] = values[:100]
    return kept


def check_arguments(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raise Invalid unless arguments fit a schema of `parse_schema`."""
    properties = schema["properties"]
    for name in schema["required"]:
        if arguments.get(name) in (None, ""):
            raise Invalid("The argument {name} is missing.", name=name)
    for name, value in arguments.items():
        told = properties.get(name)
        if told is None:
            raise Invalid("There is no argument {name}.", name=name[:40])
        if type(value) not in _TYPES[told["type"]]:
            raise Invalid("The argument {name} is of another type.", name=name)
        if "enum" in told and value not in told["enum"]:
            raise Invalid("The argument {name} isn’t one of the offered values.", name=name)
