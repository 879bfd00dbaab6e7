"""Member dialogs: the invitation form, the link of an invitation, and confirmations on the members page."""

from typing import Any

import reflex as rx

from platform_app.components.console.confirmation import confirmation
from platform_app.components.console.copy_field import one_time_link
from platform_app.components.console.parts import RETURN_FOCUS, field
from platform_app.components.console.text import t
from platform_app.state.accounts.members import MembersState
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.option_lists import Option


def invitation_form() -> rx.Component:
    """Return the dialog with the form of a new invitation."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Invite a teammate"), size="4"),
            rx.dialog.description(
                t("They join with a single-use link that’s valid for 72 hours."), size="2", margin_bottom="16px"
            ),
            rx.el.form(
                field(
                    t("Email"),
                    rx.input(id="email", name="email", type="email", required=True, auto_complete="off"),
                    name="email",
                    problem=_problem("email"),
                ),
                field(t("Role"), _role_field(), name="role", help_text=_role_help(), problem=_problem("role")),
                rx.cond(MembersState.has_mail, _by_mail(), _no_mail()),
                rx.flex(
                    rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
                    rx.button(rx.cond(MembersState.by_mail, t("Send invitation"), t("Create link")), type="submit"),
                    spacing="3",
                    justify="end",
                ),
                on_submit=MembersState.invite,
                class_name="form",
                no_validate=True,
            ),
            max_width="480px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=MembersState.inviting,
        on_open_change=MembersState.open_form,
    )


def _problem(name: str) -> Any:
    return rx.cond(MembersState.problem_field == name, MembersState.problem, "")


def _role_field() -> rx.Component:
    options = {"viewer": "Viewer", "operator": "Operator", "admin": "Admin"}
    return rx.el.select(
        *(rx.el.option(t(words), value=code) for code, words in options.items()),
        rx.cond(CurrentUser.role == "owner", rx.el.option(t("Owner"), value="owner")),
        id="role",
        name="role",
        default_value="operator",
        class_name="native",
    )


def _role_help() -> Any:
    return t(
        "Viewers can only look. Operators do the daily work. Admins also manage members and "
        "integrations. Owners can do everything."
    )


def _by_mail() -> rx.Component:
    return rx.el.label(
        rx.switch(checked=MembersState.by_mail, on_change=MembersState.choose_by_mail),
        t("Send the link by email"),
        class_name="status",
    )


def _no_mail() -> rx.Component:
    words = t("You’ll get a link to send yourself, because the platform has no mail server.")
    return rx.el.div(rx.el.span(words, class_name="help"), class_name="field")


def invitation_link() -> rx.Component:
    """Return the dialog in which a link of an invitation or a password reset is revealed once."""
    is_invitation = MembersState.link_kind == "invitation"
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(is_invitation, t("Invitation link"), t("Password reset link")), size="4"),
            rx.dialog.description(
                rx.cond(
                    is_invitation,
                    t(
                        "Send it to {email} yourself. It works once and is valid for 72 hours.",
                        email=MembersState.link_for,
                    ),
                    t(
                        "Send it to {email} yourself. It works once and is valid for an hour.",
                        email=MembersState.link_for,
                    ),
                ),
                size="2",
            ),
            rx.el.div(
                one_time_link(t("Link"), t("You won’t see it again. You can create a new one later.")),
                rx.flex(rx.dialog.close(rx.button(t("Close"))), justify="end"),
                class_name="form",
                margin_top="16px",
            ),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=MembersState.link_for != "",
        on_open_change=MembersState.close_link,
    )


def _confirmations() -> dict[str, tuple[Any, Any, Any]]:
    """Return title, sentence and verb of the confirmation dialog by action."""
    name = MembersState.asked_name
    return {
        "disable": (
            t("Disable {name}?", name=name),
            t("They’re signed out right away and can’t sign in until you enable them."),
            t("Disable"),
        ),
        "remove": (
            t("Remove {name}?", name=name),
            t("They’re signed out right away and lose access. Their account and content are kept."),
            t("Remove member"),
        ),
        "hand_over": (
            t("Make {name} the owner?", name=name),
            t("They’ll get full control and you’ll become an admin. Only they can transfer it back."),
            t("Transfer"),
        ),
        "reset_two_factor": (
            t("Reset the two-factor of {name}?", name=name),
            t("They’ll be signed out and can sign in with just a password. Do this only if they asked you."),
            t("Reset"),
        ),
        "revoke": (
            t("Revoke {name}’s invitation?", name=name),
            t("The link stops working right away."),
            t("Revoke"),
        ),
    }


def member_confirmation() -> rx.Component:
    """Return the confirmation dialog of the action that was chosen."""
    title, sentence, verb = (
        rx.match(MembersState.asked, *((action, words[part]) for action, words in _confirmations().items()), "")
        for part in range(3)
    )
    return confirmation(
        rx.cond(MembersState.assigned_words != "", _successor()),
        title=title,
        sentence=sentence,
        verb=verb,
        on_confirm=MembersState.confirm,
        is_open=MembersState.asked != "",
        on_close=MembersState.close_question,
    )


def _successor() -> rx.Component:
    def option(one: rx.Var[Option]) -> rx.Component:
        return rx.el.option(one.name, value=one.id)

    chosen = rx.el.select(
        rx.el.option(t("No one"), value=""),
        rx.foreach(MembersState.successors, option),
        id="successor",
        value=MembersState.successor,
        on_change=MembersState.choose_successor,
        class_name="native",
    )
    assigned = t("Assigned to them: {words}.", words=MembersState.assigned_words)
    return rx.box(field(t("Transfer to"), chosen, name="successor", help_text=assigned), margin_top="16px")
