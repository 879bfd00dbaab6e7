"""Chat view: conversations, messages and traces as the test chat shows them."""

from dataclasses import dataclass
from typing import Any

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.conversation import Author, Conversation, Message, MessageState, Trace
from platform_app.models.person import Identity

STATE_WORDS = {
    MessageState.PARTIAL: "Broke off",
    MessageState.FAILED: "Failed",
    MessageState.STOPPED: "Stopped",
    MessageState.TO_APPROVE: "Waits for approval",
    MessageState.DISCARDED: "Discarded",
}


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
    chunk_id: str


@dataclass
class MessageRow:
    """A message."""

    id: str
    author: str  # contact, agent, member
    name: str
    text: str
    state: str
    state_words: str
    error: str
    when: str
    exact: str
    sources: list[SourceChip]
    can_retry: bool
    can_edit: bool
    has_trace: bool


@dataclass
class TracePassage:
    """A passage in the trace."""

    title: str
    text: str
    scores: str
    used: bool


@dataclass
class Pair:
    """A name with its value."""

    name: str
    value: str


@dataclass
class Bar:
    """A length of time."""

    name: str
    value: str
    width: str


def conversation_row(row: Conversation, who: Identity, language: str) -> ConversationRow:
    """Return a conversation for the list."""
    return ConversationRow(
        id=row.id,
        title=row.title or translate(language, "New conversation"),
        last_line=row.last_line,
        when=relative_time(language, row.last_message_at, now()),
        exact=exact_time(language, row.last_message_at, who.time_zone),
    )


def message_row(row: Message, who: Identity, language: str) -> MessageRow:
    """Return a message for the page."""
    words = STATE_WORDS.get(row.state, "")
    over = row.state not in (MessageState.STREAMING, MessageState.DELAYED)
    return MessageRow(
        id=row.id,
        author=row.author.value,
        name=row.author_name,
        text=row.text,
        state=row.state.value,
        state_words=translate(language, words) if words else "",
        error=translate(language, row.error) if row.error else "",
        when=relative_time(language, row.created_at, now()),
        exact=exact_time(language, row.created_at, who.time_zone),
        sources=[SourceChip(p["number"], p["source_title"], p["chunk_id"]) for p in row.sources],
        can_retry=row.author == Author.AGENT and over,
        can_edit=row.author == Author.CONTACT,
        has_trace=row.author == Author.AGENT and over and bool(row.finished_at),
    )


def trace_passages(trace: Trace, language: str) -> list[TracePassage]:
    """Return the passages that were considered."""
    return [
        TracePassage(
            title=p["source_title"],
            text=p["text"],
            scores=translate(
                language,
                "score {score} · words {words} · vector {vector}",
                score=f"{p['score']:.2f}",
                words=f"{p['lexical_score']:.2f}",
                vector=f"{p['vector_score']:.2f}",
            ),
            used=bool(p["used"]),
        )
        for p in trace.data.get("passages", [])
    ]


def trace_pairs(trace: Trace, language: str) -> list[Pair]:
    """Return the facts of a trace as names and values."""
    data = trace.data
    own = data.get("settings", {})
    version = data.get("version", 0)
    cost = translate(language, "not known") if trace.cost is None else f"${trace.cost:.4f}"
    pairs = [
        ("Version", str(version) if version else translate(language, "Draft")),
        ("Model", trace.model),
        ("Temperature", f"{own.get('temperature', 0):g}"),
        ("Tokens asked", str(trace.prompt_tokens)),
        ("Tokens written", str(trace.completion_tokens)),
        ("Cost", cost),
        ("Ended because", str(data.get("finish_reason") or "—")),
        ("Earlier messages used", str(data.get("history", 0))),
        ("Tries", str(data.get("tries", 0))),
    ]
    if data.get("degraded"):
        pairs.append(("Retrieval", translate(language, "without the vector index")))
    return [Pair(translate(language, name), value) for name, value in pairs]


def trace_bars(trace: Trace, language: str) -> list[Bar]:
    """Return the parts of the time as bars."""
    spent: dict[str, Any] = trace.data.get("milliseconds", {})
    longest = max(1, trace.total_ms, *(int(value) for value in spent.values()))
    named = [
        ("Retrieval", spent.get("retrieval", 0)),
        ("Preparation", spent.get("preparation", 0)),
        ("First word", spent.get("first_token", 0)),
        ("Model", spent.get("model", 0)),
        ("Altogether", trace.total_ms),
    ]
    return [
        Bar(
            translate(language, name),
            translate(language, "{count} ms", count=value),
            f"{round(100 * value / longest)}%",
        )
        for name, value in named
    ]
