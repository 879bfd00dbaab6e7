"""Opening hours: when the team behind a web chat is there, and whether it is now."""

from typing import Any

from platform_app.automation.availability import WorkingHours, parse_hours, reason_closed
from platform_app.channels.web_chat import WebChatSettings
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Tenant
from platform_app.services.channels import channel_accounts


def is_away(session: Transaction, account: ChannelAccount) -> bool:
    """Return whether it is now outside the hours of a web chat, by the clocks of its zone or the tenant's."""
    tenant = session.get(Tenant, account.tenant_id)
    assert tenant is not None
    return reason_closed(hours_of(account), tenant.time_zone, now()) is not None


def hours_of(account: ChannelAccount) -> WorkingHours:
    """Return the hours of a web chat; without any, somebody is there at any time."""
    own = channel_accounts.settings_of(account)
    return own.hours if isinstance(own, WebChatSettings) else WorkingHours()


def get_hours(session: Transaction, who: Identity, account_id: str) -> WorkingHours:
    """Return the hours of a web chat. Raises NotFound if there is none."""
    return hours_of(_get(session, who, account_id, lock=False))


def save_hours(session: Transaction, who: Identity, account_id: str, data: dict[str, Any]) -> WorkingHours:
    """Store the hours of a web chat and return them; `data` is that of a WorkingHours.

    Raises NotFound if there is no such web chat, Invalid as `parse_hours` does.
    """
    hours = parse_hours(data)
    account = _get(session, who, account_id, lock=True)
    account.settings = account.settings | {"hours": hours.model_dump(mode="json")}
    channel_accounts.publish_change(session, account)
    return hours


def _get(session: Transaction, who: Identity, account_id: str, *, lock: bool) -> ChannelAccount:
    account = channel_accounts.get(session, who, account_id, lock=lock)
    if account.kind != Channel.WEB_CHAT:
        raise NotFound("Channel account not found. It may have been deleted.")
    return account
