"""Members: the members of the tenant and its open invitations."""

import reflex as rx

from platform_app.components.accounts.member_dialogs import invitation_form, invitation_link, member_confirmation
from platform_app.components.accounts.role_words import role_select_items, role_words
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, row_menu
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.accounts.members import InvitationRow, MemberRow, MembersState
from platform_app.state.console.base import CurrentUser


def show() -> rx.Component:
    """Return the page on which members see their colleagues, and admins invite them and change roles."""
    return frame(
        rx.fragment(
            page_head(
                t("Members"),
                t("People in your company and what they can do."),
                rx.cond(IS_ADMIN, _invite_button()),
            ),
            rx.cond(
                rx.State.is_hydrated & MembersState.loaded,
                rx.el.div(_members(), rx.cond(IS_ADMIN, _invitations()), class_name="stack"),
                skeleton_rows(),
            ),
            rx.cond(IS_ADMIN, rx.fragment(invitation_form(), invitation_link(), member_confirmation())),
        ),
        section="Settings",
    )


def _invite_button() -> rx.Component:
    return rx.button(rx.icon("user-plus", size=16), t("Invite"), on_click=MembersState.open_form(True))


def _members() -> rx.Component:
    heads = (t("Member"), t("Role"), t("State"), t("Last seen"))
    return rx.el.div(
        framed_table(
            rx.cond(IS_ADMIN, columns(*heads, None), columns(*heads)),
            rx.table.body(rx.foreach(MembersState.rows, _member)),
            label=t("Members"),
        ),
        rx.el.span(MembersState.total_words, class_name="muted small"),
        class_name="stack-small",
    )


def _member(row: rx.Var[MemberRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            rx.el.span(row.name, rx.cond(row.is_me, rx.el.span(t(" (you)"), class_name="muted"))),
            rx.el.div(row.email, class_name="muted small"),
        ),
        rx.table.cell(rx.cond(row.may_change, _role_select(row), role_words(row.role))),
        rx.table.cell(
            rx.cond(row.is_disabled, status("red", t("No access")), status(row.colour, row.availability)),
            rx.cond(row.two_factor, rx.el.div(t("Two-factor is on"), class_name="muted small")),
        ),
        rx.table.cell(
            rx.cond(
                row.seen != "", time_ago(row.seen, row.seen_exact), rx.el.span(t("Never"), class_name="muted small")
            )
        ),
        rx.cond(IS_ADMIN, rx.table.cell(rx.cond(row.may_change & ~row.is_me, _member_menu(row)))),
        align="center",
        key=row.id,
    )


def _role_select(row: rx.Var[MemberRow]) -> rx.Component:
    return rx.select.root(
        rx.select.trigger(aria_label=t("Role of {name}", name=row.name)),
        rx.select.content(*role_select_items()),
        value=row.role,
        on_change=lambda role: MembersState.change_role(row.id, role),
    )


def _member_menu(row: rx.Var[MemberRow]) -> rx.Component:
    hand_over = rx.menu.item(t("Transfer ownership…"), on_select=MembersState.ask("hand_over", row.id))
    return rx.flex(
        row_menu(
            row.name,
            rx.cond((CurrentUser.role == "owner") & ~row.is_disabled, hand_over),
            rx.cond(
                MembersState.has_mail,
                rx.menu.item(t("Email a password reset link"), on_select=MembersState.reset_password(row.id, True)),
                rx.menu.item(t("Create a password reset link"), on_select=MembersState.reset_password(row.id, False)),
            ),
            rx.cond(
                row.two_factor,
                rx.menu.item(t("Reset two-factor…"), on_select=MembersState.ask("reset_two_factor", row.id)),
            ),
            rx.cond(
                row.is_disabled,
                rx.menu.item(t("Enable"), on_select=MembersState.enable(row.id)),
                rx.menu.item(t("Disable…"), on_select=MembersState.ask("disable", row.id)),
            ),
            rx.menu.separator(),
            rx.menu.item(t("Remove…"), color_scheme="red", on_select=MembersState.ask("remove", row.id)),
        ),
        justify="end",
    )


def _invitations() -> rx.Component:
    return rx.cond(
        MembersState.invited.length() > 0,
        rx.el.section(
            rx.el.h2(t("Invitations")),
            framed_table(
                columns(t("Email"), t("Role"), t("Invited by"), t("State"), t("Expires"), None),
                rx.table.body(rx.foreach(MembersState.invited, _invitation)),
                label=t("Invitations"),
            ),
            class_name="section",
        ),
    )


def _invitation(row: rx.Var[InvitationRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row.email, class_name="whole"),
        rx.table.cell(role_words(row.role)),
        rx.table.cell(row.inviter),
        rx.table.cell(
            status(row.colour, row.state),
            rx.cond(row.error != "", rx.el.div(row.error, class_name="muted small")),
        ),
        rx.table.cell(rx.el.span(row.until, class_name="muted small whole")),
        rx.table.cell(_invitation_menu(row)),
        align="center",
        key=row.id,
    )


def _invitation_menu(row: rx.Var[InvitationRow]) -> rx.Component:
    again = rx.menu.item(t("Resend"), on_select=MembersState.renew(row.id, True))
    return rx.flex(
        row_menu(
            row.email,
            rx.cond(MembersState.has_mail, again),
            rx.menu.item(t("Create a new link"), on_select=MembersState.renew(row.id, False)),
            rx.menu.separator(),
            rx.menu.item(t("Revoke…"), color_scheme="red", on_select=MembersState.ask("revoke", row.id)),
        ),
        justify="end",
    )


PAGES = [tenant_page("/settings/members", "Members", show, MembersState.load, MembersState.watch)]
