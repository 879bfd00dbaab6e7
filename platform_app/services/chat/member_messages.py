"""Member messages: messages of members to contacts, and their internal notes."""

from collections.abc import Sequence

from platform_app.channels.quick_replies import parse_titles
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.conversation import Author, Message, MessageState
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import conversation_rows, hand_off, message_templates, sending
from platform_app.services.chat.conversation_rows import checked_text
from platform_app.services.notifications import event_notifications

MAX_MENTIONS = 20


def send(
    session: Transaction,
    who: Identity,
    conversation_id: str,
    text: str,
    *,
    quick_replies: Sequence[str] = (),
    despite_opt_out: bool = False,
) -> Message:
    """Send a member's message to the contact and put the member in charge of the conversation.

    Raises Invalid if the text is empty or too long, and for quick replies that exceed their bounds. Raises Conflict if
    the conversation is closed, or the contact has opted out and `despite_opt_out` does not confirm that it is sent
    anyway.
    """
    text, titles = checked_text(text), parse_titles(quick_replies)
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    message = sending.new_message(session, row, Author.MEMBER, who.name, text=text, author_id=who.user_id)
    message.quick_replies = titles
    sending.send_for_member(session, row, message, who, despite_opt_out=despite_opt_out)
    hand_off.take_over_locked(session, who, row)
    hand_off.note_member(session, row)
    return message


def send_template(
    session: Transaction,
    who: Identity,
    conversation_id: str,
    key: str,
    *,
    values: list[str],
    despite_opt_out: bool = False,
) -> Message:
    """Send a template of the conversation's channel account with its values, and put the member in charge.

    Raises Invalid at the field `template` if it cannot be sent, at `values` if one is missing, and Conflict as `send`.
    """
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    usable = message_templates.list_usable(session, who.tenant_id, row.account_id or "")
    template = next((one for one in usable if message_templates.key_of(one) == key), None)
    if template is None:
        raise Invalid("This template can’t be sent anymore. Choose another.", field="template")
    use = message_templates.use_of(key, values)
    if message_templates.find(session, row, use) is None:
        raise Invalid("Fill in all values of the template.", field="values")
    text = message_templates.fill(template, use["values"])
    message = sending.new_message(session, row, Author.MEMBER, who.name, text=text, author_id=who.user_id)
    message.template = use
    sending.send_for_member(session, row, message, who, despite_opt_out=despite_opt_out)
    hand_off.take_over_locked(session, who, row)
    hand_off.note_member(session, row)
    return message


def add_note(
    session: Transaction, who: Identity, conversation_id: str, text: str, *, mentions: list[str] | None = None
) -> Message:
    """Add a note that only members see; it does not take the conversation over.

    `mentions` are ids of users to notify. Raises NotFound if one of them is not a member or there are too many, and
    Invalid if the text is empty or too long.
    """
    text, named = checked_text(text), list(dict.fromkeys(mentions or []))
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    known = {user.id for user, _ in members.list_members(session, who)}
    if len(named) > MAX_MENTIONS or not known.issuperset(named):
        raise NotFound("Member not found.")
    note = sending.add_internal(session, row, who, text, state=MessageState.NOTE, mentions=named)
    after = {"text": text[:2000], "by": who.name, "mentions": named}
    links = conversation_rows.event_links(row)
    event = emit(session, row.tenant_id, EventKind.NOTE_ADDED, after=after, message_id=note.id, **links)
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, "Note in “{title}”", who=who)
    told.event_id = event.id
    event_notifications.notify_of_event(session, event, by=who.user_id)
    return note
