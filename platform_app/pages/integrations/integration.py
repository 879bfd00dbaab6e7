"""Integration: the page of a connected CRM."""

from typing import Any

import reflex as rx

from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, confirm, field, notice, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.integrations.conflict_rules import conflict_rules
from platform_app.components.integrations.exchange_log import call_table, failed_table
from platform_app.components.integrations.mapping import mapping_form
from platform_app.integrations.base import CrmType
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.pages.integrations.integrations import token_field
from platform_app.services.integrations.post_secrets import NO_HOME
from platform_app.state.integrations.exchange_view import PhaseLine
from platform_app.state.integrations.integration import IntegrationState


def show() -> rx.Component:
    """Return the page on which admins synchronize, map, pause and disconnect a CRM."""
    return frame(
        rx.cond(rx.State.is_hydrated & (IntegrationState.connection_id != ""), _connection(), skeleton_rows(8)),
        section="Integrations",
    )


def _connection() -> rx.Component:
    return rx.fragment(
        _head(),
        rx.cond(IntegrationState.problem != "", notice(IntegrationState.problem)),
        *(rx.cond(IntegrationState.is_refused & IS_ADMIN & _is(crm), _new_token(crm)) for crm in CRM_TYPES.values()),
        rx.el.div(
            _synchronization(),
            *(rx.cond(IS_ADMIN & _is(crm), _posts(crm)) for crm in CRM_TYPES.values() if crm.posts_help),
            failed_table(),
            mapping_form(),
            conflict_rules(),
            call_table(),
            class_name="stack",
        ),
    )


def _head() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h1(IntegrationState.name),
            rx.el.p(IntegrationState.crm, " · ", IntegrationState.host),
        ),
        rx.flex(
            status(IntegrationState.colour, IntegrationState.state),
            rx.cond(IS_ADMIN, rx.flex(_pause_button(), _disconnect_button(), spacing="2")),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _pause_button() -> rx.Component:
    quiet: dict[str, Any] = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}
    return rx.cond(
        IntegrationState.is_paused,
        rx.button(rx.icon("play", size=16), t("Resume"), on_click=IntegrationState.set_paused(False)),
        rx.button(rx.icon("pause", size=16), t("Pause"), on_click=IntegrationState.set_paused(True), **quiet),
    )


def _disconnect_button() -> rx.Component:
    return confirm(
        rx.button(t("Disconnect"), variant="soft", color_scheme="red", high_contrast=True),
        title=t("Disconnect this account?"),
        sentence=t(
            "Contacts, leads, tasks, notes and the mapping are kept. Connect the account again to "
            "resume. The token, call log and webhook are deleted."
        ),
        verb=t("Disconnect"),
        on_confirm=IntegrationState.disconnect,
    )


def _is(crm: CrmType) -> rx.Var[bool]:
    return IntegrationState.kind == crm.kind.value


def _new_token(crm: CrmType) -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Enter a new token")),
        rx.form(
            token_field(crm, IntegrationState.problems.get("token", "")),
            rx.box(rx.button(t("Save"), type="submit")),
            on_submit=IntegrationState.replace_token,
            class_name="form",
        ),
        class_name="card section",
    )


def _posts(crm: CrmType) -> rx.Component:
    """Return how a person has the CRM post changes, which no call can do."""
    state = IntegrationState
    control = rx.input(id="secret", name="secret", type="password", required=True, max_length=200, auto_complete="off")
    kept = t("Stored encrypted. You won’t see it again.")
    words, problem = rx.cond(state.posts, t("A new one replaces the one you entered."), kept), state.problems
    form = rx.form(
        field(t("Application token"), control, name="secret", help_text=words, problem=problem.get("secret", "")),
        rx.box(rx.button(t("Save"), type="submit")),
        on_submit=state.set_post_secret,
        class_name="form",
    )
    return rx.el.section(
        rx.el.h2(t("Changes right away")),
        rx.el.p(t(crm.posts_help), class_name="muted small"),
        rx.cond(
            state.posts_address != "",
            rx.fragment(copyable_line(state.posts_address, t("Address for posts"), name="posts_address"), form),
            rx.el.p(t(NO_HOME), class_name="small reason"),
        ),
        class_name="card section",
    )


def _synchronization() -> rx.Component:
    state = IntegrationState
    comes_in = rx.cond(
        state.posts,
        t("The CRM sends changes right away. Every 2 minutes the platform checks for missed ones."),
        t("The platform checks for changes every 10 seconds."),
    )
    exchanged = rx.cond(state.when != "", time_ago(state.when, state.exact), t("Never"))
    return rx.el.section(
        rx.el.h2(t("Synchronization")),
        rx.cond(
            state.is_synced | state.is_running,
            rx.el.p(comes_in, class_name="muted small"),
            rx.el.p(
                t("Check the mapping below, then start. Existing data triggers no rules."),
                class_name="muted small",
            ),
        ),
        rx.cond(state.phases.length() > 0, rx.el.ol(rx.foreach(state.phases, _phase), class_name="plain-list")),
        rx.cond(state.sync_words != "", rx.el.p(state.sync_words, role="status")),
        rx.cond(state.sync_error != "", notice(state.sync_error)),
        rx.el.p(t("Last exchange:"), " ", exchanged, class_name="small"),
        rx.cond(IS_ADMIN, _sync_buttons()),
        class_name="card section",
    )


def _sync_buttons() -> rx.Component:
    words = rx.cond(IntegrationState.is_synced, t("Synchronize now"), t("Start the first synchronization"))
    return rx.flex(
        rx.cond(
            IntegrationState.is_running,
            rx.button(t("Stop"), variant="soft", color_scheme="gray", on_click=IntegrationState.cancel),
            rx.button(rx.icon("refresh-cw", size=16), words, on_click=IntegrationState.synchronize),
        ),
        rx.cond(
            IntegrationState.is_running,
            rx.el.p(t("You can close this page. The import will continue."), class_name="muted small"),
        ),
        spacing="3",
        align="center",
    )


def _phase(line: rx.Var[PhaseLine]) -> rx.Component:
    icon = rx.match(
        line.state,
        ("done", rx.icon("circle-check", size=16, aria_hidden="true")),
        ("current", rx.icon("loader", size=16, aria_hidden="true")),
        rx.icon("circle", size=16, aria_hidden="true"),
    )
    words = rx.match(line.state, ("done", t("done")), ("current", t("being read")), t("to come"))
    return rx.el.li(
        icon,
        rx.el.span(line.name),
        rx.el.span(words, class_name="muted small"),
        rx.cond(line.count != "", rx.el.span(line.count, class_name="figure-small")),
        class_name="card-line",
    )


PAGES = [
    tenant_page("/integrations/[connection_id]", "Integration", show, IntegrationState.load, IntegrationState.watch)
]
