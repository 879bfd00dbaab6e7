"""Input fields: how the fields of actions and steps are entered in the builders, kept with their Pydantic fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

_KEY = "input"  # in json_schema_extra


@dataclass(frozen=True)
class InputField:
    """How one field of an action or step is entered."""

    name: str
    label: str  # a message id
    input: str  # a value of ActionInput or StepInput
    required: bool = True
    prefill: str = ""  # the text that a new action starts with
    options: Mapping[str, str] = field(default_factory=dict)  # values that can be chosen, with their labels


def input_field(
    label: str,
    input: str,
    *,
    default: Any = "",
    required: bool = True,
    prefill: str = "",
    options: Mapping[str, str] | tuple[str, ...] = (),
    max_length: int | None = None,
) -> Any:
    """Return a Pydantic field with how it is entered.

    `options` are the values that can be chosen with their labels; a tuple of values stands for labels that are the
    values themselves. `max_length` is in characters.
    """
    given = options if isinstance(options, Mapping) else {value: value for value in options}
    how: dict[str, Any] = {
        "label": label,
        "input": str(input),
        "required": required,
        "prefill": prefill,
        "options": dict(given),
    }
    return Field(default_factory=lambda: default, max_length=max_length, json_schema_extra={_KEY: how})


def input_fields(model: type[BaseModel]) -> list[InputField]:
    """Return the fields of an action or step class that are entered in the builder, in their order."""
    extras = [(name, info.json_schema_extra) for name, info in model.model_fields.items()]
    # the extra of a field is annotated as JSON
    return [InputField(name, **extra[_KEY]) for name, extra in extras if isinstance(extra, dict) and _KEY in extra]  # type: ignore[arg-type]
