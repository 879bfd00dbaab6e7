"""Receiving: deliveries of other systems: known by the address, verified, written down with their event, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import col
from standardwebhooks import Webhook, WebhookVerificationError

from platform_app import bell
from platform_app.automation.payloads import Unreadable
from platform_app.db import Transaction, everywhere, owned, owned_delete, session_scope
from platform_app.errors import Conflict, LimitReached, NotFound, PlatformError, Unavailable
from platform_app.events import emit
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.webhook import IncomingWebhook, Outcome, ReceivedDelivery
from platform_app.services import activity, addressees, bodies, members, webhook_fields, webhook_secrets, webhooks

LARGEST = 1_000_000  # bytes of a body
KEPT_IN_EVENT = 64_000  # bytes of a body whose payload stands in the event too
KEPT_OF_REFUSED = 10_000  # characters of a body
KEPT_REFUSED = 100  # of a webhook
KEPT_OF_TENANT = 500_000_000  # bytes of accepted bodies; beyond them a body is not kept, all else is
_GO_AT_ONCE = 50  # refused ones that make room for a new one
KEPT_FOR = timedelta(days=30)
_KEPT_HEADERS = ("content-type", "user-agent", "webhook-timestamp")
_SIGNED_BY = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Unverified(PlatformError):
    """A delivery without a valid signature; what is wrong with it is told to nobody outside."""

    status = 401


class TooLarge(LimitReached):
    """A body that is larger than a webhook takes."""

    status = 413


@dataclass(frozen=True)
class Sent:
    """What came to an address: the body as it was, the headers by their names in lower case, and who sent it."""

    body: bytes
    headers: Mapping[str, str]
    sender: str = ""
    is_cut: bool = False  # the body was larger than is taken, and was not read to its end


def find(address: str) -> IncomingWebhook:
    """Return the webhook of an address; one that is switched off or deleted is not found, like one that never was."""
    query = everywhere(IncomingWebhook).where(IncomingWebhook.address_hash == webhooks.hashed(address))
    with session_scope(reason="address of a webhook", reading=True) as session:
        return _open(session.exec(query).first())


def _open(row: IncomingWebhook | None) -> IncomingWebhook:
    if row is None or not row.enabled or row.deleted_at is not None:
        raise NotFound("There is nothing here.")
    return row


def take(webhook: IncomingWebhook, sent: Sent) -> Outcome:
    """Verify a delivery and write it down with its event; one whose id was accepted before changes nothing.

    Raises Unverified, TooLarge or Unreadable for one that is refused, which is written down as well.
    """
    try:
        if sent.is_cut:
            raise TooLarge("The body is larger than 1 MB.")
        _verify(webhook, sent)
        if len(sent.headers.get("webhook-id", "")) > 255:
            raise Unreadable("The webhook-id is longer than 255 characters.")
        payload = bodies.payload_of(sent.body, sent.headers.get("content-type", ""))
    except (Unverified, TooLarge, Unreadable) as error:
        with session_scope(webhook.tenant_id) as session:
            _refuse(session, webhook, sent, error.sentence)
        if isinstance(error, Unverified):
            raise Unverified("The delivery could not be verified.") from error
        raise
    with session_scope(webhook.tenant_id) as session:
        return _write(session, webhook, sent, payload)


def _verify(webhook: IncomingWebhook, sent: Sent) -> None:
    """Raise Unverified, with what is wrong for the log, unless the signature is right or none is required."""
    if not webhook.signed:
        return
    headers = {name: sent.headers.get(name, "") for name in _SIGNED_BY}
    if not all(headers.values()):
        raise Unverified("The signature is missing.")
    why = "The signature does not match."
    try:
        secrets = webhook_secrets.good(webhook)
    except Conflict as error:
        raise Unavailable("The delivery cannot be verified now. Send it again later.") from error
    for secret in secrets:
        try:
            Webhook(secret).verify(sent.body, headers, json_parse=False)
            return
        except WebhookVerificationError as error:
            if "timestamp" in str(error):
                why = "It was signed more than five minutes before or after it came."
        except ValueError:  # a signature that is no base64, a body that is no text
            continue
    raise Unverified(why)


def _write(session: Transaction, found: IncomingWebhook, sent: Sent, payload: Any) -> Outcome:
    """Write a delivery with its event. Those of one webhook wait for each other at its row."""
    query = owned(IncomingWebhook, found.tenant_id).where(IncomingWebhook.id == found.id)
    webhook = _open(session.exec(query.with_for_update()).first())
    row = _row(webhook, sent, Outcome.ACCEPTED)
    if row.message_id and (first := _first(session, row)) is not None:
        row.outcome, row.event_id = Outcome.DUPLICATE, first.event_id
        _forget_old(session, row, before=webhook.received_at)
        _keep(session, row)
        return row.outcome
    row.taken_id = row.message_id or None
    who = members.automation(session, webhook.tenant_id, webhook.name)
    after: dict[str, Any] = {"webhook_id": webhook.id, "name": webhook.name, "delivery_id": row.id}
    after["fields"] = webhook_fields.values(session, who, webhook.id, payload)
    after["payload"] = payload
    if row.size > KEPT_IN_EVENT:
        after |= {"payload": None, "payload_too_large": True, "payload_bytes": row.size}
    links = addressees.links(session, who, webhook, payload)
    kind, agent_id = EventKind.WEBHOOK_RECEIVED, webhook.agent_id
    row.event_id = emit(session, webhook.tenant_id, kind, after=after, agent_id=agent_id, **links).id
    if _forget_old(session, row, before=webhook.received_at):
        webhook.kept_bytes = _kept(session, row)
    _keep_body(session, webhook, row, sent)
    _keep(session, row)
    webhook.received_at = row.at
    _tell(session, webhook, row, ActivityKind.INTEGRATION, sentence="Webhook “{name}” came in")
    return row.outcome


def _refuse(session: Transaction, webhook: IncomingWebhook, sent: Sent, why: str) -> None:
    """Write down that a delivery was refused; people are told of the first of several in a row."""
    row = _row(webhook, sent, Outcome.REFUSED)
    row.why, row.body = why, _text(sent.body)[:KEPT_OF_REFUSED]
    last = _newest(session, row)
    _make_room(session, row)
    _forget_old(session, row, before=last.at if last else None)
    _keep(session, row)
    if last is None or last.outcome != Outcome.REFUSED:
        _tell(session, webhook, row, ActivityKind.FAILURE, sentence="Webhook “{name}” refused a delivery")


def _tell(
    session: Transaction, webhook: IncomingWebhook, row: ReceivedDelivery, kind: ActivityKind, *, sentence: str
) -> None:
    link, values = f"/webhooks/received/{row.id}", {"actor": webhook.name, "name": webhook.name}
    activity.record(session, row.tenant_id, kind, sentence, agent_id=webhook.agent_id, link=link, **values)


def _row(webhook: IncomingWebhook, sent: Sent, outcome: Outcome) -> ReceivedDelivery:
    headers = {name: sent.headers[name][:500] for name in _KEPT_HEADERS if name in sent.headers}
    return ReceivedDelivery(
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        outcome=outcome,
        message_id=sent.headers.get("webhook-id", "")[:255],
        headers=headers | {"sender": sent.sender},
        size=len(sent.body),
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _first(session: Transaction, row: ReceivedDelivery) -> ReceivedDelivery | None:
    """Return the accepted delivery of the same id."""
    same = owned(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id, ReceivedDelivery.taken_id == row.message_id
    )
    found: ReceivedDelivery | None = session.exec(same).first()
    return found


def _newest(session: Transaction, row: ReceivedDelivery) -> ReceivedDelivery | None:
    """Return the delivery before this one."""
    mine = owned(ReceivedDelivery, row.tenant_id).where(ReceivedDelivery.webhook_id == row.webhook_id)
    newest = mine.order_by(ReceivedDelivery.at.desc(), ReceivedDelivery.id.desc()).limit(1)  # type: ignore[attr-defined]
    found: ReceivedDelivery | None = session.exec(newest).first()
    return found


def _make_room(session: Transaction, row: ReceivedDelivery) -> None:
    """Take refused deliveries of the webhook out of the log that are more than are kept, a limited number at once."""
    refused = owned(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id, ReceivedDelivery.outcome == Outcome.REFUSED
    )
    at, row_id = col(ReceivedDelivery.at), col(ReceivedDelivery.id)
    last = refused.order_by(at.desc(), row_id.desc()).offset(KEPT_REFUSED - 1).limit(1)
    beyond: ReceivedDelivery | None = session.exec(last).first()
    if beyond is None:
        return
    old = refused.where(or_(at < beyond.at, and_(at == beyond.at, row_id <= beyond.id))).order_by(at, row_id)
    found = old.with_only_columns(ReceivedDelivery.id).limit(_GO_AT_ONCE).with_for_update(skip_locked=True)
    ids = session.execute(found).scalars().all()
    session.execute(owned_delete(ReceivedDelivery, row.tenant_id).where(row_id.in_(ids)))


def _kept(session: Transaction, row: ReceivedDelivery) -> int:
    """Return how many bytes of accepted bodies are in the log of a webhook."""
    accepted = owned(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id,
        ReceivedDelivery.outcome == Outcome.ACCEPTED,
        ReceivedDelivery.body != "",
    )
    return int(session.execute(accepted.with_only_columns(func.sum(ReceivedDelivery.size))).scalar() or 0)


def _keep_body(session: Transaction, webhook: IncomingWebhook, row: ReceivedDelivery, sent: Sent) -> None:
    """Keep the body of an accepted delivery while those of the tenant are not too many bytes together."""
    others = owned(IncomingWebhook, webhook.tenant_id).where(IncomingWebhook.id != webhook.id)
    kept = session.execute(others.with_only_columns(func.sum(IncomingWebhook.kept_bytes))).scalar() or 0
    if int(kept) + webhook.kept_bytes + row.size <= KEPT_OF_TENANT:
        row.body = _text(sent.body)
        webhook.kept_bytes += row.size


def _forget_old(session: Transaction, row: ReceivedDelivery, *, before: datetime | None) -> bool:
    """With the first delivery of a day take out what is too old, and tell it. `before` is when the last one came."""
    if before is None or before.date() == row.at.date():
        return False
    old = owned_delete(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id,  # type: ignore[arg-type]
        ReceivedDelivery.at < row.at - KEPT_FOR,  # type: ignore[arg-type]
    )
    session.execute(old)
    return True


def _keep(session: Transaction, row: ReceivedDelivery) -> None:
    """Put a delivery into the log."""
    session.add(row)
    session.after_commit.append(lambda: bell.announce(row.tenant_id, "webhook", row.id))
