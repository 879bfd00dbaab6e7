"""Shadow accounts: channel accounts in shadow mode: turned on, off, and off for stages of leads or tags alone."""

from sqlmodel import col

from platform_app.automation.values import fold
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, LimitReached, NotFound
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import ConversationTag
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowAnswer
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import shadow_mode
from platform_app.services.crm import pipelines
from platform_app.services.feed import activity

MAX_EXCEPTIONS = 200  # stages, and as many tags, in which an agent answers while the account is in shadow mode
NOT_IN_SHADOW = "This channel account isn’t in shadow mode."


def list_accounts(session: Transaction, who: Identity) -> list[ChannelAccount]:
    """Return the channel accounts that are in shadow mode, and then those that were, each sorted by name."""
    compared = owned(ShadowAnswer, who.tenant_id).with_only_columns(ShadowAnswer.account_id).distinct()
    with_answers = set(session.exec(compared).all())
    rows = [row for row in channel_accounts.list_accounts(session, who) if row.is_shadow or row.id in with_answers]
    return sorted(rows, key=lambda row: not row.is_shadow)


def set_shadow(session: Transaction, who: Identity, account_id: str, *, is_shadow: bool) -> ChannelAccount:
    """Turn the shadow mode of an account on, without exceptions, or off. Raises NotFound if there is no such account.

    What is being written when it is turned on is not sent. Answers that were kept are not sent when it is turned off.
    """
    row = channel_accounts.get(session, who, account_id, lock=True)
    if row.is_shadow != is_shadow:
        row.is_shadow = is_shadow
        if is_shadow:
            row.live_stages, row.live_tags = [], []
        on, off = "Shadow mode of “{name}” turned on", "Shadow mode of “{name}” turned off"
        _record(session, who, row, on if is_shadow else off)
    return row


def set_live_stage(
    session: Transaction, who: Identity, account_id: str, stage_id: str, *, is_live: bool
) -> ChannelAccount:
    """Set whether the agent answers contacts whose lead is in a stage; "" are those without a lead.

    Raises NotFound if there is no such account or stage, Conflict if the account is not in shadow mode, LimitReached
    if there are MAX_EXCEPTIONS stages.
    """
    row = _in_shadow(session, who, account_id)
    if is_live and stage_id:
        pipelines.get_stage(session, who, stage_id)
    row.live_stages = _changed(row.live_stages, stage_id, is_in=is_live)
    on, off = "Agent on “{name}” answers in one more stage", "Agent on “{name}” answers in one stage less"
    _record(session, who, row, on if is_live else off)
    return row


def set_live_tag(session: Transaction, who: Identity, account_id: str, tag: str, *, is_live: bool) -> ChannelAccount:
    """Set whether the agent answers in conversations that have a tag.

    Raises NotFound if there is no such account or no conversation has the tag, Conflict if the account is not in shadow
    mode, LimitReached if there are MAX_EXCEPTIONS tags.
    """
    row, key = _in_shadow(session, who, account_id), fold(tag)
    if is_live and not any(
        session.exists_each(owned(ConversationTag, who.tenant_id).where(ConversationTag.key == key))
    ):
        raise NotFound("Tag not found.")
    row.live_tags = _changed(row.live_tags, key, is_in=is_live)
    on, off = "Agent on “{name}” answers with one more tag", "Agent on “{name}” answers with one tag less"
    _record(session, who, row, on if is_live else off)
    return row


def tag_names(session: Transaction, who: Identity, keys: list[str]) -> dict[str, str]:
    """Return the names of tags of conversations by their keys; one that no conversation has is named by its key."""
    query = owned(ConversationTag, who.tenant_id).where(col(ConversationTag.key).in_(keys))
    names = session.execute(query.with_only_columns(ConversationTag.key, ConversationTag.tag).distinct()).all()
    return {key: key for key in keys} | {row[0]: row[1] for row in names}


def _in_shadow(session: Transaction, who: Identity, account_id: str) -> ChannelAccount:
    row = channel_accounts.get(session, who, account_id, lock=True)
    if not row.is_shadow:
        raise Conflict(NOT_IN_SHADOW)
    return row


def _changed(held: list[str], value: str, *, is_in: bool) -> list[str]:
    others = [other for other in held if other != value]
    if is_in and len(others) >= MAX_EXCEPTIONS:
        raise LimitReached("You can add up to {count} exceptions to shadow mode.", count=MAX_EXCEPTIONS)
    return [*others, value] if is_in else others


def _record(session: Transaction, who: Identity, row: ChannelAccount, sentence: str) -> None:
    link = f"/agents/shadow?account={row.id}"
    activity.record_by(
        session, who, ActivityKind.INTEGRATION, sentence, agent_id=row.agent_id, link=link, name=row.name
    )
    channel_accounts.publish_change(session, row)
    shadow_mode.publish_change(session, row.tenant_id, row.id)
