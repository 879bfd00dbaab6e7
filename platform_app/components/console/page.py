"""Page: an address with what it shows and what it does when it loads."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.state.console.base import ON_LOAD_MARK
from platform_app.state.console.frame import FrameState
from platform_app.state.console.notification_bell import NotificationBellState


@dataclass(frozen=True)
class Page:
    """A page: its address, its title in the browser, what shows it and what runs when it loads."""

    route: str
    title: str
    show: Callable[[], rx.Component]
    on_load: list[Any] = field(default_factory=list)


def tenant_page(route: str, title: str, show: Callable[[], rx.Component], *on_load: Any) -> Page:
    """Return a page of a tenant; `route` is what follows /manage/[tenant].

    Where the route names a row, what its handlers in `on_load` do not find, by NotFound, is said in place of the page.
    """
    for handler in on_load if "[" in route else ():
        setattr(inspect.unwrap(handler.fn), ON_LOAD_MARK, True)
    return Page(f"/manage/[tenant]{route}", title, show, [FrameState.load, *on_load, NotificationBellState.follow])
