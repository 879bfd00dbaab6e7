"""Drag: an area in which things are dragged from place to place."""

from typing import Any

import reflex as rx


def _moved(thing: rx.Var[str], place: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    return thing, place


class DragArea(rx.Component):
    """Things inside with data-drag can be dropped on those with data-drop; `on_move` is given the two values."""

    library = "$/public/drag.jsx"
    tag = "DragArea"

    on_move: rx.EventHandler[_moved]


def draggable(thing: Any) -> dict[str, Any]:
    """Return the attributes of something that can be dragged, known by this value."""
    return {"data-drag": thing, "draggable": "true"}


def droppable(place: Any) -> dict[str, Any]:
    """Return the attributes of a place to drop things on, known by this value."""
    return {"data-drop": place}
