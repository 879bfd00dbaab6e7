"""Later: what is typed is sent when the typing pauses.

Reflex's own debounce is known by the name of the event alone: two fields of one handler, typed one after the other
within the pause, would lose the first. Here each field has its own pause, and leaving a field sends it at once.
"""

from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex.event import EventChain
from reflex.vars.base import VarData

PAUSE = 600  # milliseconds


def later(on_change: Callable[[Any], Any], pause: int = PAUSE) -> Any:
    """Return an `on_change` for a field; `on_change` takes what stands in it."""
    chain = EventChain.create(value=on_change, args_spec=rx.event.input_event, key="on_change")
    sent = rx.Var.create(chain)
    helper = VarData(imports={"$/public/later.js": ["later"]})
    data = VarData.merge(sent._get_all_var_data(), helper)
    return rx.Var(f"later({sent!s}, {pause})", _var_type=EventChain, _var_data=data)
