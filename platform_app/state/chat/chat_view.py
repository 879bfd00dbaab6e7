"""Chat view: rows of conversations and messages for the test chat."""

import re
from dataclasses import dataclass
from datetime import datetime

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.state.console.send_gate_words import figure_words, gate_words

STATE_LABELS = {
    MessageState.PARTIAL: "Interrupted",
    MessageState.FAILED: "Failed",
    MessageState.STOPPED: "Stopped",
    MessageState.TO_APPROVE: "Awaiting approval",
    MessageState.DISCARDED: "Discarded",
    MessageState.HELD: "Held",
}
IN_PROGRESS = (MessageState.STREAMING, MessageState.DELAYED)
_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)


@dataclass
class ConversationRow:
    """A conversation in the list."""

    id: str
    title: str
    last_line: str
    when: str
    exact: str


@dataclass
class SourceChip:
    """A source under a reply."""

    number: int
    title: str
    chunk_ids: str  # of the passage, separated by spaces


@dataclass
class MessageRow:
    """A message."""

    id: str
    author: str  # contact, agent, member
    name: str
    text: str
    state: str
    state_label: str
    error: str
    when: str
    exact: str
    sources: list[SourceChip]
    can_retry: bool
    can_edit: bool
    has_trace: bool
    figures: str  # those of a sent text that stand in no source, as a sentence
    task: str  # what the agent was asked to write, of a held message that it has not written
    quick_replies: list[str]
    is_open: bool = False  # they can be chosen


def build_conversation_row(row: Conversation, who: Identity, language: str) -> ConversationRow:
    """Return the list row of a conversation."""
    return ConversationRow(
        id=row.id,
        title=row.title or translate(language, "New conversation"),
        last_line=row.last_line,
        when=relative_time(language, row.last_message_at, now(), who.time_zone),
        exact=exact_time(language, row.last_message_at, who.time_zone),
    )


def build_message_row(row: Message, who: Identity, language: str) -> MessageRow:
    """Return the row of a message."""
    words = STATE_LABELS.get(row.state, "")
    is_generated = row.author == Author.AGENT and bool(row.answers_id or row.task)  # not the text of a rule or sequence
    return MessageRow(
        id=row.id,
        author=row.author.value,
        name=row.author_name,
        text=row.text,
        state=row.state.value,
        state_label=translate(language, words) if words else "",
        error=translate(language, row.error) if row.error else gate_words(row.gate, language, who.time_zone),
        when=relative_time(language, row.created_at, now(), who.time_zone),
        exact=exact_time(language, row.created_at, who.time_zone),
        sources=source_chips(row),
        can_retry=row.author == Author.AGENT and row.answers_id is not None,
        can_edit=row.author == Author.CONTACT,
        has_trace=is_generated and row.finished_at is not None and not (row.task and not row.text),
        figures="" if row.gate.get("figures") else figure_words(row.figures, language),
        task=row.task if not row.text else "",
        quick_replies=row.quick_replies,
    )


def source_chips(row: Message) -> list[SourceChip]:
    """Return the sources under a message."""
    return [
        SourceChip(p["number"], p["source_title"], " ".join(p.get("joined") or [p["chunk_id"]])) for p in row.sources
    ]


def find_pending_reply(messages: list[Message], state: MessageState) -> Message | None:
    """Return the agent's reply in a state, or None."""
    return next((m for m in messages if m.author == Author.AGENT and m.state == state), None)


def seconds_left(due_at: datetime | None) -> int:
    """Return the seconds until a time, rounded up; 0 if it is past or None."""
    return max(0, -int((now() - due_at).total_seconds() // 1)) if due_at else 0


def split_blocks(text: str) -> tuple[list[str], str]:
    """Split streamed Markdown into finished blocks and the tail that may still change.

    Splits at blank lines outside code blocks, so that a state update carries the tail alone.
    """
    parts: list[str] = []
    held = ""
    for part in re.split(r"(?<=\n)[ \t]*\n", text):
        held += f"\n{part}" if held else part
        if len(_FENCE.findall(held)) % 2 == 0:
            parts.append(held)
            held = ""
    if held:
        return parts, held
    if len(parts) > 1 and not parts[-1].strip():  # the next block has not begun: the caret stays in the last one
        parts.pop()
    return parts[:-1], parts[-1] if parts else ""


def guided_script_lines(progress: list[tuple[str, int | None, int, list[str]]], language: str) -> list[str]:
    """Return the progress of guided scripts as sentences.

    `found` holds title, step from 0 (None if finished), number of steps and labels of the missing fields.
    """
    return [
        translate(language, "{title}: complete", title=title)
        if step is None
        else translate(
            language,
            "{title}: step {step} of {steps}, still needed: {wanted}",
            title=title,
            step=step + 1,
            steps=steps,
            wanted=", ".join(translate(language, words) for words in wanted),
        )
        for title, step, steps, wanted in progress
    ]
