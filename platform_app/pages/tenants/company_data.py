"""Company data: the page on which an owner exports the data of the company, or asks for its deletion."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import RETURN_FOCUS, download_link, field, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.tenants.company_data import CompanyDataState, ExportRow

IS_OWNER = CurrentUser.role == "owner"


def show() -> rx.Component:
    """Return the page with the company's data."""
    return frame(
        rx.fragment(
            page_head(t("Company data")),
            rx.cond(CompanyDataState.loaded, rx.el.div(_export(), _deletion(), class_name="form"), skeleton_rows()),
        ),
        section="Settings",
    )


def _export() -> rx.Component:
    export = rx.box(rx.button(t("Export all data"), on_click=CompanyDataState.export), margin_top="12px")
    return rx.el.section(
        rx.el.h2(t("Export")),
        rx.el.p(
            t(
                "A ZIP file with the rows of every table as JSON lines, the uploaded files and a manifest. "
                "Passwords, keys and tokens are left out, and addresses of webhooks, tools and providers after the "
                "host. It is kept for 7 days."
            ),
            class_name="muted",
        ),
        rx.cond(IS_OWNER, export, rx.el.p(t("Only an owner can export it."), class_name="muted small")),
        rx.cond(
            CompanyDataState.exports.length() > 0,
            rx.el.ul(rx.foreach(CompanyDataState.exports, _exported), class_name="updates"),
        ),
        class_name="card section",
    )


def _exported(row: rx.Var[ExportRow]) -> rx.Component:
    return rx.el.li(
        status(row.color, row.state),
        rx.el.span(
            row.who,
            rx.cond(row.details != "", rx.el.div(row.details, class_name="muted small")),
            rx.cond(row.until != "", rx.el.div(row.until, class_name="muted small")),
            class_name="update-words",
        ),
        rx.cond(row.address != "", download_link(t("Download"), row.address)),
        time_ago(row.when, row.exact),
        key=row.id,
    )


def _deletion() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Delete the company")),
        rx.el.p(
            t(
                "Conversations, contacts, leads, agents, knowledge and files of the company will be deleted "
                "7 days after an owner asks for it. Until then everything works, and an owner can cancel the deletion."
            ),
            class_name="muted",
        ),
        rx.cond(
            CompanyDataState.deletion != "",
            rx.fragment(
                rx.el.p(t("Everything will be deleted on {when}.", when=CompanyDataState.deletion), role="status"),
                rx.cond(
                    IS_OWNER, rx.box(rx.button(t("Cancel the deletion"), on_click=CompanyDataState.cancel_deletion))
                ),
            ),
            rx.cond(
                IS_OWNER,
                rx.box(
                    rx.button(
                        t("Delete the company…"),
                        on_click=CompanyDataState.set_open(True),
                        color_scheme="red",
                        variant="soft",
                        high_contrast=True,
                    ),
                    margin_top="12px",
                ),
                rx.el.p(t("Only an owner can ask for it."), class_name="muted small"),
            ),
        ),
        _dialog(),
        class_name="card section",
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Delete “{company}”?", company=CurrentUser.tenant_name), size="4"),
            rx.dialog.description(
                t("All data of the company will be deleted in 7 days. After that it can’t be restored."),
                size="2",
                margin_bottom="16px",
            ),
            rx.el.form(
                _input("company", t("Type the company’s name: {company}", company=CurrentUser.tenant_name)),
                _input("password", t("Your password"), type="password", auto_complete="current-password"),
                rx.cond(
                    CompanyDataState.has_code,
                    _input("code", t("Code from the app"), auto_complete="one-time-code", max_length=40),
                ),
                rx.cond(
                    (CompanyDataState.problem != "") & (CompanyDataState.problem_field == ""),
                    rx.el.p(CompanyDataState.problem, class_name="problem", role="alert"),
                ),
                rx.flex(
                    rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
                    rx.button(t("Delete in 7 days"), type="submit", color_scheme="red", loading=CompanyDataState.busy),
                    spacing="3",
                    justify="end",
                ),
                on_submit=CompanyDataState.request_deletion,
                class_name="form",
                no_validate=True,
            ),
            max_width="480px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=CompanyDataState.is_open,
        on_open_change=CompanyDataState.set_open,
    )


def _input(name: str, label: Any, **props: Any) -> rx.Component:
    is_wrong = CompanyDataState.problem_field == name
    control = rx.input(id=name, name=name, required=True, **({"auto_complete": "off"} | props))
    return field(label, control, name=name, problem=rx.cond(is_wrong, CompanyDataState.problem, ""))


PAGES = [tenant_page("/settings/data", "Company data", show, CompanyDataState.load, CompanyDataState.watch)]
