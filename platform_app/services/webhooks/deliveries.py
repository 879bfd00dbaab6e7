"""Deliveries: incoming webhook requests, verified and stored with their events, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlmodel import col
from standardwebhooks import Webhook, WebhookVerificationError

from platform_app import notifier, sequence_exits
from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.automation.values import parse_whole
from platform_app.automation.webhook_payloads import UnreadableBody
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict, LimitReached, NotFound, PlatformError, Unavailable
from platform_app.events import emit, start_action
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook, ReceivedDelivery
from platform_app.services.accounts import members
from platform_app.services.feed import activity
from platform_app.services.webhooks import (
    delivery_bodies,
    delivery_retention,
    delivery_subjects,
    incoming_webhooks,
    outgoing_payloads,
    webhook_fields,
    webhook_secrets,
)
from platform_app.storage_errors import is_lock_conflict

log = structlog.get_logger()
MAX_BODY_BYTES = 1_000_000
MAX_EVENT_BYTES = 64_000  # largest body whose payload is stored in the event too
MAX_REFUSED_CHARS = 10_000  # stored characters of a refused body
_LOGGED_HEADERS = ("content-type", "user-agent", "webhook-timestamp")
_SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class UnverifiedDelivery(PlatformError):
    """A delivery without a valid signature; the reason is logged and not sent to the caller."""

    status = 401


class BodyTooLarge(LimitReached):
    """A body with more than MAX_BODY_BYTES bytes."""

    status = 413


_REFUSALS = (UnverifiedDelivery, BodyTooLarge, UnreadableBody)


@dataclass(frozen=True)
class IncomingRequest:
    """A request to a webhook: its raw body, its headers by lower-case name, and the sender's address."""

    body: bytes
    headers: Mapping[str, str]
    sender: str = ""
    is_truncated: bool = False  # the body was over the limit and not read to its end


def find_webhook(address: str) -> IncomingWebhook:
    """Return the webhook of an address. Raises NotFound if there is none, or it is switched off or deleted."""
    query = unscoped(IncomingWebhook).where(IncomingWebhook.address_hash == incoming_webhooks.hash_address(address))
    with session_scope(reason="address of a webhook", read_only=True) as session:
        return _check_enabled(session.exec(query).first())


def _check_enabled(row: IncomingWebhook | None) -> IncomingWebhook:
    if row is None or not row.enabled or row.deleted_at is not None:
        raise NotFound("Page not found.")
    return row


VerifiedDelivery = tuple[IncomingRequest, Any]  # a verified delivery and its payload


def accept_all(webhook: IncomingWebhook, deliveries: Sequence[IncomingRequest]) -> list[DeliveryOutcome | Exception]:
    """Verify requests to one webhook and store them in one transaction, each with its event.

    A request whose id was accepted before changes nothing. Returns for each request its outcome, or the exception why
    it was not accepted. Refusals (UnverifiedDelivery, BodyTooLarge, UnreadableBody) are stored as well, after the
    others.
    """
    results: list[Any] = [_verify_request(webhook, sent) for sent in deliveries]
    good = [place for place, result in enumerate(results) if not isinstance(result, Exception)]
    outcomes = _store_all(webhook, [results[place] for place in good])
    for place, outcome in zip(good, outcomes, strict=True):
        results[place] = outcome
    refused = [place for place, result in enumerate(results) if isinstance(result, _REFUSALS)]
    told = _store_refusals(webhook, [(deliveries[place], results[place]) for place in refused])
    for place, error in zip(refused, told, strict=True):
        results[place] = error
    return results


def _verify_request(webhook: IncomingWebhook, sent: IncomingRequest) -> VerifiedDelivery | Exception:
    """Return a verified delivery with its payload, or the exception why it is refused."""
    try:
        return sent, _verified_payload(webhook, sent)
    except Exception as error:  # concerns this delivery only
        return error


def _verified_payload(webhook: IncomingWebhook, sent: IncomingRequest) -> Any:
    """Return the payload of a delivery. Raises one of _REFUSALS, or Unavailable."""
    if sent.is_truncated:
        raise BodyTooLarge("The body is larger than 1 MB.")
    _verify(webhook, sent)
    if len(sent.headers.get("webhook-id", "")) > 255:
        raise UnreadableBody("The webhook-id is longer than 255 characters.")
    return delivery_bodies.parse_body(sent.body, sent.headers.get("content-type", ""))


def _store_all(webhook: IncomingWebhook, read: list[VerifiedDelivery]) -> list[DeliveryOutcome | Exception]:
    """Store deliveries in one transaction; on failure, halve the batch until the failing one is alone."""
    if not read:
        return []
    kept: list[DeliveryOutcome | Exception] = []
    try:
        with session_scope(webhook.tenant_id) as session:
            session.enable_cache()
            outcomes = list(_store(session, webhook, read))
            session.after_commit.insert(0, lambda: kept.extend(outcomes))
        return kept
    except Exception as error:
        if kept:
            log.exception("of deliveries that are written down nobody was told", webhook=webhook.id)
            return kept
        if len(read) == 1 or _affects_all(error):
            return [error] * len(read)
    half = len(read) // 2
    return _store_all(webhook, read[:half]) + _store_all(webhook, read[half:])


def _affects_all(error: Exception) -> bool:
    """Return whether an error concerns all deliveries: the webhook is deleted, or the database is down."""
    if isinstance(error, OperationalError):
        return not is_lock_conflict(error)
    return isinstance(error, (Unavailable, NotFound, TimeoutError))


def _store_refusals(webhook: IncomingWebhook, refused: list[tuple[IncomingRequest, PlatformError]]) -> list[Exception]:
    """Store refusals and return the errors that the senders receive."""
    if not refused:
        return []
    try:
        with session_scope(webhook.tenant_id) as session:
            for sent, error in refused:
                _store_refusal(session, webhook, sent, error.sentence)
    except Exception as error:
        return [error] * len(refused)
    unsaid = "The delivery couldn’t be verified."
    return [UnverifiedDelivery(unsaid) if isinstance(error, UnverifiedDelivery) else error for _, error in refused]


def _verify(webhook: IncomingWebhook, sent: IncomingRequest) -> None:
    """Check the signature if one is required. Raises UnverifiedDelivery with the reason for the log."""
    if not webhook.signed:
        return
    headers = {name: sent.headers.get(name, "") for name in _SIGNATURE_HEADERS}
    if not all(headers.values()):
        raise UnverifiedDelivery("The signature is missing.")
    why = "The signature doesn’t match."
    try:
        secrets = webhook_secrets.valid_secrets(webhook)
    except Conflict as error:
        raise Unavailable("The delivery can’t be verified now. Send it again later.") from error
    for secret in secrets:
        try:
            Webhook(secret).verify(sent.body, headers, json_parse=False)
            return
        except WebhookVerificationError as error:
            if "timestamp" in str(error):
                why = "The timestamp is more than 5 minutes off."
        except ValueError:  # the signature is not base64, or the body is not text
            continue
    raise UnverifiedDelivery(why)


def _store(session: Transaction, unlocked: IncomingWebhook, read: list[VerifiedDelivery]) -> Iterable[DeliveryOutcome]:
    """Store deliveries with their events; those of one webhook are serialized by a lock of its row."""
    query = owned(IncomingWebhook, unlocked.tenant_id).where(IncomingWebhook.id == unlocked.id)
    webhook = _check_enabled(session.exec(query.with_for_update()).first())
    rows = [(_row(webhook, sent, DeliveryOutcome.ACCEPTED), sent, payload) for sent, payload in read]
    events: list[Event] = []
    taken = _accepted_before(session, webhook, [row.message_id for row, *_ in rows if row.message_id])
    for row, sent, payload in rows:
        if row.message_id in taken:
            row.outcome, row.event_id = DeliveryOutcome.DUPLICATE, taken[row.message_id]
            delivery_retention.delete_old(session, row, previous_at=webhook.received_at)
            _add_to_log(session, row)
        else:
            events.append(_accept(session, webhook, row, (sent, payload)))
            if row.message_id:
                taken[row.message_id] = row.event_id
        yield row.outcome
    sequence_exits.lock_enrollments(session, webhook.tenant_id, events)


def _accept(session: Transaction, webhook: IncomingWebhook, row: ReceivedDelivery, read: VerifiedDelivery) -> Event:
    """Store a delivery that was not accepted before, and emit its event."""
    sent, payload = read
    start_action(session)
    who = members.automation_identity(session, webhook.tenant_id, webhook.name)
    row.taken_id = row.message_id or None
    after: dict[str, Any] = {"webhook_id": webhook.id, "name": webhook.name, "delivery_id": row.id}
    after["fields"] = webhook_fields.field_values(session, who, webhook.id, payload)
    after["payload"] = payload
    if row.size > MAX_EVENT_BYTES:
        after |= {"payload": None, "payload_too_large": True, "payload_bytes": row.size}
    links = delivery_subjects.find_links(session, who, webhook, payload)
    kind, agent_id = EventKind.WEBHOOK_RECEIVED, webhook.agent_id
    event = emit(session, webhook.tenant_id, kind, after=after, agent_id=agent_id, **links)
    depth = parse_whole(sent.headers.get(outgoing_payloads.DEPTH_HEADER, ""), 1_000) or 0
    event.depth = min(depth, MAX_CHAIN_DEPTH + 1)
    row.event_id = event.id
    if delivery_retention.delete_old(session, row, previous_at=webhook.received_at):
        webhook.kept_bytes = delivery_retention.stored_bytes(session, row)
    delivery_retention.store_body(session, webhook, row, _text(sent))
    _add_to_log(session, row)
    webhook.received_at = row.at
    _record_activity(session, webhook, row, ActivityKind.INTEGRATION, sentence="Webhook “{name}” received")
    return event


def _store_refusal(session: Transaction, webhook: IncomingWebhook, sent: IncomingRequest, why: str) -> None:
    """Store a refused delivery; an activity is recorded for the first of several in a row."""
    row = _row(webhook, sent, DeliveryOutcome.REFUSED)
    row.why, row.body = why, _text(sent)[:MAX_REFUSED_CHARS]
    last = delivery_retention.latest_delivery(session, row)
    delivery_retention.trim_refused(session, row)
    delivery_retention.delete_old(session, row, previous_at=last.at if last else None)
    _add_to_log(session, row)
    if last is None or last.outcome != DeliveryOutcome.REFUSED:
        _record_activity(session, webhook, row, ActivityKind.FAILURE, sentence="Webhook “{name}” refused a delivery")


def _record_activity(
    session: Transaction, webhook: IncomingWebhook, row: ReceivedDelivery, kind: ActivityKind, *, sentence: str
) -> None:
    link, values = f"/webhooks/received/{row.id}", {"actor": webhook.name, "name": webhook.name}
    told = activity.record(session, row.tenant_id, kind, sentence, agent_id=webhook.agent_id, link=link, **values)
    told.event_id = row.event_id


def _row(webhook: IncomingWebhook, sent: IncomingRequest, outcome: DeliveryOutcome) -> ReceivedDelivery:
    headers = {name: sent.headers[name][:500] for name in _LOGGED_HEADERS if name in sent.headers}
    return ReceivedDelivery(
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        outcome=outcome,
        message_id=sent.headers.get("webhook-id", "")[:255],
        headers=headers | {"sender": sent.sender},
        size=len(sent.body),
    )


def _text(sent: IncomingRequest) -> str:
    encoding = delivery_bodies.detect_encoding(sent.body, sent.headers.get("content-type", ""))
    return sent.body.decode(encoding, "replace").replace("\x00", "\ufffd")


def _accepted_before(session: Transaction, webhook: IncomingWebhook, ids: list[str]) -> dict[str, str | None]:
    """Return the event ids of deliveries accepted before, by message id."""
    same = owned(ReceivedDelivery, webhook.tenant_id).where(
        ReceivedDelivery.webhook_id == webhook.id, col(ReceivedDelivery.taken_id).in_(ids)
    )
    earlier = (
        session.execute(same.with_only_columns(ReceivedDelivery.taken_id, ReceivedDelivery.event_id)) if ids else ()
    )
    return dict(iter(earlier))


def _add_to_log(session: Transaction, row: ReceivedDelivery) -> None:
    """Add a delivery to the log and notify open pages after the commit."""
    session.add(row)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "webhook", row.id))
