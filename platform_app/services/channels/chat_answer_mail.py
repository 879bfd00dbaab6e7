"""Chat answer mail: e-mails the answers that a visitor of a web chat who has left has not seen."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import col, or_

from platform_app.channels.quick_replies import with_list
from platform_app.channels.web_chat import WebChatSettings
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict, PlatformError, Unavailable
from platform_app.fact_snapshots import current_messages
from platform_app.i18n import translate
from platform_app.integrations import smtp
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendChatAnswers, enqueue
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Tenant
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import conversation_rows
from platform_app.services.jobs import effects
from platform_app.services.jobs.effects import CallFailed
from platform_app.services.mail import mail_servers

log = structlog.get_logger()
UNSEEN_FOR = timedelta(minutes=3)  # after which a visitor has left
FORGOTTEN_AFTER = timedelta(days=1)  # older answers are not sent
PAUSE = timedelta(minutes=10)  # between two e-mails of one chat
MAX_ANSWERS = 20  # of one e-mail
_BATCH = 100
_NOT_SENT = "Answers in “{title}” not sent by email: {reason}"


def enqueue_due() -> bool:
    """Enqueue an e-mail for each visitor who has left with unseen answers; return whether more may be left."""
    with session_scope(reason="answers that visitors have not seen", read_only=True) as session:
        spoken = col(Conversation.last_message_at)
        query = (
            unscoped(ChannelIdentity)
            .join(Conversation, Conversation.id == ChannelIdentity.conversation_id)
            .where(
                Conversation.channel == Channel.WEB_CHAT,
                spoken > now() - FORGOTTEN_AFTER,
                spoken <= now() - UNSEEN_FOR,
                or_(col(ChannelIdentity.seen_at).is_(None), col(ChannelIdentity.seen_at) < spoken),
                or_(col(ChannelIdentity.emailed_at).is_(None), col(ChannelIdentity.emailed_at) < spoken),
            )
        )
        some = query.with_only_columns(ChannelIdentity.tenant_id, ChannelIdentity.id).limit(_BATCH)
        found = session.execute(some).all()
    for tenant_id, identity_id in found:
        try:
            with session_scope(tenant_id) as session:
                _enqueue(session, tenant_id, identity_id)
        except Exception:  # tried again by the next call
            log.exception("answers were not sent by e-mail", identity_id=identity_id)
    return False


def _enqueue(session: Transaction, tenant_id: str, identity_id: str) -> None:
    query = owned(ChannelIdentity, tenant_id).where(ChannelIdentity.id == identity_id)
    identity: ChannelIdentity | None = session.exec(query.with_for_update(skip_locked=True)).first()
    if identity is None or (identity.emailed_at is not None and identity.emailed_at > now() - PAUSE):
        return
    since, until = max(filter(None, (identity.seen_at, identity.emailed_at, identity.created_at))), now()
    if identity.seen_at is not None and identity.seen_at > now() - UNSEEN_FOR:
        return  # the visitor is here
    identity.emailed_at = until
    if _receiver(session, identity) and _answers(session, identity, since, until):
        payload = SendChatAnswers(identity_id=identity.id, since=since.isoformat(), until=until.isoformat())
        key = f"chat-answers:{identity.id}:{payload.since}|{payload.until}"
        enqueue(session, tenant_id, payload, dedupe_key=key)


def _receiver(session: Transaction, identity: ChannelIdentity) -> str:
    """Return the address that answers go to, "" if none shall be sent."""
    account = session.get(ChannelAccount, identity.account_id)
    contact = session.get(Contact, identity.contact_id) if identity.contact_id else None
    if account is None or account.deleted_at is not None or not account.enabled or contact is None:
        return ""
    own = channel_accounts.settings_of(account)
    is_wanted = isinstance(own, WebChatSettings) and own.emails_answers and contact.opted_out_at is None
    if not is_wanted or contact.deleted_at is not None or not mail_servers.has_server(session, identity.tenant_id):
        return ""
    return contact.emails[0] if contact.emails else ""


def _answers(session: Transaction, identity: ChannelIdentity, since: datetime, until: datetime) -> list[Message]:
    """Return what agent and members answered within a time, oldest first."""
    row = session.get(Conversation, identity.conversation_id) if identity.conversation_id else None
    if row is None or row.deleted_at is not None:
        return []
    query = current_messages(row).where(
        Message.state == MessageState.COMPLETE, col(Message.author).in_((Author.AGENT, Author.MEMBER))
    )
    newest = query.order_by(col(Message.created_at).desc(), col(Message.id).desc()).limit(MAX_ANSWERS)
    found = [message for message in session.exec(newest).all() if since < (_sent_at(message)) <= until]
    return found[::-1]


def _sent_at(message: Message) -> datetime:
    return message.finished_at or message.created_at


def send_chat_answers(job: RunningJob) -> None:
    """Send the e-mail with the answers that a visitor has not seen, unless they were seen meanwhile."""

    def call(key: str) -> dict[str, Any]:
        with job.transaction() as session:
            composed = _compose(session, job)
            server = mail_servers.get_server(session, job.tenant_id) if composed else None
        if composed is None or server is None:
            return {"sent": False}
        try:
            return dict(smtp.send(server, smtp.written(server, **composed, key=key)))
        except Unavailable as error:
            raise CallFailed(error.sentence, **error.values) from error

    effects.call_once(job, f"chat-answers:{job.id}", call, repeatable=False)


def _compose(session: Transaction, job: RunningJob) -> dict[str, str] | None:
    """Return receiver, subject and text of the e-mail, or None if there is nothing to send any more."""
    query = owned(ChannelIdentity, job.tenant_id).where(ChannelIdentity.id == job.payload.identity_id)
    identity: ChannelIdentity | None = session.exec(query).first()
    to = _receiver(session, identity) if identity is not None else ""
    if identity is None or not to:
        return None
    since, until = datetime.fromisoformat(job.payload.since), datetime.fromisoformat(job.payload.until)
    answers = _answers(session, identity, max(filter(None, (since, identity.seen_at))), until)
    tenant, contact = session.get(Tenant, job.tenant_id), session.get(Contact, identity.contact_id)
    account = session.get(ChannelAccount, identity.account_id)
    if not answers or tenant is None or contact is None or account is None:
        return None
    language = contact.language if contact.language in ("ru", "en") else tenant.language
    own = channel_accounts.settings_of(account)
    sites = own.allowed_origins if isinstance(own, WebChatSettings) else []
    lines = [f"{answer.author_name}:\n{with_list(answer.text, answer.quick_replies)}" for answer in answers]
    back = translate(language, "To answer, open the chat on the site again:")
    lines.append(f"{back}\n{sites[0]}" if sites else back)
    subject = translate(language, "{tenant}: an answer in your chat", tenant=tenant.name)
    return {"to": to, "subject": subject[:200], "text": "\n\n".join(lines)}


def on_failure(
    session: Transaction, tenant_id: str, payload: SendChatAnswers, *, state: JobState, sentence: str, values: Any
) -> None:
    """Report in the feed that answers were not sent by e-mail, or that it is not known."""
    row = _conversation(session, tenant_id, payload)
    if row is not None:
        try:
            reason = sentence.format_map(values)
        except (KeyError, ValueError):
            reason = sentence
        link = f"/jobs?kind={payload.kind}"
        conversation_rows.record(
            session, row, ActivityKind.FAILURE, _NOT_SENT, who=None, link=link, title=row.title[:80], reason=reason
        )


def on_retry(session: Transaction, tenant_id: str, payload: SendChatAnswers) -> None:
    """Check that the chat is still there. Raises Conflict if it is gone, or there is no mail server any more."""
    if _conversation(session, tenant_id, payload) is None:
        raise Conflict("Conversation not found.")
    try:
        mail_servers.get_server(session, tenant_id)
    except PlatformError as error:
        raise Conflict(error.sentence) from error


def _conversation(session: Transaction, tenant_id: str, payload: SendChatAnswers) -> Conversation | None:
    query = owned(Conversation, tenant_id).join(ChannelIdentity, ChannelIdentity.conversation_id == Conversation.id)
    row: Conversation | None = session.exec(query.where(ChannelIdentity.id == payload.identity_id)).first()
    return row


def payload_from_keys(session: Transaction, job: Job) -> SendChatAnswers | None:
    """Return the payload of a job from its dedupe key, or None."""
    identity_id, _, times = id_from_key(job.dedupe_key, "chat-answers:").partition(":")
    since, _, until = times.partition("|")
    return SendChatAnswers(identity_id=identity_id, since=since, until=until) if until else None
