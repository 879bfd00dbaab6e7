"""Actions: every kind of action, found in the `*_actions.py` files beside this one.

An action is one class: its words, what it takes, and what it does. The first line of the docstring is its name in the
builder, the lines below it the note shown there; each field says how it is entered.
"""

import pkgutil
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from platform_app.engine import actions as package
from platform_app.engine.actions.action_base import Action
from platform_app.errors import Invalid


def _load_actions() -> dict[str, type[Action]]:
    """Return every action class by its kind, in the order of the builder's menu. Raises ValueError on a duplicate."""
    kinds: dict[str, type[Action]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.endswith("_actions"):
            continue
        loaded = import_module(f"{package.__name__}.{module.name}")
        for loaded_class in vars(loaded).values():
            if (
                isinstance(loaded_class, type)
                and issubclass(loaded_class, Action)
                and loaded_class.__module__ == loaded.__name__
            ):
                kind = loaded_class.model_fields["kind"].default
                if kind in kinds:
                    raise ValueError(f"two actions are of the kind {kind}")
                kinds[kind] = loaded_class
    return dict(sorted(kinds.items(), key=lambda item: (item[1].menu_order, item[0])))


ACTIONS = _load_actions()


def parse_action(data: dict[str, Any]) -> Action:
    """Return an action from JSON values. Raises Invalid if its kind is unknown or its fields do not fit."""
    kind = ACTIONS.get(str(data.get("kind")))
    if kind is None:
        raise Invalid("An action can’t be read.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise Invalid("An action can’t be read.") from error


def label(kind: str) -> str:
    """Return the name of an action, as a message id."""
    return (ACTIONS[kind].__doc__ or "").split("\n")[0]


def note(kind: str) -> str:
    """Return the note on an action in the builder, as a message id; empty if its docstring has one line."""
    _, *rest = (ACTIONS[kind].__doc__ or "").strip().split("\n")
    return " ".join(line.strip() for line in rest).strip()
