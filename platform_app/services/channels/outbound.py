"""Outbound: sends the parts of messages through the servers of their channels, each at most once by itself.

A part whose request was sent without an answer is uncertain: only a member sends it again.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from platform_app import notifier
from platform_app.channels.outbound_content import OutgoingText, TemplateUse
from platform_app.channels.push_channel import (
    AccountRefused,
    AnsweredElsewhere,
    ChannelError,
    ContactBlocked,
    OutcomeUnknown,
    PushChannel,
    TemporaryFailure,
    TurnNeeded,
)
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import DeliverMessage, RunningJob
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, ChannelAccount, ChannelIdentity, OutboundPart, OutboundState
from platform_app.models.conversation import Conversation
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.services.channels import (
    channel_access,
    channel_accounts,
    delivery_statuses,
    email_limits,
    email_threads,
    outbound_pace,
)
from platform_app.services.chat import conversation_rows, hand_off, outbound_parts, service_windows, shadow_mode
from platform_app.services.jobs.effects import Postponed

log = structlog.get_logger()
MAX_ATTEMPTS = 8  # in a row of a part that the channel's server does not take
MAX_WAITS = 200  # attempts of a part that the channel asks to wait with
MAX_PAUSE_SECONDS = 300.0
INTERRUPTED = "The worker stopped while sending. We don’t know if the message arrived."
UNEXPECTED = "Something went wrong while sending. We don’t know if the message arrived."
ACCOUNT_OFF = "The channel account is off or deleted. Turn it on in Settings, Channels, and send again."
ACCOUNT_REFUSED = "The channel rejected the account. Enter a new token in Settings, Channels, and send again."
NO_IDENTITY = "This contact has no identity on the channel."
TURN_REQUESTED = "Waiting for the channel to ask for the message."
TURN_PAUSE = timedelta(seconds=30)  # before a channel that does not ask is asked to again
TURN_SECONDS = 2.0
TOO_FAST = "In line: the channel limits messages per second."


@dataclass(frozen=True)
class _Request:
    """A part that is being sent, with all that the call needs."""

    part_id: str
    attempt: int
    push: PushChannel
    token: str
    chat_id: str
    part: OutgoingText
    reply_address: str = ""  # that this message uses up


def deliver_message(job: RunningJob) -> None:
    """Send the waiting parts of a message in their order.

    Raises Postponed if the channel asks to wait or does not answer.
    """
    while (target := _next_chat(job)) is not None:
        push, account_id, chat_id = target
        if not outbound_pace.take_turn(push, account_id, chat_id):
            raise Postponed(TOO_FAST, seconds=1)
        request = _begin(job)
        if request is None:
            return
        _record(job.tenant_id, request, *_call(request))


def _next_chat(job: RunningJob) -> tuple[PushChannel, str, str] | None:
    """Return where the next part goes, or None if there is none; parts that cannot be sent fail here."""
    with job.transaction() as session:
        parts = _parts(session, job.tenant_id, job.payload.message_id)
        for part in parts:
            if part.state == OutboundState.SENDING:  # an attempt whose worker died
                _set(part, OutboundState.UNCERTAIN, INTERRUPTED)
                _publish(session, part)
        waiting = next((part for part in parts if part.state == OutboundState.WAITING), None)
        if waiting is None:
            return None
        account = session.get(ChannelAccount, waiting.account_id)
        identity = session.get(ChannelIdentity, waiting.identity_id) if waiting.identity_id else None
        problem = _problem(account, identity) or service_windows.late_problem(account, identity, waiting)
        problem = problem or shadow_mode.late_problem(session, account, waiting)
        problem = problem or email_limits.problem(session, account, waiting)
        if problem or account is None or identity is None:
            _fail(session, parts, problem, {})
            return None
        push = channel_accounts.kind_of(account).push
        assert push is not None
        return push, account.id, identity.outside_id


def _problem(account: ChannelAccount | None, identity: ChannelIdentity | None) -> str:
    """Return why nothing can be sent, or ""."""
    if account is None or account.deleted_at is not None or not account.enabled:
        return ACCOUNT_OFF
    if account.state == AccountState.REFUSED:
        return ACCOUNT_REFUSED
    if identity is None:
        return NO_IDENTITY
    push = channel_accounts.kind_of(account).push
    return push.blocked_sentence if push is not None and identity.blocked_at is not None else ""


def _begin(job: RunningJob) -> _Request | None:
    """Record that the next part is about to be sent."""
    with job.transaction() as session:
        parts = _parts(session, job.tenant_id, job.payload.message_id)
        part = next((part for part in parts if part.state == OutboundState.WAITING), None)
        if part is None:
            return None
        account, identity = session.get(ChannelAccount, part.account_id), session.get(ChannelIdentity, part.identity_id)
        if account is None or identity is None:
            return None
        push = channel_accounts.kind_of(account).push
        assert push is not None
        try:
            token = channel_access.get_token(session, account)
        except Conflict as error:
            _fail(session, parts, error.sentence, {})
            return None
        part.state, part.attempts, part.next_at = OutboundState.SENDING, part.attempts + 1, None
        reply_address = _take_reply_address(session, push, identity)
        by_agent = email_limits.is_automatic(session, part)
        chat = push.chat_address(identity.outside_id, reply_address, by_agent=by_agent)
        template = TemplateUse.from_json(part.template) if part.template else None
        mail = None
        if account.kind == Channel.EMAIL:
            mail = email_threads.envelope_of(session, account, part, is_automatic=by_agent)
            part.outside_id = mail.message_id  # a report may name it whatever becomes of the request
        outgoing = OutgoingText(
            part.text,
            part.is_markdown,
            delivery_statuses.reference_of(part),
            template,
            mail,
            quick_replies=tuple(part.quick_replies),
            ends_quick_replies=push.keeps_quick_replies and outbound_parts.has_open_quick_replies(session, part),
        )
        return _Request(part.id, part.attempts, push, token, chat, outgoing, reply_address)


def _take_reply_address(session: Transaction, push: PushChannel, identity: ChannelIdentity) -> str:
    """Return where the channel waits for a message, which is used up; if it does not wait, it will be asked to.

    Raises Postponed if it has been asked to a moment ago.
    """
    if not push.answers_when_asked:
        return ""
    query = owned(ChannelIdentity, identity.tenant_id).where(ChannelIdentity.id == identity.id)
    identity = session.exec(query.with_for_update()).one()
    reply_address, identity.reply_address = identity.reply_address, ""
    if not reply_address:
        if identity.turn_requested_at is not None and now() - identity.turn_requested_at < TURN_PAUSE:
            raise Postponed(TURN_REQUESTED, seconds=TURN_SECONDS)
        identity.turn_requested_at = now()
    return reply_address


def _call(request: _Request) -> tuple[str, ChannelError | None]:
    """Send a part; return its id at the channel and what went wrong."""
    try:
        return request.push.send_part(request.token, request.chat_id, request.part), None
    except ChannelError as error:
        return "", error
    except Exception:
        log.exception("a message was not sent", part_id=request.part_id)
        return "", OutcomeUnknown(UNEXPECTED)


def _record(tenant_id: str, request: _Request, outside_id: str, error: ChannelError | None) -> None:
    """Store how an attempt ended. Raises Postponed if the part is tried again later."""
    pause = 0.0
    with session_scope(tenant_id) as session:  # also if the lease is lost: what happened is known here alone
        query = owned(OutboundPart, tenant_id).where(OutboundPart.id == request.part_id)
        part: OutboundPart = session.exec(query.with_for_update()).one()
        if part.attempts != request.attempt:
            return
        if error is None:
            part.outside_id, part.sent_at = outside_id[:120], part.sent_at or now()
        if part.state not in (OutboundState.SENDING, OutboundState.UNCERTAIN):
            return  # a status was told before the answer came
        if error is None:
            _set(part, OutboundState.SENT)
            delivery_statuses.apply_receipt(session, part)
        elif isinstance(error, OutcomeUnknown):
            _set(part, OutboundState.UNCERTAIN, error.sentence, error.values)
        elif isinstance(error, TemporaryFailure) and part.failures < (MAX_WAITS if error.seconds else MAX_ATTEMPTS):
            part.failures += 1
            pause = error.seconds or min(settings().backoff_seconds * 2 ** (part.failures - 1), MAX_PAUSE_SECONDS)
            _set(part, OutboundState.WAITING, error.sentence, error.values)
            part.next_at = now() + timedelta(seconds=pause)
            if request.reply_address and not isinstance(error, TurnNeeded):
                _give_back(session, part, request.reply_address)
        else:
            _fail(session, _parts(session, tenant_id, part.message_id), error.sentence, error.values)
            _note_refusal(session, part, error)
        _publish(session, part)
    if pause and error is not None:
        raise Postponed(error.sentence, seconds=pause, **error.values)


def _give_back(session: Transaction, part: OutboundPart, reply_address: str) -> None:
    """Keep the address that a message was not sent to, unless the contact has written since."""
    query = owned(ChannelIdentity, part.tenant_id).where(ChannelIdentity.id == part.identity_id)
    identity: ChannelIdentity | None = session.exec(query.with_for_update()).first()
    if identity is not None and not identity.reply_address:
        identity.reply_address = reply_address


def _parts(session: Transaction, tenant_id: str, message_id: str) -> list[OutboundPart]:
    query = owned(OutboundPart, tenant_id).where(OutboundPart.message_id == message_id)
    return list(session.exec(query.order_by(OutboundPart.place).with_for_update()).all())


def _set(part: OutboundPart, state: OutboundState, error: str = "", values: dict[str, Any] | None = None) -> None:
    part.state, part.error, part.next_at = state, error, None
    part.error_values = {name: str(value)[:300] for name, value in (values or {}).items()}


def _fail(session: Transaction, parts: list[OutboundPart], sentence: str, values: dict[str, Any]) -> None:
    """Mark the parts of a message that have not gone out as failed, and record an activity."""
    for part in parts:
        if part.state in (OutboundState.WAITING, OutboundState.SENDING):
            _set(part, OutboundState.FAILED, sentence, values)
    if parts:
        query = owned(Conversation, parts[0].tenant_id).where(Conversation.id == parts[0].conversation_id)
        row = session.exec(query).one()
        told = "Message in “{title}” wasn’t delivered"
        conversation_rows.record(session, row, ActivityKind.FAILURE, told, who=None)
        conversation_rows.publish_change(session, row)


def _note_refusal(session: Transaction, part: OutboundPart, error: ChannelError) -> None:
    """Mark the contact as blocked, or the account as refused, if the channel says so."""
    if isinstance(error, ContactBlocked) and part.identity_id:
        identity = session.get(ChannelIdentity, part.identity_id)
        if identity is not None and (identity.seen_at is None or identity.seen_at < now()):
            identity.blocked_at = now()
    if isinstance(error, AnsweredElsewhere):
        row = conversation_rows.lock(session, part.tenant_id, part.conversation_id)
        hand_off.take_over_elsewhere(session, row, str(error.values.get("product", "")))
    if isinstance(error, AccountRefused):
        channel_accounts.set_refused(session, part.tenant_id, part.account_id, error.sentence)


def _publish(session: Transaction, part: OutboundPart) -> None:
    tenant_id, conversation_id = part.tenant_id, part.conversation_id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "conversation", conversation_id))


def on_failure(
    session: Transaction, tenant_id: str, payload: DeliverMessage, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark the parts that have not gone out as failed, and one that was being sent as uncertain."""
    parts = _parts(session, tenant_id, payload.message_id)
    for part in parts:
        if part.state == OutboundState.SENDING:
            _set(part, OutboundState.UNCERTAIN, INTERRUPTED)
    if any(part.state == OutboundState.WAITING for part in parts):
        _fail(session, parts, sentence, dict(values))


def on_retry(session: Transaction, tenant_id: str, payload: DeliverMessage) -> None:
    """Let the parts that failed be sent again. Raises Conflict if all parts have gone out."""
    parts = _parts(session, tenant_id, payload.message_id)
    waiting = [part for part in parts if part.state in (OutboundState.FAILED, OutboundState.WAITING)]
    if not waiting:
        raise Conflict("This message has already been sent.")
    for part in waiting:
        _set(part, OutboundState.WAITING)
        part.failures = 0
    _publish(session, waiting[0])


def payload_from_keys(session: Transaction, job: Job) -> DeliverMessage | None:
    """Return the payload of a job from its lock_key: the oldest message of the conversation that waits, or None."""
    conversation_id = id_from_key(job.lock_key, "outbound:")
    query = owned(OutboundPart, job.tenant_id).where(
        OutboundPart.conversation_id == conversation_id, OutboundPart.state == OutboundState.WAITING
    )
    part: OutboundPart | None = session.exec(query.order_by(OutboundPart.id)).first()
    return DeliverMessage(message_id=part.message_id) if part is not None else None
