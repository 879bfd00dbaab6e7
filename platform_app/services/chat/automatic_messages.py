"""Automatic messages: the send gate for what rules and sequences are about to send, messages and e-mails alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app.automation.send_gate import WEEK, Decision, OutboundMessage, SendContext, Sender, decide
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Address, Contact
from platform_app.models.person import Tenant
from platform_app.models.sending import Dispatch
from platform_app.services.chat import sending


@dataclass(frozen=True)
class AutomaticMessage:
    """A message in a conversation, or an e-mail to an address, that automation is about to send."""

    is_exempt: bool  # transactional: caps and quiet hours do not apply
    conversation: Conversation | None = None
    address: str = ""
    is_test: bool = False  # an e-mail that follows from a test chat
    is_released: bool = False  # by a member, after it was held
    has_template: bool = False  # it can go out as a template where the channel takes no free text

    @property
    def outbound(self) -> OutboundMessage:
        """The message as the send gate judges it."""
        sender = Sender.MEMBER if self.is_released and not self.is_test else Sender.AUTOMATION
        return OutboundMessage(sender, is_exempt=self.is_exempt, has_template=self.has_template)


def context_of(session: Transaction, tenant_id: str, message: AutomaticMessage) -> SendContext | None:
    """Return the circumstances of a message as they are now; None for an e-mail to no contact."""
    if message.conversation is not None:
        return sending.send_context(session, message.conversation, message.outbound)
    return _email_context(session, tenant_id, message, _contacts(session, tenant_id, message.address))


def foresee(
    session: Transaction, tenant_id: str, message: AutomaticMessage, *, at: datetime, sent: Sequence[datetime] = ()
) -> Decision:
    """Return the gate's decision on a message at a moment, as things stand now; nothing is changed.

    `sent` are the moments of messages to the same contact that would be sent before it.
    """
    context = context_of(session, tenant_id, message)
    return decide(context.with_sent(sent), message.outbound, at) if context is not None else Decision()


def admit_email(session: Transaction, tenant_id: str, message: AutomaticMessage, key: str) -> Decision:
    """Return the gate's decision on an e-mail that is about to be sent, and count it for the caps if it is let through.

    `key` is the idempotency key of the call, which is counted once. An address of no contact is never held or dropped.
    """
    contacts = _contacts(session, tenant_id, message.address, lock=True)
    context = _email_context(session, tenant_id, message, contacts, key=key)
    decision = decide(context, message.outbound, now()) if context is not None else Decision()
    is_counted = decision.sends and contacts and message.outbound.is_counted
    if is_counted and session.exec(owned(Dispatch, tenant_id).where(Dispatch.key == key)).first() is None:
        session.add(Dispatch(tenant_id=tenant_id, contact_id=contacts[0].id, key=key, at=now()))
    return decision


def _contacts(session: Transaction, tenant_id: str, address: str, *, lock: bool = False) -> list[Contact]:
    """Return the contacts with an e-mail address, the oldest first; locked, so that two e-mails are sent in turn."""
    having = owned(Address, tenant_id).where(Address.value == fold(address)).with_only_columns(Address.contact_id)
    query = owned(Contact, tenant_id).where(col(Contact.id).in_(having), col(Contact.deleted_at).is_(None))
    query = query.order_by(Contact.id)
    return list(session.exec(query.with_for_update(key_share=True) if lock else query).all())


def _email_context(
    session: Transaction, tenant_id: str, message: AutomaticMessage, contacts: list[Contact], *, key: str = ""
) -> SendContext | None:
    """Return the circumstances of an e-mail to contacts that share its address, or None if it is to no contact."""
    if not contacts:
        return None
    tenant: Any = session.get(Tenant, tenant_id)
    policy, opted_out = sending.policy_of(session, tenant_id), [row.opted_out_at for row in contacts]
    counted = owned(Dispatch, tenant_id).where(
        col(Dispatch.contact_id).in_([row.id for row in contacts]), Dispatch.at > now() - WEEK, Dispatch.key != key
    )
    return SendContext(
        policy=policy,
        zone=contacts[0].time_zone or tenant.time_zone,
        opted_out_at=min((at for at in opted_out if at is not None), default=None),
        is_test=message.is_test,
        sent=session.exec(counted.with_only_columns(Dispatch.at).order_by(Dispatch.at)).all(),
    )
