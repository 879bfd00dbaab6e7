"""Send policy: a tenant's limits on messages to its contacts, as admins read and change them."""

from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Forbidden, Invalid
from platform_app.models.conversation import Conversation, ConversationState, Message, MessageState
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.sending import MAX_OPT_OUT_WORDS, OverdueApproval, SendingPolicy
from platform_app.services.chat import opt_outs, sending
from platform_app.services.feed import activity


def get(session: Transaction, who: Identity) -> tuple[SendingPolicy, bool]:
    """Return the tenant's policy with its opt-out words, and whether a member's reply ends sequences."""
    policy = sending.policy_of(session, who.tenant_id)
    tenant = session.get(Tenant, who.tenant_id)
    whole = policy.model_copy(update={"opt_out_words": opt_outs.words_of(policy)})
    return whole, bool(tenant and tenant.stop_on_member_reply)


def save(session: Transaction, who: Identity, values: dict[str, Any], *, stop_on_member_reply: bool) -> SendingPolicy:
    """Replace the tenant's policy and reschedule what waits; return the policy.

    Raises Forbidden unless `who` is an owner or admin, and Invalid with the field's name if a value is not allowed.
    """
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    try:
        policy = SendingPolicy.model_validate(values)
    except ValidationError as error:
        raise Invalid("This value isn’t allowed.", field=str(error.errors()[0]["loc"][0])) from error
    if bool(policy.quiet_from) != bool(policy.quiet_to):
        raise Invalid("Enter both the start and the end of quiet hours, or neither.", field="quiet_to")
    if any(len(words) > MAX_OPT_OUT_WORDS for words in policy.opt_out_words.values()):
        raise Invalid("You can add up to {count}.", field="opt_out_words", count=MAX_OPT_OUT_WORDS)
    tenant = session.get(Tenant, who.tenant_id)
    assert tenant is not None
    tenant.sending, tenant.stop_on_member_reply = policy.model_dump(mode="json"), stop_on_member_reply
    _reschedule(session, who, policy)
    activity.record_by(session, who, ActivityKind.PERSON, "Company settings changed", link="/settings")
    return policy


def _reschedule(session: Transaction, who: Identity, policy: SendingPolicy) -> None:
    """Recompute when conversations are handed back and approvals become overdue."""
    talks = owned(Conversation, who.tenant_id).where(Conversation.state == ConversationState.HANDED_OFF)
    for row in session.exec(talks.order_by(Conversation.id).with_for_update(key_share=True)).all():
        since = row.member_at or row.in_charge_since or now()
        row.hand_back_at = since + timedelta(hours=policy.hand_back_hours) if policy.hand_back_hours else None
    is_timed = policy.approval_minutes and policy.approval_overdue != OverdueApproval.WAIT
    waiting = owned(Message, who.tenant_id).where(Message.state == MessageState.TO_APPROVE)
    for message in session.exec(waiting.order_by(Message.id).with_for_update()).all():
        message.due_at = now() + timedelta(minutes=policy.approval_minutes) if is_timed else None
