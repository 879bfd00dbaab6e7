"""Shadow card: the switch of an account's shadow mode, and the way to the comparison of answers."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN, form_card
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.console.base import CurrentUser


def shadow_card() -> rx.Component:
    """Return the card with the shadow mode of the account in the address."""
    state = ChannelAccountState
    switch = rx.switch(checked=state.is_shadow, on_change=state.set_shadow, disabled=~IS_ADMIN, id="is_shadow")
    address = f"/manage/{CurrentUser.slug}/agents/shadow?account={state.api_account_id}"
    return form_card(
        t("Shadow mode"),
        rx.el.p(
            t(
                "The agent answers every message in secret: nothing that it, a rule or a sequence writes is sent. "
                "Your team answers, and you compare."
            ),
            class_name="muted small",
        ),
        rx.el.label(switch, t("Shadow mode is on"), class_name="status"),
        rx.box(rx.link(t("Compare answers"), href=address, size="2", underline="always")),
    )
