"""Connection: toasts, and notices when the server is not reached or a page has failed."""

from typing import Any

import reflex as rx
from reflex_components_core.core.banner import has_hydration_payload_error, has_too_many_connection_errors

from platform_app.components.console.text import t
from platform_app.i18n import lookup
from platform_app.state.console.base import CurrentUser

# Before a page is connected nobody has told it the person's language; the cookie keeps what was chosen.
_COOKIE = rx.Var("(document.cookie.match(/(?:^|;\\s*)language=(ru|en)/) ?? [])[1] ?? 'en'", _var_type=str)


def connection_notice() -> rx.Component:
    """Return the notice that the server is not reached and typed text is kept."""
    return rx.cond(
        has_too_many_connection_errors | has_hydration_payload_error,
        rx.el.div(
            rx.el.span(class_name="dot amber", aria_hidden="true"),
            rx.cond(
                has_hydration_payload_error,
                _words(
                    "This tab can’t connect because it stores too much data. Clear this site’s "
                    "data in the browser and reload."
                ),
                _words("No connection to the server. Reconnecting… Your unsent text stays here."),
            ),
            class_name="connection-notice",
            role="status",
        ),
    )


def failed_page() -> rx.Component:
    """Return the page shown when a page could not be rendered."""
    return rx.el.main(
        rx.el.div(
            rx.el.h1(_words("Couldn’t show this page")),
            rx.el.p(
                _words("Your saved work is safe. Reload the page. If it keeps happening, send the address to support.")
            ),
            rx.el.a(_words("Reload page"), href="", class_name="text-link"),
            class_name="card",
        ),
        class_name="auth",
    )


def _words(sentence: str) -> Any:
    language = rx.cond(rx.State.is_hydrated, CurrentUser.language, _COOKIE)
    return rx.cond(language == "ru", lookup("ru", sentence), sentence)


def toaster() -> rx.Component:
    """Return the container of toasts, with translated labels."""
    close = t("Dismiss")
    options = rx.Var(f"({{ closeButtonAriaLabel: {close!s} }})", _var_data=close._get_all_var_data())
    named = {"containerAriaLabel": t("Messages"), "toastOptions": options}
    return rx.toast.provider(position="bottom-right", custom_attrs=named)
