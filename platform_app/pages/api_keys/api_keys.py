"""API keys: the page with the keys of other systems."""

from typing import Any

import reflex as rx

from platform_app.components.accounts.role_words import ROLES, role_words
from platform_app.components.console.confirmation import confirmation
from platform_app.components.console.copy_field import copyable_line, one_time_field
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing, row_menu
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, RETURN_FOCUS, empty_state, field, status, time_ago
from platform_app.components.console.text import t
from platform_app.services.api_keys.scopes import RESOURCES, accesses
from platform_app.state.api_keys.api_keys import ApiKeyRow, ApiKeysState

_LIFETIMES = {30: "30 days", 90: "90 days", 365: "A year", 0: "Never expires"}


def show() -> rx.Component:
    """Return the page on which admins make and revoke API keys."""
    return frame(
        rx.fragment(
            page_head(
                t("API keys"),
                t("Let other systems read and change your company’s data."),
                rx.cond(IS_ADMIN & (ApiKeysState.rows.length() > 0), _create_button()),
            ),
            _table(),
            _address(),
            _dialog(),
            _question(),
        ),
        section="Settings",
    )


def _create_button() -> rx.Component:
    return rx.button(rx.icon("plus", size=16), t("Create API key"), on_click=ApiKeysState.set_dialog_open(True))


def _address() -> rx.Component:
    described = rx.link(t("Description (OpenAPI)"), href="/api/v1/openapi.json", is_external=True, size="2")
    return rx.el.section(
        rx.el.h2(t("For developers")),
        rx.el.div(
            copyable_line(ApiKeysState.address, t("API address"), name="api-address"),
            rx.box(described),
            class_name="form",
        ),
        class_name="card section",
    )


def _table() -> rx.Component:
    return listing(
        loaded=ApiKeysState.loaded,
        total=ApiKeysState.rows.length(),
        filtered=False,
        table=framed_table(
            columns(t("Name"), t("Role"), t("May"), t("Last used"), t("Expires"), None),
            rx.table.body(rx.foreach(ApiKeysState.rows, _row)),
            label=t("API keys"),
        ),
        empty=empty_state(
            t("No API keys yet. Create one to let another system work with your contacts, leads and conversations."),
            rx.cond(IS_ADMIN, _create_button()),
            icon="key-round",
        ),
    )


def _row(key: rx.Var[ApiKeyRow]) -> rx.Component:
    ends = rx.cond(key.expires != "", key.expires, t("Never expires"))
    return rx.table.row(
        rx.table.row_header_cell(
            key.name,
            rx.el.div(rx.el.code(key.prefix), " · ", key.author, class_name="muted small"),
        ),
        rx.table.cell(role_words(key.role)),
        rx.table.cell(rx.el.span(key.may, class_name="small")),
        rx.table.cell(
            rx.cond(
                key.used != "", time_ago(key.used, key.used_exact), rx.el.span(t("Never"), class_name="muted small")
            )
        ),
        rx.table.cell(rx.cond(key.is_expired, status("red", t("Expired")), rx.el.span(ends, class_name="muted small"))),
        rx.table.cell(rx.cond(IS_ADMIN, _menu(key))),
        align="center",
        key=key.id,
    )


def _menu(key: rx.Var[ApiKeyRow]) -> rx.Component:
    revoke = rx.menu.item(t("Revoke…"), color_scheme="red", on_select=ApiKeysState.ask(key.id))
    return rx.flex(row_menu(key.name, revoke), justify="end")


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(ApiKeysState.made != "", ApiKeysState.made, t("Create API key")), size="4"),
            rx.dialog.description(
                t("It acts on your behalf and stops working when you are no longer a member."),
                size="2",
                margin_bottom="16px",
            ),
            rx.cond(ApiKeysState.made != "", _made(), _form()),
            max_width="640px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=ApiKeysState.dialog_open,
        on_open_change=ApiKeysState.set_dialog_open,
    )


def _made() -> rx.Component:
    help_text = t("Copy it now. You won’t see it again.")
    return rx.el.div(
        one_time_field(t("API key"), t("Copy the key"), help_text),
        rx.flex(rx.dialog.close(rx.button(t("Close"))), justify="end"),
        class_name="form",
    )


def _problem(name: str) -> Any:
    return rx.cond(ApiKeysState.problem_field == name, ApiKeysState.problem, "")


def _form() -> rx.Component:
    return rx.el.form(
        field(
            t("Name"),
            rx.input(id="name", name="name", max_length=120, required=True, auto_complete="off"),
            name="name",
            help_text=t("For your team, such as “Website” or “Reports”."),
            problem=_problem("name"),
        ),
        field(t("Role"), _roles(), name="role", problem=_problem("role")),
        field(t("Expires"), _lifetimes(), name="days", problem=_problem("days")),
        _scopes(),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(t("Create API key"), type="submit"),
            spacing="3",
            justify="end",
        ),
        on_submit=ApiKeysState.create,
        class_name="form",
        no_validate=True,
    )


def _roles() -> rx.Component:
    return rx.el.select(
        *(rx.el.option(t(words), value=code) for code, words in ROLES.items() if code in ("viewer", "operator")),
        id="role",
        name="role",
        default_value="operator",
        class_name="native",
    )


def _lifetimes() -> rx.Component:
    return rx.el.select(
        *(rx.el.option(t(words), value=str(days)) for days, words in _LIFETIMES.items()),
        id="days",
        name="days",
        default_value="90",
        class_name="native",
    )


def _scopes() -> rx.Component:
    """Return the group of boxes in which is chosen what the key may do."""
    return field(
        t("May"),
        rx.el.div(
            *(_resource(resource, words) for resource, words in RESOURCES.items()),
            id="scopes",
            role="group",
            aria_label=t("May"),
            tab_index=-1,
            class_name="scopes",
        ),
        name="scopes",
        problem=_problem("scopes"),
    )


def _resource(resource: str, words: str) -> rx.Component:
    shown = {"read": t("read"), "write": t("write")}
    boxes = [
        rx.el.label(
            rx.el.input(type="checkbox", name=f"{resource}:{access}", default_checked=access == "read"),
            rx.el.span(t(words), ": ", class_name="visually-hidden"),
            shown[access],
            class_name=f"status {access}",
        )
        for access in accesses(resource)
    ]
    return rx.el.div(rx.el.span(t(words)), *boxes)


def _question() -> rx.Component:
    return confirmation(
        title=t("Revoke “{name}”?", name=ApiKeysState.asked_name),
        sentence=t("Systems that use it lose access immediately. You can’t undo this."),
        verb=t("Revoke"),
        on_confirm=ApiKeysState.revoke,
        is_open=ApiKeysState.asked_id != "",
        on_close=ApiKeysState.close_question,
    )


PAGES = [tenant_page("/settings/api-keys", "API keys", show, ApiKeysState.load, ApiKeysState.watch)]
