"""Demo endings: how conversations on the demo's web chat stand: with a person, with a member, or before approval."""

import secrets
from datetime import timedelta

from platform_app.automation import rule_templates
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.channel import ChannelAccount, ChannelIdentity
from platform_app.models.conversation import Author, ConversationRead, ConversationState, Message, MessageState, Origin
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.channels.inbound import hash_token
from platform_app.services.demo.demo_conversation_writer import ConversationWriter

MEMBER_DELAY = timedelta(seconds=40)
RULE_DELAY = timedelta(seconds=1)


def wait_for_approval(session: Transaction, talk: ConversationWriter, reply: Message) -> None:
    """Let a reply wait until a member has decided on it."""
    reply.state = MessageState.TO_APPROVE
    talk.emit(session, EventKind.APPROVAL_REQUESTED, reply)
    talk.record(ActivityKind.REPLY, "Reply in “{title}” waits for approval", title=talk.row.title)


def wait_for_person(session: Transaction, talk: ConversationWriter) -> None:
    """Let the demo's rule hand the conversation to members, as the contact asks; nobody has answered yet."""
    talk.at += RULE_DELAY
    rule, language = rule_templates.TEMPLATES["person"], talk.who.language
    text = rule_templates.draft("person", language)["actions"][0]["text"]
    told = talk.add_message(Author.AGENT, talk.settings.name, text)
    told.origin, told.origin_name = Origin.RULE, translate(language, rule.name)
    talk.set_last(text)
    _put_in_charge(talk)
    talk.emit(session, EventKind.HANDED_OFF)
    talk.record(ActivityKind.CONVERSATION, "“{title}” handed off to a person", title=talk.row.title)


def take_over(session: Transaction, talk: ConversationWriter, *, note: str, text: str) -> None:
    """Let the acting member take the conversation over, write a note for colleagues, and answer."""
    who, row, title = talk.who, talk.row, talk.row.title
    talk.at += MEMBER_DELAY
    _put_in_charge(talk, who)
    row.assignee_id = who.user_id
    talk.emit(session, EventKind.TAKEN_OVER, by=who.name)
    talk.record(ActivityKind.CONVERSATION, "“{title}” taken over", actor=who.name, title=title)
    talk.at += MEMBER_DELAY
    written = _add_member_message(talk, note)
    written.state = MessageState.NOTE
    talk.emit(session, EventKind.NOTE_ADDED, written, by=who.name)
    talk.record(ActivityKind.CONVERSATION, "Note in “{title}”", actor=who.name, title=title)
    talk.at += MEMBER_DELAY
    talk.emit(session, EventKind.MEMBER_REPLIED, _add_member_message(talk, text))
    sentence = "Member “{name}” wrote in “{title}”"
    talk.record(ActivityKind.REPLY, sentence, actor=who.name, name=who.name, title=title)
    talk.set_last(text)
    row.member_at = talk.at


def add_reader(talk: ConversationWriter, *, has_read: bool) -> None:
    """Add who the contact is on the web chat and, if the acting member has read the conversation, that it is read."""
    row = talk.row
    contact = ChannelIdentity(tenant_id=row.tenant_id, account_id=talk.context.account.id, outside_id=_new_outside_id())
    contact.contact_id, contact.conversation_id = row.contact_id, row.id
    talk.rest.append(contact)
    _note_message(talk.context.account, talk)
    if has_read:
        read = ConversationRead(tenant_id=row.tenant_id, user_id=talk.who.user_id, conversation_id=row.id)
        read.read_at = talk.at
        talk.rest.append(read)


def _new_outside_id() -> str:
    return hash_token(secrets.token_urlsafe(32))  # of a visitor's token that nobody has


def _note_message(account: ChannelAccount, talk: ConversationWriter) -> None:
    at = talk.row.contact_at
    if at is not None and (account.last_message_at is None or account.last_message_at < at):
        account.last_message_at = at


def _put_in_charge(talk: ConversationWriter, who: Identity | None = None) -> None:
    row = talk.row
    row.state, row.in_charge_since, row.member_at = ConversationState.HANDED_OFF, talk.at, talk.at
    row.in_charge_id, row.in_charge = (who.user_id, who.name) if who else (None, "")


def _add_member_message(talk: ConversationWriter, text: str) -> Message:
    message = talk.add_message(Author.MEMBER, talk.who.name, text)
    message.author_id = talk.who.user_id
    return message
