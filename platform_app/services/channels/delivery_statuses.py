"""Delivery statuses: what a channel says of messages that went out; a state only rises, whatever the order."""

from datetime import timedelta

from sqlmodel import col

from platform_app.channels.push_channel import ChannelError, ContactBlocked, Delivery, Update
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete
from platform_app.models.channel import ChannelAccount, ChannelIdentity, DeliveryReceipt, OutboundPart, OutboundState
from platform_app.models.conversation import Conversation
from platform_app.models.event import ActivityKind
from platform_app.services.chat import conversation_rows

KEEP_RECEIPTS = timedelta(days=1)  # of messages that another program sent from the same number
_ORDER = (  # a message that has failed can still turn out to be delivered
    OutboundState.WAITING,
    OutboundState.SENDING,
    OutboundState.UNCERTAIN,
    OutboundState.SENT,
    OutboundState.FAILED,
    OutboundState.DELIVERED,
    OutboundState.READ,
)


def reference_of(part: OutboundPart) -> str:
    """Return what a channel is to return with statuses of the present attempt of a part."""
    return f"{part.id}.{part.attempts}"


def apply(session: Transaction, account: ChannelAccount, update: Update) -> None:
    """Store how far a message has come; of one that the ledger does not know yet, until it does."""
    delivery = update.delivery
    assert delivery is not None
    part = _find(session, account, update, delivery)
    if part is not None:
        part.outside_id = part.outside_id or update.message_id
        raise_state(session, part, delivery.state, delivery.error)
    else:
        _keep(session, account, update.message_id, delivery)


def apply_receipt(session: Transaction, part: OutboundPart) -> None:
    """Raise the state of a part that has just got its id at the channel, if a status of it came before."""
    if not part.outside_id:
        return
    receipt = _receipt(session, part.tenant_id, part.account_id, part.outside_id)
    if receipt is not None:
        error = ChannelError(receipt.error, **receipt.error_values) if receipt.error else None
        raise_state(session, part, receipt.state, error)
        session.delete(receipt)


def raise_state(session: Transaction, part: OutboundPart, state: OutboundState, error: ChannelError | None) -> None:
    """Set the state of a part, locked, if it is further than the present one, and show it on open pages."""
    if _ORDER.index(state) <= _ORDER.index(part.state):
        return
    part.state, part.next_at, part.sent_at = state, None, part.sent_at or now()
    part.error = error.sentence if error is not None else ""
    part.error_values = {name: str(value)[:300] for name, value in error.values.items()} if error is not None else {}
    row = session.exec(owned(Conversation, part.tenant_id).where(Conversation.id == part.conversation_id)).one()
    if state == OutboundState.FAILED:
        told = "Message in “{title}” wasn’t delivered"
        conversation_rows.record(session, row, ActivityKind.FAILURE, told, who=None)
        if isinstance(error, ContactBlocked) and part.identity_id:
            _note_block(session, part)
    conversation_rows.publish_change(session, row)


def _note_block(session: Transaction, part: OutboundPart) -> None:
    identity = session.get(ChannelIdentity, part.identity_id)
    if identity is not None and (identity.seen_at is None or part.sent_at is None or identity.seen_at < part.sent_at):
        identity.blocked_at = now()


def _find(session: Transaction, account: ChannelAccount, update: Update, delivery: Delivery) -> OutboundPart | None:
    """Return the part of a status, locked: by the id at the channel, else by the reference of its present attempt."""
    query = owned(OutboundPart, account.tenant_id).where(OutboundPart.account_id == account.id)
    known: OutboundPart | None = session.exec(
        query.where(OutboundPart.outside_id == update.message_id).with_for_update()
    ).first()
    part_id, _, _ = delivery.reference.partition(".")
    if known is not None or not part_id:
        return known
    part: OutboundPart | None = session.exec(query.where(OutboundPart.id == part_id).with_for_update()).first()
    return part if part is not None and reference_of(part) == delivery.reference else None


def _receipt(session: Transaction, tenant_id: str, account_id: str, outside_id: str) -> DeliveryReceipt | None:
    query = owned(DeliveryReceipt, tenant_id).where(
        DeliveryReceipt.account_id == account_id, DeliveryReceipt.outside_id == outside_id
    )
    row: DeliveryReceipt | None = session.exec(query.with_for_update()).first()
    return row


def _keep(session: Transaction, account: ChannelAccount, outside_id: str, delivery: Delivery) -> None:
    row = _receipt(session, account.tenant_id, account.id, outside_id)
    if row is None:
        old = owned_delete(DeliveryReceipt, account.tenant_id).where(
            col(DeliveryReceipt.account_id) == account.id, col(DeliveryReceipt.created_at) < now() - KEEP_RECEIPTS
        )
        session.execute(old.execution_options(synchronize_session=False))
        row = DeliveryReceipt(
            tenant_id=account.tenant_id, account_id=account.id, outside_id=outside_id, state=delivery.state
        )
    elif _ORDER.index(delivery.state) <= _ORDER.index(row.state):
        return
    row.state, error = delivery.state, delivery.error
    row.error = error.sentence if error is not None else ""
    row.error_values = {name: str(value)[:300] for name, value in error.values.items()} if error is not None else {}
    session.add(row)
