"""Contact panel: the contact of the open conversation, at its right."""

import reflex as rx

from platform_app.components.console.parts import READ_ONLY, icon_button, row_link, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.leads import LeadRow
from platform_app.state.inbox.contact_panel import ContactPanelState, EarlierConversation, PanelTask
from platform_app.state.sequences.enrollments import EnrollmentRow

HOME = f"/manage/{CurrentUser.slug}"


def contact_panel() -> rx.Component:
    """Return the panel; without a contact it says so."""
    return rx.el.aside(
        rx.el.span(
            icon_button("x", t("Hide the contact"), ContactPanelState.toggle), class_name="only-medium panel-close"
        ),
        rx.cond(
            ContactPanelState.contact_id != "",
            rx.fragment(
                _contact(),
                rx.cond(ContactPanelState.rating != "", _rating()),
                _section(t("Leads"), ContactPanelState.leads, _lead, t("No leads.")),
                _section(t("Open tasks"), ContactPanelState.tasks, _task, t("No open tasks.")),
                _section(t("Sequences"), ContactPanelState.enrollments, _enrollment, t("Not in any sequence.")),
                _section(
                    t("Other conversations"),
                    ContactPanelState.conversations,
                    _conversation,
                    t("No other conversations."),
                ),
            ),
            rx.el.p(t("This conversation has no contact."), class_name="muted small"),
        ),
        class_name="inbox-panel",
        aria_label=t("Contact"),
    )


def _contact() -> rx.Component:
    return rx.el.section(
        rx.el.h3(row_link(ContactPanelState.name, f"{HOME}/contacts/{ContactPanelState.contact_id}")),
        rx.el.ul(
            rx.foreach(ContactPanelState.phones, lambda one: rx.el.li(one)),
            rx.foreach(ContactPanelState.emails, lambda one: rx.el.li(one, class_name="break")),
            class_name="plain-list small",
        ),
        rx.cond(
            ContactPanelState.source != "",
            rx.el.p(
                t("Came from the link “{source}”", source=ContactPanelState.source), class_name="muted small break"
            ),
        ),
        rx.cond(
            ContactPanelState.tags.length() > 0,
            rx.flex(
                rx.foreach(
                    ContactPanelState.tags,
                    lambda tag: rx.badge(tag, color_scheme="gray", variant="surface", high_contrast=True),
                ),
                spacing="2",
                wrap="wrap",
            ),
        ),
        _opt_out(),
    )


def _rating() -> rx.Component:
    comment = ContactPanelState.rating_comment
    return rx.el.section(
        rx.el.h3(t("Rating of this conversation")),
        rx.el.p(ContactPanelState.rating),
        rx.cond(comment != "", rx.el.p(comment, class_name="muted small break")),
    )


def _opt_out() -> rx.Component:
    is_out = ContactPanelState.opt_out != ""
    return rx.fragment(
        rx.cond(
            is_out,
            rx.el.div(
                status("red", t("Opted out")),
                rx.el.p(ContactPanelState.opt_out, class_name="muted small"),
                class_name="small",
            ),
        ),
        rx.cond(
            ~READ_ONLY,
            rx.button(
                rx.cond(is_out, t("Allow messages again"), t("Opt out of messages")),
                on_click=ContactPanelState.set_opt_out(~is_out),
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            ),
        ),
    )


def _section(title: rx.Var[str], rows: rx.Var, line: object, nothing: rx.Var[str]) -> rx.Component:
    return rx.el.section(
        rx.el.h3(title),
        rx.cond(
            rows.length() > 0,
            rx.el.ul(rx.foreach(rows, line), class_name="plain-list"),
            rx.el.p(nothing, class_name="muted small"),
        ),
    )


def _lead(row: rx.Var[LeadRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            row_link(row.title, f"{HOME}/leads/{row.id}"),
            rx.el.div(row.stage, rx.cond(row.budget != "", f" · {row.budget}", ""), class_name="muted small"),
            class_name="grow",
        ),
        class_name="card-line",
    )


def _task(row: rx.Var[PanelTask]) -> rx.Component:
    return rx.el.li(
        rx.el.span(row.text, class_name="grow break"),
        rx.cond(
            row.due != "", rx.el.span(row.due, class_name=rx.cond(row.is_late, "problem-text small", "muted small"))
        ),
        class_name="card-line",
    )


def _enrollment(row: rx.Var[EnrollmentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            row_link(row.sequence, f"{HOME}/sequences/enrollments/{row.id}"),
            rx.cond(row.step != "", rx.el.div(row.step, class_name="muted small")),
            rx.el.div(
                status(row.colour, row.words),
                rx.cond(row.due != "", time_ago(row.due, row.due_exact)),
                class_name="inbox-line small",
            ),
            class_name="grow",
        ),
        class_name="card-line",
    )


def _conversation(row: rx.Var[EarlierConversation]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            row_link(row.title, f"{HOME}{row.path}"),
            rx.el.div(row.channel, " · ", time_ago(row.when, row.exact), class_name="muted small"),
            class_name="grow",
        ),
        class_name="card-line",
    )
