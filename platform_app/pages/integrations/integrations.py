"""Integrations: the page of what is connected and what can be."""

import reflex as rx

from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    RETURN_FOCUS,
    field,
    notice,
    problem_line,
    row_link,
    skeleton_rows,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.integrations.base import CrmType
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.services.integrations.oauth_connections import NO_ADDRESS
from platform_app.state.console.base import CurrentUser
from platform_app.state.integrations.integrations import ConnectionRow, IntegrationsState


def show() -> rx.Component:
    """Return the page on which admins connect CRMs."""
    return frame(
        rx.fragment(
            page_head(t("Integrations"), t("Your CRM and the platform, with one set of contacts and leads.")),
            rx.cond(IntegrationsState.sign_in_problem != "", notice(IntegrationsState.sign_in_problem)),
            rx.cond(
                IntegrationsState.loaded,
                rx.el.div(
                    rx.foreach(IntegrationsState.rows, _connection),
                    *(_offer(crm) for crm in CRM_TYPES.values()),
                    class_name="grid cols-2 from-top",
                ),
                skeleton_rows(4),
            ),
            *(_dialog(crm) for crm in CRM_TYPES.values()),
        ),
        section="Integrations",
    )


def _connection(row: rx.Var[ConnectionRow]) -> rx.Component:
    exchanged = rx.cond(row.when != "", time_ago(row.when, row.exact), rx.el.span(t("Never"), class_name="muted"))
    return rx.el.section(
        rx.el.h2(row_link(row.name, f"/manage/{CurrentUser.slug}/integrations/{row.id}")),
        rx.el.p(row.crm, " · ", row.host, class_name="muted small"),
        rx.el.p(status(row.colour, row.state)),
        problem_line(row.problem),
        rx.el.p(t("Last exchange:"), " ", exchanged, class_name="small"),
        class_name="card section",
        key=row.id,
    )


def _offer(crm: CrmType) -> rx.Component:
    return rx.el.section(
        rx.el.h2(crm.label),
        rx.el.p(t(crm.description), class_name="muted small"),
        rx.cond(
            IS_ADMIN,
            rx.box(
                rx.button(
                    rx.icon("plug", size=16),
                    t("Connect {crm}", crm=crm.label),
                    on_click=IntegrationsState.open_dialog(crm.kind.value),
                ),
                margin_top="12px",
            ),
            rx.el.p(t("An owner or an admin can connect it."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _dialog(crm: CrmType) -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Connect {crm}", crm=crm.label), size="4"),
            rx.dialog.description(
                t("Nothing is read or written until you’ve checked the mapping."), size="2", margin_bottom="16px"
            ),
            _form(crm),
            *([_sign_in()] if crm.signs_in else []),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=IntegrationsState.dialog == crm.kind.value,
        on_open_change=lambda _: IntegrationsState.open_dialog(""),
    )


def _form(crm: CrmType) -> rx.Component:
    return rx.form(
        *([_account_field(crm)] if crm.account_label else []),
        token_field(crm, _problem("token")),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(t("Connect"), type="submit"),
            spacing="3",
            justify="end",
        ),
        on_submit=IntegrationsState.connect,
        class_name="form",
    )


def _account_field(crm: CrmType) -> rx.Component:
    control = rx.input(id="account", name="account", required=True, max_length=300, auto_complete="off")
    words, problem = t(crm.account_help), _problem("account")
    return field(t(crm.account_label), control, name="account", help_text=words, problem=problem)


def _sign_in() -> rx.Component:
    """Return the other way to connect: an integration of one's own, by which somebody signs in there."""
    inputs = {
        "client_id": rx.input(id="client_id", name="client_id", required=True, max_length=200, auto_complete="off"),
        "client_secret": rx.input(
            id="client_secret",
            name="client_secret",
            type="password",
            required=True,
            max_length=200,
            auto_complete="off",
        ),
    }
    account = rx.input(id="oauth_account", name="account", required=True, max_length=300, auto_complete="off")
    return rx.el.details(
        rx.el.summary(t("Sign in there instead (OAuth)")),
        rx.el.p(t("Create a private integration there with this redirect address:"), class_name="muted small"),
        rx.cond(
            IntegrationsState.redirect_address != "",
            copyable_line(IntegrationsState.redirect_address, t("Redirect URI"), name="redirect_uri"),
            rx.el.p(t(NO_ADDRESS), class_name="small reason"),
        ),
        rx.form(
            field(t("Address of the account"), account, name="oauth_account"),
            field(t("Integration ID"), inputs["client_id"], name="client_id", problem=_problem("client_id")),
            field(t("Secret key"), inputs["client_secret"], name="client_secret", problem=_problem("client_secret")),
            rx.flex(rx.button(t("Go to sign-in"), type="submit"), justify="end"),
            on_submit=IntegrationsState.sign_in,
            class_name="form",
        ),
        class_name="offers",
    )


def token_field(crm: CrmType, problem: rx.Var[str]) -> rx.Component:
    """Return the field in which the token of a CRM is entered; it is never shown again."""
    control = rx.input(id="token", name="token", type="password", required=True, max_length=6_000, auto_complete="off")
    words = rx.fragment(t(crm.token_help), " ", t("Stored encrypted. You won’t see it again."))
    return field(t(crm.key_label), control, name="token", help_text=words, problem=problem)


def _problem(name: str) -> rx.Var[str]:
    return rx.cond(IntegrationsState.problem_field == name, IntegrationsState.problem, "")


PAGES = [
    tenant_page("/integrations", "Integrations", show, IntegrationsState.load, IntegrationsState.watch),
]
