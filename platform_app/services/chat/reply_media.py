"""Reply media: recordings and pictures of the messages that a reply answers, turned into text before it is written.

A text is made once and stored with its attachment. What cannot be read is said to the contact, and a person takes over.
"""

import asyncio
import time

import structlog

from platform_app import attached_texts
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.i18n import translate
from platform_app.llm import language_detection
from platform_app.llm.client import FailureReason
from platform_app.models.agent import ReplyLanguage
from platform_app.models.channel import Attachment, AttachmentKind
from platform_app.models.crm import Contact
from platform_app.models.person import Tenant
from platform_app.services.chat import (
    conversation_rows,
    hand_off,
    media_events,
    media_reading,
    reply_context,
    reply_store,
    sending,
    shadow_answers,
)
from platform_app.services.chat.attached_media import MediaText
from platform_app.services.chat.media_reading import Unreadable
from platform_app.services.chat.reply_context import ReplyContext, ReplyStep
from platform_app.services.chat.reply_trace import add_trace

log = structlog.get_logger()
MAX_FILES = 5  # of the messages that one reply answers
MAX_SECONDS = 240.0  # after which no further file is begun: a reservation in budgets lives for 15 minutes
TOO_MANY = "A reply reads at most 5 recordings and pictures."
SENTENCES = {
    AttachmentKind.RECORDING: "I can’t listen to recordings. A teammate will listen to it and reply here.",
    AttachmentKind.PICTURE: "I can’t look at pictures. A teammate will take a look and reply here.",
    AttachmentKind.FILE: "I can’t open what you sent. A teammate will take a look and reply here.",
}


class MediaUnread(Exception):
    """Recordings or pictures of the messages to answer have no text; `kind` is FILE for both."""

    def __init__(self, kind: AttachmentKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


def load(work: ReplyContext) -> None:
    """Fill in the recordings and pictures of the messages that a reply answers, with the texts that are stored."""
    if not work.media.message_ids:
        return
    with session_scope(work.tenant_id, read_only=True) as session:
        files = attached_texts.list_files(session, work.tenant_id, work.media.message_ids)
        work.media.files = [
            MediaText(row.id, row.kind, row.name or row.label, row.text)
            for row in files
            if row.kind != AttachmentKind.FILE
        ]
        if work.media.files:
            work.media.language = _contact_language(session, work, files)


def _contact_language(session: Transaction, work: ReplyContext, files: list[Attachment]) -> str:
    """Return the code of the language in which the contact is answered, whatever the labels of attachments are in."""
    if work.settings.reply_language != ReplyLanguage.CUSTOMER:
        return work.settings.reply_language.value
    words = attached_texts.own_words(work.facts.question, [file for file in files if not file.text])
    said = [(role, text) for role, text in work.facts.history if not text.startswith("[")]
    contact = session.get(Contact, work.conversation.contact_id) if work.conversation.contact_id else None
    tenant = session.get(Tenant, work.tenant_id)
    return (
        language_detection.detect_in_conversation(words, said)
        or (contact.language if contact else "")
        or (tenant.language if tenant else "en")
    )


async def read(work: ReplyContext) -> None:
    """Make the texts that are missing, store them, and read the facts of the reply anew.

    Raises MediaUnread if one cannot be made; a suggestion is written without it.
    """
    missing = work.media.missing
    if not missing:
        return
    work.on_step(ReplyStep.READING)
    language = language_detection.language_name(work.media.language)
    until = time.monotonic() + MAX_SECONDS
    for place, file in enumerate(missing):
        model = ""
        try:
            if place >= MAX_FILES:
                raise Unreadable(TOO_MANY)
            if time.monotonic() > until:
                raise Unreadable(FailureReason.TIMEOUT.value)
            file.text, model = await media_reading.read_file(work, file, language)
        except Unreadable as error:
            file.problem = error.problem
        await asyncio.to_thread(_store, work, file, model)
    left = {file.kind for file in missing if not file.text}
    if left and (work.is_shadow or not work.is_suggestion):
        raise MediaUnread(left.pop() if len(left) == 1 else AttachmentKind.FILE)
    fresh = await asyncio.to_thread(reply_context.load_context, work.tenant_id, work.reply_id)
    if fresh is not None:
        work.facts, work.scripts, work.guidance = fresh.facts, fresh.scripts, fresh.guidance


def _store(work: ReplyContext, file: MediaText, model: str) -> None:
    """Store the text of an attachment, or why there is none; one that is there already is kept."""
    with session_scope(work.tenant_id) as session:
        row = session.exec(owned(Attachment, work.tenant_id).where(Attachment.id == file.id).with_for_update()).first()
        if row is None or row.text:
            return
        row.text, row.text_model, row.text_at = file.text, model[:200], now()
        row.text_problem = "" if file.text else file.problem
        media_events.text_added(session, work.tenant_id, row.message_id)
        conversation_rows.publish_change(session, work.conversation)


def hand_over(work: ReplyContext, kind: AttachmentKind) -> None:
    """Say in place of the reply that files of a kind cannot be read, and hand the conversation to a person."""
    with session_scope(work.tenant_id) as session:
        session.enable_cache()
        conversation = conversation_rows.lock(session, work.tenant_id, work.conversation.id)
        row = reply_store.row_to_end(session, work)
        if row is None:
            return
        work.media.unread = kind.value
        add_trace(session, work)
        row.text = work.final_text = translate(work.media.language, SENTENCES[kind])
        if work.is_shadow:
            shadow_answers.keep_sentence(session, row, row.text)
            return
        sending.send(session, conversation, row)
        hand_off.hand_off_by_clock(session, conversation, unread=kind.value)
