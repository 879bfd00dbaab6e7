"""Missing: what stands at an address that no page has."""

import reflex as rx

from platform_app.components.console.layout import frame, not_found_message, not_found_page
from platform_app.components.console.page import Page
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.frame import FrameState


def show() -> rx.Component:
    """Say that there is nothing, in the frame to those who have signed in."""
    return rx.cond(CurrentUser.slug != "", frame(not_found_message(), section=""), not_found_page())


PAGES = [Page("404", "Not found", show, [FrameState.load_not_found])]
