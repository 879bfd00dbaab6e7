"""Debounced input: sends what is typed after a pause.

Reflex's own debounce is keyed by the event's name: of two fields with one handler, typed one after the other within the
pause, the first would be lost. Here each field has its own pause, and leaving a field sends it at once.
"""

from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex.event import EventChain
from reflex.vars.base import VarData

PAUSE = 600  # milliseconds


def debounced(on_change: Callable[[Any], Any], pause: int = PAUSE) -> Any:
    """Return an `on_change` handler for a field that calls `on_change` with its value after `pause` milliseconds."""
    chain = EventChain.create(value=on_change, args_spec=rx.event.input_event, key="on_change")
    sent = rx.Var.create(chain)
    helper = VarData(imports={"$/public/debounced_input.js": ["debounced"]})
    data = VarData.merge(sent._get_all_var_data(), helper)
    return rx.Var(f"debounced({sent!s}, {pause})", _var_type=EventChain, _var_data=data)
