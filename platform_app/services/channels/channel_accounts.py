"""Channel accounts: connect, change, switch, delete and restore the places of channels."""

import secrets
from typing import Any

from pydantic import ValidationError
from sqlmodel import col

from platform_app import notifier
from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction, owned, owned_update, session_scope, unscoped
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.form_fields import WRONG_VALUE, Control, format_typed, parse_typed
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, ChannelAccount
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.channels import channel_access
from platform_app.services.channels.channel_access import VerifiedAccess
from platform_app.services.feed import activity
from platform_app.services.versions.deletable_rows import DeletableRows

MAX_ACCOUNTS = 50  # of a tenant
_PLACEHOLDERS = {"name": "x", "agent_id": "x"}  # these are columns, beside the settings
_ROWS = DeletableRows(
    model=ChannelAccount,
    missing="Channel account not found. It may have been deleted.",
    max_rows=MAX_ACCOUNTS,
    limit_reached="You can add up to {count} channel accounts.",
)


def list_accounts(session: Transaction, who: Identity) -> list[ChannelAccount]:
    """Return the tenant's channel accounts, sorted by name."""
    query = owned(ChannelAccount, who.tenant_id).where(col(ChannelAccount.deleted_at).is_(None))
    return sorted(session.exec(query).all(), key=lambda row: (row.name.casefold(), row.id))


def get(session: Transaction, who: Identity, account_id: str, *, lock: bool = False) -> ChannelAccount:
    """Return a channel account. Raises NotFound if it does not exist or is deleted."""
    return _ROWS.get(session, who, account_id, lock=lock)


def find_by_token(token: str) -> ChannelAccount:
    """Return the channel account with a public token. Raises NotFound if there is none, or it is switched off."""
    with session_scope(reason="a visitor of a channel account", read_only=True) as session:
        row: ChannelAccount | None = session.exec(unscoped(ChannelAccount).where(ChannelAccount.token == token)).first()
    if row is None or row.deleted_at is not None or not row.enabled or row.agent_id is None:
        raise NotFound("Page not found.")
    return row


def receiver_of(row: ChannelAccount, outside_id: str) -> ChannelAccount | None:
    """Return the account of the same tenant and channel that an update names, None if there is none that is on.

    Channels whose address is that of a whole app post updates of all its accounts to one account's address.
    """
    if outside_id in ("", row.outside_id):
        return row
    query = owned(ChannelAccount, row.tenant_id).where(
        ChannelAccount.kind == row.kind,
        ChannelAccount.outside_id == outside_id,
        col(ChannelAccount.deleted_at).is_(None),
        col(ChannelAccount.enabled),
        col(ChannelAccount.agent_id).is_not(None),
    )
    with session_scope(row.tenant_id, read_only=True) as session:
        receiver: ChannelAccount | None = session.exec(query).first()
    return receiver


def kind_of(row: ChannelAccount) -> ChannelKind:
    """Return the channel of an account."""
    return CHANNEL_KINDS[row.kind]


def settings_of(row: ChannelAccount) -> ChannelSettings:
    """Return the settings of an account."""
    found = kind_of(row).settings.model_validate(row.settings | _PLACEHOLDERS)
    return found.model_copy(update={"name": row.name, "agent_id": row.agent_id or ""})


def form_values(row: ChannelAccount) -> dict[str, Any]:
    """Return the settings of an account as its form shows them: a list as lines, a number as text."""
    shown = settings_of(row).model_dump(mode="json")
    return {
        name: "\n".join(value)
        if isinstance(value, list)
        else value
        if isinstance(value, (bool, dict))
        else format_typed(value)
        for name, value in shown.items()
    }


def create(
    session: Transaction,
    who: Identity,
    kind: Channel,
    *,
    name: str,
    agent_id: str,
    access: VerifiedAccess | None = None,
) -> ChannelAccount:
    """Connect an account of a channel, with a random token of its own; `access` is for channels that have a server.

    Raises LimitReached if the tenant has MAX_ACCOUNTS, Invalid at the field if name, agent or access are not accepted,
    and NotFound if the channel cannot be connected or there is no such agent.
    """
    if kind not in CHANNEL_KINDS:
        raise NotFound("Channel not found.")
    check_room(session, who)
    row = ChannelAccount(tenant_id=who.tenant_id, kind=kind, name="", token=secrets.token_urlsafe(18))
    _set_values(session, who, row, {"name": name, "agent_id": agent_id})
    session.add(row)
    session.flush()
    if kind_of(row).push is not None:
        channel_access.store(session, row, access)
    _record(session, who, row, "Channel account “{name}” connected")
    return row


def check_room(session: Transaction, who: Identity) -> None:
    """Raise LimitReached if the tenant has MAX_ACCOUNTS."""
    if len(list_accounts(session, who)) >= MAX_ACCOUNTS:
        raise LimitReached("You can add up to {count} channel accounts.", count=MAX_ACCOUNTS)


def replace_access(session: Transaction, who: Identity, account_id: str, access: VerifiedAccess) -> ChannelAccount:
    """Store a new token of an account, which is connected again.

    Raises NotFound if there is no such account, Invalid at the field if the token belongs to another bot.
    """
    row = get(session, who, account_id, lock=True)
    if kind_of(row).push is None:
        raise NotFound("Channel account not found. It may have been deleted.")
    channel_access.store(session, row, access)
    _record(session, who, row, "Channel account “{name}” connected")
    return row


def set_problem(session: Transaction, tenant_id: str, account_id: str, sentence: str) -> None:
    """Store why messages of an account do not come in, or "" if they do."""
    update = owned_update(ChannelAccount, tenant_id).where(
        col(ChannelAccount.id) == account_id,
        col(ChannelAccount.problem) != sentence,
        col(ChannelAccount.state) == AccountState.CONNECTED,
    )
    changed = update.values(problem=sentence).execution_options(synchronize_session=False)
    # execute() is typed as Result; an update returns a CursorResult
    if session.execute(changed).rowcount:  # type: ignore[attr-defined]
        session.after_commit.append(lambda: notifier.publish(tenant_id, "channel", account_id))


def set_refused(session: Transaction, tenant_id: str, account_id: str, sentence: str) -> None:
    """Mark an account as refused by its channel, with the reason, and record an activity once."""
    query = owned(ChannelAccount, tenant_id).where(ChannelAccount.id == account_id)
    row: ChannelAccount = session.exec(query.with_for_update()).one()
    if row.state == AccountState.REFUSED:
        return
    row.state, row.problem = AccountState.REFUSED, sentence
    told, link = "The channel rejected the account “{name}”: {reason}", f"/settings/channels/{row.id}"
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, name=row.name, reason=sentence)
    publish_change(session, row)


def save(session: Transaction, who: Identity, account_id: str, changes: dict[str, Any]) -> ChannelAccount:
    """Change settings of an account, by the names of its form.

    Raises NotFound if there is no such account or agent, Invalid at the field for an unknown one or a wrong value.
    """
    row = get(session, who, account_id, lock=True)
    _set_values(session, who, row, changes)
    channel_access.look_again(session, row)
    publish_change(session, row)
    return row


def _set_values(session: Transaction, who: Identity, row: ChannelAccount, changes: dict[str, Any]) -> None:
    form, model = kind_of(row).form, kind_of(row).settings
    values = settings_of(row).model_dump(mode="json")
    for field, value in changes.items():
        if field not in form:
            raise Invalid(WRONG_VALUE, field=field)
        shown = form[field]
        given = parse_typed(shown, value) if shown.control == Control.NUMBER else value
        try:
            checked = model.model_validate(_PLACEHOLDERS | {field: given})
        except ValidationError as error:
            raise Invalid(shown.problem, field=field) from error
        values[field] = checked.model_dump(mode="json")[field]
        if "\x00" in str(values[field]):  # PostgreSQL cannot store it
            raise Invalid(WRONG_VALUE, field=field)
    if "agent_id" in changes:
        agents.get(session, who, values["agent_id"])
    row.name, row.agent_id = values.pop("name"), values.pop("agent_id") or None
    row.settings = values


def set_enabled(session: Transaction, who: Identity, account_id: str, *, enabled: bool) -> ChannelAccount:
    """Switch an account on or off; one that is off is answered as not found."""
    row = get(session, who, account_id, lock=True)
    if row.enabled != enabled:
        row.enabled = enabled
        channel_access.look_again(session, row)
        on, off = "Channel account “{name}” turned on", "Channel account “{name}” turned off"
        _record(session, who, row, on if enabled else off)
    return row


def delete(session: Transaction, who: Identity, account_id: str) -> ChannelAccount:
    """Delete an account; its conversations stay. It can be restored."""
    row = _ROWS.delete(session, who, account_id)
    channel_access.look_again(session, row)
    _record(session, who, row, "Channel account “{name}” deleted")
    return row


def restore(session: Transaction, who: Identity, account_id: str) -> ChannelAccount:
    """Restore a deleted account.

    Raises NotFound if there is no such deleted account, LimitReached if the tenant has MAX_ACCOUNTS, Conflict if its
    bot has been connected anew.
    """
    row = _ROWS.restore(session, who, account_id)
    with session.no_autoflush:
        channel_access.check_restorable(row)
    channel_access.look_again(session, row)
    publish_change(session, row)
    return row


def _record(session: Transaction, who: Identity, row: ChannelAccount, sentence: str) -> None:
    link = f"/settings/channels/{row.id}" if row.deleted_at is None else "/settings/channels"
    activity.record_by(
        session, who, ActivityKind.INTEGRATION, sentence, agent_id=row.agent_id, link=link, name=row.name
    )
    publish_change(session, row)


def publish_change(session: Transaction, row: ChannelAccount) -> None:
    """Notify open pages of a change to an account after the transaction commits."""
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "channel", row.id))
