"""Invitation: the page that the link of an invitation opens."""

import reflex as rx

from platform_app.components.accounts.entry import entry_input, entry_page, entry_problem, entry_submit, other_person
from platform_app.components.accounts.link_reader import link_reader
from platform_app.components.accounts.role_words import role_words
from platform_app.components.console.page import Page
from platform_app.components.console.text import t
from platform_app.services.accounts.invitations import PAGE
from platform_app.state.accounts.invitation import InvitationState


def show() -> rx.Component:
    """Return the page that an invitation link opens: who is invited to which tenant, and how to join."""
    return entry_page(
        rx.cond(
            rx.State.is_hydrated,
            rx.fragment(
                rx.match(
                    InvitationState.view,
                    ("loading", _loading()),
                    ("refused", _refused()),
                    _offer(),
                ),
                link_reader(InvitationState.open_link),
            ),
            _loading(),
        ),
    )


def _loading() -> rx.Component:
    return rx.el.div(rx.el.h1(t("Invitation")), rx.el.p(t("Loading"), class_name="muted small"), aria_busy="true")


def _refused() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Invitation")),
        rx.callout(InvitationState.refusal, icon="circle-alert", color_scheme="red", role="alert", size="1"),
        rx.box(rx.link(t("Sign in"), href="/sign-in", size="2", underline="always"), margin_top="18px"),
    )


def _offer() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Join {tenant}", tenant=InvitationState.tenant_name)),
        rx.el.p(
            t("{inviter} invited {email}. Role: ", inviter=InvitationState.inviter, email=InvitationState.email),
            role_words(InvitationState.role),
            ".",
            class_name="muted small",
        ),
        rx.match(
            InvitationState.view,
            ("register", _registration()),
            ("sign_in", _way_to_sign_in()),
            ("join", _joining()),
            _other_person(),
        ),
    )


def _registration() -> rx.Component:
    return rx.el.form(
        entry_input(InvitationState, "name", t("Your name"), complete="name"),
        entry_input(
            InvitationState,
            "password",
            t("Password"),
            t("At least 8 characters."),
            kind="password",
            complete="new-password",
        ),
        rx.el.input(type="hidden", name="username", value=InvitationState.email, auto_complete="username"),
        entry_problem(InvitationState),
        entry_submit(InvitationState, t("Create account and join")),
        on_submit=InvitationState.register,
        method="post",
        class_name="form",
    )


def _way_to_sign_in() -> rx.Component:
    return rx.el.div(
        rx.el.p(t("You have an account with this address. Sign in to join.")),
        rx.link(rx.button(t("Sign in"), size="3"), href=f"/sign-in?next={PAGE}"),
    )


def _joining() -> rx.Component:
    return rx.el.div(
        rx.el.p(t("You are signed in as {email}.", email=InvitationState.signed_in_as)),
        entry_problem(InvitationState),
        rx.button(t("Join"), on_click=InvitationState.join, size="3"),
        class_name="form",
    )


def _other_person() -> rx.Component:
    words = t(
        "This invitation is for {email}. You are signed in as {other}.",
        email=InvitationState.email,
        other=InvitationState.signed_in_as,
    )
    return other_person(words)


PAGES = [Page(PAGE, "Invitation", show, [InvitationState.load])]
