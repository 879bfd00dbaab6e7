"""Inbox view: rows of conversations and messages as the inbox shows them."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import ndiff
from zoneinfo import ZoneInfo

from babel.dates import format_date

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.agent import Channel
from platform_app.models.channel import OutboundState
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState, Origin
from platform_app.models.person import Identity
from platform_app.services.channels import channel_names
from platform_app.services.inbox.inbox_list import ConversationLine
from platform_app.services.inbox.open_conversation import OpenConversation
from platform_app.state.chat.chat_view import IN_PROGRESS, STATE_LABELS, SourceChip, source_chips
from platform_app.state.console.send_gate_words import figure_words, gate_words
from platform_app.state.inbox import email_words
from platform_app.state.inbox.attachment_view import AttachmentLink, build_attachment

CHANNELS = channel_names.CHANNELS
STATES = {
    ConversationState.OPEN: ("green", "The agent answers"),
    ConversationState.HANDED_OFF: ("amber", "With a person"),
    ConversationState.CLOSED: ("", "Closed|conversation"),
}
_REVIEWS = {
    "approved": "Approved by {name}",
    "edited": "Changed and approved by {name}",
    "rejected": "Rejected by {name}",
    "released": "Sent by {name} after it was held",
    "discarded": "Discarded by {name}",
}
_DELIVERIES = {
    OutboundState.WAITING: "Sending",
    OutboundState.SENDING: "Sending",
    OutboundState.SENT: "Sent",
    OutboundState.DELIVERED: "Delivered",
    OutboundState.READ: "Read",
    OutboundState.FAILED: "Not delivered",
    OutboundState.UNCERTAIN: "Delivery unconfirmed",
}
_INTERNAL = (MessageState.NOTE, MessageState.BRIEFING)


@dataclass
class InboxRow:
    """A conversation in the list."""

    id: str
    href: str
    contact: str
    last_line: str
    when: str
    exact: str
    agent: str
    channel: str
    assignee: str
    is_unread: bool
    is_test: bool
    awaits_approval: bool
    colour: str
    state_label: str
    tags: list[str]


@dataclass
class InboxMessage:
    """A message of the open conversation."""

    id: str
    side: str  # in, out, internal
    name: str
    label: str  # what kind of author: "Agent", "Rule “Welcome”"
    author: str  # contact, agent, member
    text: str
    is_plain: bool  # not Markdown
    state: str
    state_label: str
    reason: str  # why it was not sent, or what failed
    when: str
    exact: str
    day: str  # the heading above the first message of a day
    sources: list[SourceChip]
    has_trace: bool
    review: str
    figures: str  # those that stand in no source, as a sentence; "" where `reason` says so
    delivery: str = ""  # how far it has come on its channel: a value of OutboundState
    delivery_label: str = ""
    delivery_reason: str = ""  # why it has come no further
    is_edited: bool = False  # the contact has changed it
    is_revoked: bool = False  # its author has deleted it at the channel
    subject: str = ""  # of an e-mail
    notes: list[str] = field(default_factory=list)  # what members should know of an e-mail
    sender_check: str = ""  # what the receiving mail server found out about the sender
    is_doubtful: bool = False  # the sender may be another one
    attachments: list[AttachmentLink] = field(default_factory=list)
    quick_replies: list[str] = field(default_factory=list)
    difference: list[str] = field(default_factory=list)  # lines of the agent's text and of what was sent


def build_inbox_row(line: ConversationLine, href: str, who: Identity, language: str) -> InboxRow:
    """Return the list row of a conversation."""
    row = line.row
    colour, words = STATES[row.state]
    return InboxRow(
        id=row.id,
        href=href,
        contact=line.contact or row.title or translate(language, "New conversation"),
        last_line=line.excerpt or row.last_line,
        when=relative_time(language, row.last_message_at, now(), who.time_zone),
        exact=exact_time(language, row.last_message_at, who.time_zone),
        agent=line.agent,
        channel=translate(language, CHANNELS[row.channel]),
        assignee=line.assignee,
        is_unread=line.is_unread,
        is_test=row.channel == Channel.TEST,
        awaits_approval=line.awaits_approval,
        colour=colour,
        state_label=translate(language, words),
        tags=line.tags,
    )


def build_inbox_messages(read: OpenConversation, who: Identity, language: str) -> list[InboxMessage]:
    """Return the rows of a conversation's messages; the first of each day carries the day's heading."""
    zone, last, found = ZoneInfo(who.time_zone), None, []
    for row in read.messages:
        day = row.created_at.astimezone(zone).date()
        heading = "" if day == last else day_words(day, now().astimezone(zone).date(), language)
        found.append(_message(row, heading, who, language))
        found[-1].is_plain = read.is_plain or row.author != Author.AGENT
        found[-1].is_edited = row.id in read.edited
        found[-1].attachments = [build_attachment(file, who, language) for file in read.attachments.get(row.id, [])]
        if (email := read.emails.get(row.id)) is not None:
            found[-1].subject, found[-1].notes = email.subject, email_words.email_notes(email, language)
            found[-1].sender_check = email_words.sender_check(email)
            found[-1].is_doubtful = email_words.is_doubtful(email)
        if (delivery := read.deliveries.get(row.id)) is not None:
            found[-1].delivery = delivery.state.value
            found[-1].delivery_label = translate(language, _DELIVERIES[delivery.state])
            if delivery.error:
                found[-1].delivery_reason = translate(language, delivery.error, **(delivery.values or {}))
        last = day
    return found


def day_words(day: date, today: date, language: str) -> str:
    """Return the heading of a day: today, yesterday, or its date, with the year if it is another one."""
    if day == today:
        return translate(language, "Today")
    if day == today - timedelta(days=1):
        return translate(language, "Yesterday")
    pattern = "EEEE, d MMMM" if language == "ru" else "EEEE, MMMM d"
    pattern += "" if day.year == today.year else (" y" if language == "ru" else ", y")
    words = str(format_date(day, pattern, locale=language))
    return words[:1].upper() + words[1:]


def time_words(at: datetime, who: Identity, language: str) -> str:
    """Return a moment of today as its time of day, another one with its date."""
    there = at.astimezone(ZoneInfo(who.time_zone))
    if there.date() == now().astimezone(ZoneInfo(who.time_zone)).date():
        return there.strftime("%H:%M")
    return exact_time(language, at, who.time_zone)


def _message(row: Message, heading: str, who: Identity, language: str) -> InboxMessage:
    return InboxMessage(
        id=row.id,
        side="internal" if row.state in _INTERNAL else "in" if row.author == Author.CONTACT else "out",
        name=row.author_name,
        label=_author_label(row, language),
        author=row.author.value,
        text=row.text or (translate(language, "Not written yet: {task}", task=row.task) if row.task else ""),
        is_plain=False,
        state=row.state.value,
        state_label=_state_label(row, language),
        reason=translate(language, row.error) if row.error else gate_words(row.gate, language, who.time_zone),
        when=row.created_at.astimezone(ZoneInfo(who.time_zone)).strftime("%H:%M"),
        exact=exact_time(language, row.created_at, who.time_zone),
        day=heading,
        sources=source_chips(row),
        has_trace=row.author == Author.AGENT and row.finished_at is not None and row.origin == Origin.CONVERSATION,
        review=_review_words(row, language),
        figures="" if row.gate.get("figures") else figure_words(row.figures, language),
        quick_replies=row.quick_replies,
        is_revoked=row.revoked_at is not None,
        difference=_difference(row),
    )


def _author_label(row: Message, language: str) -> str:
    if row.state == MessageState.NOTE:
        return translate(language, "Note")
    if row.state == MessageState.BRIEFING:
        return translate(language, "Note for the agent")
    if row.origin == Origin.RULE:
        return translate(language, "Rule “{name}”", name=row.origin_name)
    if row.origin == Origin.SEQUENCE:
        return translate(language, "Sequence “{name}”", name=row.origin_name)
    words = {Author.CONTACT: "Contact", Author.AGENT: "Agent", Author.MEMBER: "Member"}
    return translate(language, words[row.author])


def _state_label(row: Message, language: str) -> str:
    if row.state in IN_PROGRESS:
        return translate(language, "Writing" if row.state == MessageState.STREAMING else "Queued")
    return translate(language, STATE_LABELS[row.state]) if row.state in STATE_LABELS else ""


def _review_words(row: Message, language: str) -> str:
    sentence = _REVIEWS.get(str(row.review.get("outcome", "")), "")
    if not sentence:
        return ""
    words = translate(language, sentence, name=str(row.review.get("by", "")))
    reason = str(row.review.get("reason", ""))
    return f"{words}: {reason}" if reason else words


def _difference(row: Message) -> list[str]:
    """Return the lines of the agent's own text and of the text sent in its place, marked with "-" and "+"."""
    if not row.own_text:
        return []
    lines = ndiff(row.own_text.splitlines(), row.text.splitlines())
    return [line for line in lines if not line.startswith("?")][:400]


def title_of(row: Conversation, contact: str, language: str) -> str:
    """Return the heading of a conversation: its contact, else its title."""
    return contact or row.title or translate(language, "New conversation")
