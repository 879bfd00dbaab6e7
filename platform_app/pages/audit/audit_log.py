"""Audit log: the page with what was done to accounts, access, secrets and settings."""

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import (
    columns,
    framed_table,
    listing,
    row_filter,
    select_filter,
    turn_pages,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, download_link, empty_state, time_ago
from platform_app.components.console.text import t
from platform_app.services.audit.audit_words import ACTIONS, OBJECTS
from platform_app.state.audit.audit_log import AuditLogState, AuditRow


def show() -> rx.Component:
    """Return the page on which owners and admins read the audit log and verify it."""
    return frame(
        rx.fragment(
            page_head(
                t("Audit log"),
                t("Who changed accounts, access, secrets and settings. Entries can’t be changed or deleted."),
                rx.cond(IS_ADMIN, download_link(t("Download CSV"), AuditLogState.download)),
            ),
            rx.cond(IS_ADMIN, _log(), empty_state(t("Only owners and admins can see the audit log."), icon="lock")),
        ),
        section="Settings",
    )


def _log() -> rx.Component:
    return rx.fragment(
        _verdict(),
        _filters(),
        listing(
            loaded=AuditLogState.loaded,
            total=AuditLogState.rows.length(),
            filtered=AuditLogState.is_filtered,
            table=rx.fragment(
                framed_table(
                    columns(t("When"), t("Who"), t("What was done"), t("IP address")),
                    rx.table.body(rx.foreach(AuditLogState.rows, _row)),
                ),
                turn_pages(AuditLogState.page, AuditLogState.has_more, AuditLogState.go_to_page),
            ),
            empty=empty_state(t("No entries yet."), icon="shield"),
        ),
    )


def _verdict() -> rx.Component:
    words = rx.el.p(
        AuditLogState.verdict,
        role="status",
        class_name=rx.cond(AuditLogState.has_fault, "small reason", "muted small"),
    )
    verify = rx.button(
        t("Verify|audit"),
        on_click=AuditLogState.verify,
        loading=AuditLogState.is_verifying,
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        size="1",
    )
    return rx.cond(
        AuditLogState.verdict != "", rx.flex(words, verify, spacing="3", align="center", padding_bottom="12px")
    )


def _filters() -> rx.Component:
    state = AuditLogState
    actions = [("all", t("All actions")), *((code, t(words)) for code, words in ACTIONS.items())]
    kinds = [("all", t("All objects")), *((code, t(words)) for code, words in OBJECTS.items())]
    everybody = t("Everyone|members")
    return rx.el.div(
        row_filter(t("Member"), everybody, state.members, value=state.member, on_change=state.filter_member),
        select_filter(t("Action|audit"), state.action, actions, state.filter_action),
        select_filter(t("Object|audit"), state.object, kinds, state.filter_object),
        date_input(value=state.first, label=t("First day"), on_change=state.set_first),
        date_input(value=state.last, label=t("Last day"), on_change=state.set_last),
        class_name="filters",
    )


def _row(entry: rx.Var[AuditRow]) -> rx.Component:
    return rx.table.row(
        rx.table.cell(time_ago(entry.when, entry.exact)),
        rx.table.cell(entry.who),
        rx.table.row_header_cell(
            rx.el.div(entry.action, " · ", entry.subject),
            rx.cond(entry.changes != "", rx.el.div(entry.changes, class_name="muted small")),
        ),
        rx.table.cell(entry.address, class_name="muted small"),
        align="center",
        key=entry.number,
    )


PAGES = [tenant_page("/settings/audit", "Audit log", show, AuditLogState.load)]
