"""Test bar: which agent answers in the test chat, its draft or a published version, and whom one acts as."""

from typing import Any

import reflex as rx

from platform_app.components.chat.sheets import Disclosure
from platform_app.components.console.parts import READ_ONLY, confirm, icon_button
from platform_app.components.console.picker import choice, picker
from platform_app.components.console.text import t
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.chat.test_context import NEW, NONE, ContextOption
from platform_app.state.console.base import CurrentUser

State = TestChatState


def test_bar() -> rx.Component:
    """Return the line above the conversation."""
    return rx.el.div(
        rx.link(
            rx.icon("arrow-left", size=16, aria_hidden="true"),
            href=f"/manage/{CurrentUser.slug}/test-chat",
            class_name="only-narrow",
            aria_label=t("All conversations"),
        ),
        Disclosure.create(
            _agent_sheet(),
            label=t("Agent"),
            shown=State.agent_name + " · " + _version_words(),
            hides_label=True,
        ),
        Disclosure.create(
            _context_sheet(),
            label=t("Acting as"),
            shown=rx.cond(State.acting_as != "", State.acting_as, t("a new visitor")),
            class_name="acting",
        ),
        rx.cond(State.is_live, rx.badge(t("Rules run"), color_scheme="blue", variant="surface", high_contrast=True)),
        rx.cond(
            (State.messages.length() > 0) & ~READ_ONLY,
            rx.flex(_clear(), _conversation_menu(), spacing="2", align="center", class_name="bar-end"),
        ),
        class_name="chat-bar test-bar",
    )


def test_note() -> rx.Component:
    """Return what a test does, and what it does not."""
    return rx.el.p(
        rx.cond(
            State.is_live,
            t("Test: rules and sequences run, and it counts in analytics. No contact is messaged."),
            t("Test: no rules or sequences run, it doesn’t count in analytics, and no contact is messaged."),
        ),
        class_name="muted small",
    )


def _version_words() -> Any:
    is_draft = State.use_draft | (State.agent_version == 0)
    return rx.cond(is_draft, t("Draft"), t("Version {number}", number=State.agent_version))


def _agent_sheet() -> rx.Component:
    return rx.fragment(
        _labeled(
            t("Agent"),
            picker(
                rx.foreach(State.agents, lambda agent: choice(agent.id, agent.name)),
                label=t("Agent that is tested"),
                shown=State.agent_name,
                value=State.agent,
                on_pick=State.select_agent,
            ),
        ),
        rx.cond(
            State.agent_version == 0,
            rx.el.p(t("This agent isn’t published yet: its draft answers."), class_name="muted small"),
            rx.el.fieldset(
                rx.el.legend(t("Answers with"), class_name="label"),
                _answers(t("Draft"), t("what is being edited"), is_draft=True),
                _answers(t("Version {number}", number=State.agent_version), t("what contacts get"), is_draft=False),
                class_name="choices",
            ),
        ),
    )


def _answers(words: Any, note: Any, *, is_draft: bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="radio",
            name="test-version",
            checked=State.use_draft if is_draft else ~State.use_draft,
            on_change=State.set_use_draft(is_draft),
            disabled=READ_ONLY,
        ),
        rx.el.span(words, " ", rx.el.span(note, class_name="muted small")),
        class_name="check",
    )


def _context_sheet() -> rx.Component:
    return rx.fragment(
        _context_picker(
            t("Contact"),
            State.contacts,
            choice(NONE, t("No contact")),
            choice(NEW, t("Create a test contact"), icon="plus"),
            shown=rx.cond(State.contact_name != "", State.contact_name, t("No contact")),
            value=State.contact,
            on_pick=State.select_contact,
        ),
        rx.cond(State.stages.length() > 0, rx.fragment(_lead_picker(), _stage_picker())),
        rx.el.label(
            rx.switch(checked=State.is_live, on_change=State.set_is_live, size="1", disabled=READ_ONLY),
            t("Run rules"),
            class_name="status",
        ),
        test_note(),
    )


def _lead_picker() -> rx.Component:
    return _context_picker(
        t("Lead"),
        State.leads,
        choice(NONE, t("No lead")),
        choice(NEW, t("Create a test lead"), icon="plus"),
        shown=rx.cond(State.lead_name != "", State.lead_name, t("No lead")),
        value=State.lead,
        on_pick=State.select_lead,
    )


def _stage_picker() -> rx.Component:
    return _context_picker(
        t("Stage"),
        State.stages,
        choice(NONE, t("Lead’s current stage")),
        shown=rx.cond(State.stage_name != "", State.stage_name, t("Lead’s current stage")),
        value=State.stage,
        on_pick=State.select_stage,
    )


def _context_picker(
    label: Any, options: rx.Var[list[ContextOption]], *first: rx.Component, **given: Any
) -> rx.Component:
    listed = rx.foreach(options, lambda option: choice(option.id, option.name, note=option.note))
    return _labeled(label, picker(*first, listed, label=label, **given))


def _labeled(label: Any, control: rx.Component) -> rx.Component:
    return rx.el.div(rx.el.span(label, class_name="label", aria_hidden="true"), control, class_name="field")


def _clear() -> rx.Component:
    return confirm(
        icon_button("eraser", t("Clear"), small=True),
        title=t("Clear the conversation?"),
        sentence=t("All messages will be deleted. This can’t be undone."),
        verb=t("Clear"),
        on_confirm=State.clear,
    )


def _conversation_menu() -> rx.Component:
    """Return the menu that hands the conversation off or closes it."""
    return rx.menu.root(
        rx.menu.trigger(icon_button("ellipsis", t("Actions for the conversation"), small=True)),
        rx.menu.content(
            rx.menu.item(t("Hand off to a person"), on_select=State.hand_off),
            rx.menu.item(t("Close the conversation"), on_select=State.close),
        ),
    )
