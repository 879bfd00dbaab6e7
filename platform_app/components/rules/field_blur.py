"""Field blur: what happens when a field of an editor loses the focus."""

from typing import Any

import reflex as rx
from reflex.event import EventChain, no_args_event_spec
from reflex.vars.base import VarData


def when_left(event: Any) -> Any:
    """Return an `on_blur` handler that sends an event when the field is left, and the pointer, if pressed, released."""
    sent = rx.Var.create(EventChain.create(value=event, args_spec=no_args_event_spec, key="on_blur"))
    data = VarData.merge(sent._get_all_var_data(), VarData(imports={"$/public/left.js": ["whenReleased"]}))
    return rx.Var(f"whenReleased({sent!s})", _var_type=EventChain, _var_data=data)
