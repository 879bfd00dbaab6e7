"""Drag: an area with draggable elements."""

from typing import Any

import reflex as rx


def _moved(thing: rx.Var[str], place: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    return thing, place


class DragArea(rx.Component):
    """Elements with data-drag can be dropped on those with data-drop; `on_move` receives both values."""

    library = "$/public/drag.jsx"
    tag = "DragArea"

    on_move: rx.EventHandler[_moved]


def draggable(thing: Any) -> dict[str, Any]:
    """Return the attributes of a draggable element with this value."""
    return {"data-drag": thing, "draggable": "true"}


def droppable(place: Any) -> dict[str, Any]:
    """Return the attributes of a drop target with this value."""
    return {"data-drop": place}
