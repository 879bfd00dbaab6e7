"""Form fields: how forms show the fields of a class, kept with the fields themselves.

A field's `title` is its label, its `description` the help below it; its limits are those of Pydantic. `form_info` adds
the rest: `Field(0.3, title="Temperature", ge=0, le=2, json_schema_extra=form_info("basics", step=0.1))`.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

WRONG_VALUE = "This value isn’t allowed."
_KEY = "form"  # in json_schema_extra


class Control(StrEnum):
    """What a field is entered with."""

    TEXT = "text"
    PATH = "path"  # a path within a payload, entered as text
    TEXT_AREA = "text_area"
    NUMBER = "number"
    TIME = "time"  # a time of day
    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105  # a kind of control
    SWITCH = "switch"
    SELECT = "select"
    CUSTOM = "custom"  # drawn by the page itself


# shown as text
TYPED = frozenset({Control.TEXT, Control.PATH, Control.TEXT_AREA, Control.NUMBER, Control.TIME, Control.EMAIL})


@dataclass(frozen=True)
class FormField:
    """One field of a form: its texts are message ids, its limits are inclusive, lengths are in characters."""

    name: str
    label: str
    section: str
    control: Control
    help_text: str = ""
    problem: str = WRONG_VALUE  # what is said of a wrong value
    is_fraction: bool = False  # a number may have decimal places
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    step: float | None = None
    rows: int = 0  # height of a text area, in lines
    placeholder: str = ""
    options: Mapping[str, str] = field(default_factory=dict)  # values that can be chosen, with their labels
    untranslated: frozenset[str] = frozenset()  # values whose label is the same in every language

    def allows(self, number: float) -> bool:
        """Return whether a number is within the limits."""
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)


def form_info(section: str = "", control: Control | None = None, **more: Any) -> dict[str, Any]:
    """Return what a form shows of a field, for `json_schema_extra`.

    `section` is the part of the form. Without `control` it follows from the type: a switch for bool, a number for int
    and float, a list to choose from for an enumeration, text for str, else the page draws it. `more` is what FormField
    holds beside these: problem, step, rows, placeholder, options, untranslated, and the `max_length` of a column
    without one.
    """
    return {_KEY: {"section": section, "control": control, **more}}


def form_fields(model: type[BaseModel]) -> dict[str, FormField]:
    """Return the fields of a class that have `form_info`, by name in their order."""
    found = {}
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and _KEY in extra:
            found[name] = _form_field(name, info, dict(extra[_KEY]))  # type: ignore[arg-type]  # annotated as JSON
    return found


def field_labels(form: Mapping[str, FormField]) -> dict[str, str]:
    """Return the labels of fields, message ids, by name."""
    return {name: shown.label for name, shown in form.items()}


def _form_field(name: str, info: FieldInfo, shown: dict[str, Any]) -> FormField:
    kind = _plain_type(info.annotation)
    return FormField(
        name=name,
        label=info.title or name,
        control=shown.pop("control") or _default_control(kind),
        help_text=info.description or "",
        is_fraction=kind is float,
        minimum=_limit(info, "ge"),
        maximum=_limit(info, "le"),
        min_length=_limit(info, "min_length"),
        max_length=shown.pop("max_length", None) or _limit(info, "max_length"),
        **shown,
    )


def _plain_type(annotation: Any) -> Any:
    """Return the type of `X | None` without None."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(one for one in get_args(annotation) if one is not type(None))
    return annotation


def _default_control(kind: Any) -> Control:
    if not isinstance(kind, type):
        return Control.CUSTOM
    of_type = {bool: Control.SWITCH, int: Control.NUMBER, float: Control.NUMBER, str: Control.TEXT}
    return Control.SELECT if issubclass(kind, StrEnum) else of_type.get(kind, Control.CUSTOM)


def _limit(info: FieldInfo, name: str) -> Any:
    limits = (getattr(one, name, None) for one in info.metadata)
    return next((limit for limit in limits if limit is not None), None)


def parse_typed(shown: FormField, value: Any) -> Any:
    """Return the number in the text of a number field, None if it is empty. Other values are returned unchanged."""
    if shown.control != Control.NUMBER or not isinstance(value, str):
        return value
    text = value.strip().replace(",", ".").replace(" ", "")
    try:
        return float(text) if shown.is_fraction else int(text)
    except ValueError:
        return text or None


def format_typed(value: Any) -> str:
    """Return a value as text for its field: 0.3, never 0.30."""
    return f"{value:g}" if isinstance(value, float) else str(value)
