"""Composer: where a member writes to the contact, or a note to other members."""

from typing import Any

import reflex as rx

from platform_app.components.chat.composer import Composer
from platform_app.components.chat.message import quiet_button, source_chip
from platform_app.components.console.parts import READ_ONLY, problem_line
from platform_app.components.console.picker import choice, group, picker, text_picker
from platform_app.components.console.text import t
from platform_app.components.inbox.template_form import template_form, window_line
from platform_app.llm.rewriting import Style
from platform_app.services.inbox.rewriting import OFFLINE
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.console.base import CurrentUser
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.drafting import DraftingState
from platform_app.state.inbox.presence import PresenceState
from platform_app.state.inbox.rewriting import RewritingState
from platform_app.state.inbox.template_message import TemplateMessageState


def composer() -> rx.Component:
    """Return the composer, or why nothing can be written."""
    return rx.cond(
        READ_ONLY,
        rx.el.p(t("You have view-only access."), class_name="muted chat-foot"),
        rx.el.div(
            rx.cond(DraftingState.suggestion_state != "", _suggestion()),
            rx.el.div(
                _mode("reply", t("Reply"), default_checked=True),
                _mode("note", t("Note")),
                rx.spacer(),
                _sources_of_text(),
                role="radiogroup",
                aria_label=t("What to write"),
                class_name="modes",
            ),
            rx.el.div(_reply(), _rewriting(), class_name="reply-form"),
            _quick_replies(),
            rx.el.div(_note(), class_name="note-form"),
            class_name="writing",
        ),
    )


def _mode(name: str, words: rx.Var[str], **props: Any) -> rx.Component:
    """Return the radio button of a mode; the style sheet shows the form of the one that is chosen, at once."""
    return rx.el.label(
        rx.el.input(type="radio", name="writing", value=name, id=f"write-{name}", **props), words, class_name="mode"
    )


def _reply() -> rx.Component:
    return rx.cond(
        InboxState.state == "closed",
        _closed(),
        rx.cond(
            InboxState.is_opted_out & ~InboxState.despite_opt_out,
            _opted_out(),
            rx.cond(TemplateMessageState.is_closed, template_form(), _free_text()),
        ),
    )


def _free_text() -> rx.Component:
    return rx.fragment(
        window_line(),
        _form(
            "reply",
            Composer.create(
                label=t("Message"),
                hint=t("Write to the contact… Enter to send, Shift+Enter for a new line"),
                insert_text=DraftingState.insert_text,
                insert_count=DraftingState.insert_count,
                rewrite_key=_draft_key(RewritingState.conversation_id, "reply"),
                is_rewriting=RewritingState.is_running,
                live_text=RewritingState.live_text,
                replace_text=RewritingState.text,
                replace_count=RewritingState.count,
                **_kept("reply"),
            ),
            rx.button(rx.icon("arrow-up", size=16), t("Send"), type="submit"),
        ),
    )


def _quick_replies() -> rx.Component:
    """Return the field of a message's quick replies, folded at first; the form of the reply sends it."""
    is_free_text = (InboxState.state != "closed") & ~TemplateMessageState.is_closed
    is_asked = InboxState.is_opted_out & ~InboxState.despite_opt_out
    return rx.cond(is_free_text & ~is_asked, rx.el.div(_quick_replies_field(), class_name="reply-extra"))


def _quick_replies_field() -> rx.Component:
    return rx.el.details(
        rx.el.summary(t("Quick replies"), class_name="small"),
        rx.el.textarea(
            name="quick_replies",
            form="write-reply-form",
            rows=3,
            max_length=1_000,
            aria_label=t("Quick replies, one per line"),
            aria_describedby="quick-replies-help",
            class_name="native wide",
        ),
        rx.el.p(
            t("Up to 10, one per line, 40 characters each. The contact answers with one press."),
            id="quick-replies-help",
            class_name="muted small",
        ),
        problem_line(InboxState.quick_replies_problem),
        open=InboxState.quick_replies_problem != "",
        class_name="quick-replies-field",
        key=InboxState.current + InboxState.sent_count.to_string(),
    )


def _note() -> rx.Component:
    return _form(
        "note",
        Composer.create(label=t("Note"), hint=t("Note for your team. Type @ to mention someone"), **_kept("note")),
        rx.button(rx.icon("sticky-note", size=16), t("Add note"), type="submit"),
    )


def _kept(mode: str) -> dict[str, Any]:
    """Return the properties with which unsent text is kept for a conversation and a mode."""
    return {
        "draft_key": _draft_key(InboxState.current, mode),
        "sent_count": InboxState.sent_count,
        "failed_count": InboxState.failed_count,
        "last_sent": InboxState.last_sent,
        "on_typing": PresenceState.typing(mode),
    }


def _draft_key(conversation_id: rx.Var[str], mode: str) -> str:
    return f"inbox/{CurrentUser.slug}/{conversation_id}/{mode}"


def _form(mode: str, field: rx.Component, button: rx.Component) -> rx.Component:
    return rx.el.form(
        field,
        button,
        id=f"write-{mode}-form",
        on_submit=InboxState.send if mode == "reply" else InboxState.add_note,
        reset_on_submit=False,  # the text stays until the server has it
        class_name="compose",
    )


def _sources_of_text() -> rx.Component:
    """Return the list of scripts, the menu that rewrites the text, and the button that asks for a suggestion."""
    return rx.fragment(
        rx.cond(
            (DraftingState.scripts.length() > 0) & ~RewritingState.is_running,
            picker(
                rx.foreach(DraftingState.scripts, lambda one: choice(one.id, one.title, note=one.preview)),
                label=t("Insert a script"),
                shown=t("Insert a script"),
                value="",
                on_pick=DraftingState.insert_script,
            ),
        ),
        rx.cond(~RewritingState.is_running & (InboxState.state != "closed"), _rewrite_menu()),
        rx.cond(
            DraftingState.suggestion_state != "writing",
            rx.button(
                rx.icon("sparkles", size=14),
                t("Suggest a reply"),
                on_click=DraftingState.suggest,
                size="1",
                variant="soft",
                type="button",
            ),
        ),
    )


def _rewrite_menu() -> rx.Component:
    """Return the menu that has the model rewrite the text in the field; without such a model its button says why."""
    return rx.el.div(
        rx.cond(
            RewritingState.is_available,
            text_picker(
                choice(Style.SHORTER.value, t("Shorter")),
                choice(Style.FRIENDLIER.value, t("Friendlier")),
                rx.cond(
                    RewritingState.contact_language != "",
                    choice(
                        Style.TRANSLATE.value,
                        t("Into the contact’s language: {language}", language=RewritingState.contact_language),
                    ),
                ),
                group(
                    t("Translate into"),
                    rx.foreach(RewritingState.languages, lambda language: choice(language.id, language.name)),
                ),
                label=t("Rewrite"),
                text_of=".reply-form textarea",
                on_pick=RewritingState.rewrite,
            ),
            rx.el.button(
                t("Rewrite"),
                type="button",
                on_click=RewritingState.explain,
                title=t(OFFLINE),
                class_name="native picker-button",
                custom_attrs={"aria-disabled": "true"},
            ),
        ),
        class_name="of-reply",
    )


def _rewriting() -> rx.Component:
    """Return what the rewriting does, the way back to the text before, or why it failed."""
    state = RewritingState
    return rx.el.div(
        rx.cond(
            state.is_running,
            rx.fragment(
                rx.el.span(t("Rewriting…"), class_name="muted small", role="status"),
                quiet_button(t("Stop"), state.stop),
            ),
            rx.cond(
                state.can_undo & (state.sent_mark == InboxState.sent_count),
                rx.fragment(
                    rx.el.span(t("Rewritten."), class_name="muted small", role="status"),
                    quiet_button(t("Restore my text"), state.undo),
                ),
            ),
        ),
        problem_line(state.problem),
        class_name="below-field",
    )


def _suggestion() -> rx.Component:
    """Return the agent's suggestion: as it grows, finished, or why there is none."""
    state = DraftingState
    return rx.el.section(
        rx.el.header(
            rx.el.strong(t("Suggestion of {name}", name=state.suggestion_name)),
            rx.match(
                state.suggestion_state,
                ("writing", rx.el.span(t("Writing"), class_name="muted small", role="status")),
                ("failed", rx.badge(t("Failed"), color_scheme="red", variant="surface", high_contrast=True)),
                rx.fragment(),
            ),
            class_name="message-head",
        ),
        rx.cond(state.suggestion_text != "", rx.el.div(state.suggestion_text, class_name="bubble plain")),
        rx.cond(state.suggestion_figures != "", rx.el.p(state.suggestion_figures, class_name="warning small")),
        rx.cond(state.suggestion_error != "", rx.el.p(state.suggestion_error, class_name="problem-text small")),
        rx.cond(
            state.suggestion_sources.length() > 0,
            rx.el.ul(rx.foreach(state.suggestion_sources, source_chip), class_name="chips"),
        ),
        rx.flex(
            rx.cond(
                (state.suggestion_state != "writing") & (state.suggestion_text != "") & ~RewritingState.is_running,
                rx.fragment(
                    rx.button(t("Use this text"), on_click=state.use_suggestion, size="1", type="button"),
                    quiet_button(t("Why this reply?"), ChatPanelState.show_trace(state.suggestion_id)),
                ),
            ),
            quiet_button(
                rx.cond(state.suggestion_state == "writing", t("Stop"), t("Discard")), state.dismiss_suggestion
            ),
            spacing="4",
            align="center",
        ),
        class_name="suggestion",
        aria_label=t("Suggestion"),
    )


def _closed() -> rx.Component:
    return rx.flex(
        t("This conversation is closed."),
        quiet_button(t("Reopen"), InboxState.close),
        spacing="3",
        align="center",
        class_name="chat-foot",
    )


def _opted_out() -> rx.Component:
    return rx.flex(
        t("This contact opted out of messages."),
        quiet_button(t("Write anyway"), InboxState.confirm_opt_out),
        spacing="3",
        align="center",
        wrap="wrap",
        class_name="chat-foot",
    )
