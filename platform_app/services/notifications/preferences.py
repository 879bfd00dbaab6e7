"""Preferences: how each member wants to be told of each kind of notification."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.models.notification import EmailDelivery, NotificationKind, NotificationPreference
from platform_app.models.person import Identity


@dataclass(frozen=True)
class Preference:
    """How a member is told: in the console, in the browser, by e-mail."""

    in_console: bool = True
    in_browser: bool = True
    email: EmailDelivery = EmailDelivery.NEVER


DEFAULT = Preference()
_DEFAULTS = {NotificationKind.COMPANY: Preference(email=EmailDelivery.AT_ONCE)}


def of_members(
    session: Transaction, tenant_id: str, kind: NotificationKind, user_ids: Iterable[str]
) -> dict[str, Preference]:
    """Return the preference of each of these users for a kind."""
    ids = list(user_ids)
    query = owned(NotificationPreference, tenant_id).where(
        NotificationPreference.kind == kind, col(NotificationPreference.user_id).in_(ids)
    )
    stored = {row.user_id: _preference(row) for row in session.exec(query).all()}
    return {user_id: stored.get(user_id, _DEFAULTS.get(kind, DEFAULT)) for user_id in ids}


def list_own(session: Transaction, who: Identity) -> dict[NotificationKind, Preference]:
    """Return the acting member's preference for every kind, in the order of the kinds."""
    query = owned(NotificationPreference, who.tenant_id).where(NotificationPreference.user_id == who.user_id)
    stored = {row.kind: _preference(row) for row in session.exec(query).all()}
    return {kind: stored.get(kind, _DEFAULTS.get(kind, DEFAULT)) for kind in NotificationKind}


def save(
    session: Transaction,
    who: Identity,
    kind: str,
    *,
    in_console: bool | None = None,
    in_browser: bool | None = None,
    email: str | None = None,
) -> Preference:
    """Store how the acting member is told of a kind from now on; None leaves a part as it is.

    Raises Invalid for an unknown kind or way.
    """
    if kind not in list(NotificationKind) or (email is not None and email not in list(EmailDelivery)):
        raise Invalid("This value isn’t allowed.")
    query = owned(NotificationPreference, who.tenant_id).where(
        NotificationPreference.user_id == who.user_id, NotificationPreference.kind == kind
    )
    row: NotificationPreference | None = session.exec(query.with_for_update()).first()
    if row is None:
        row = NotificationPreference(tenant_id=who.tenant_id, user_id=who.user_id, kind=NotificationKind(kind))
        row.email = _DEFAULTS.get(row.kind, DEFAULT).email
        session.add(row)
    row.in_console = row.in_console if in_console is None else in_console
    row.in_browser = row.in_browser if in_browser is None else in_browser
    row.email = row.email if email is None else EmailDelivery(email)
    return _preference(row)


def _preference(row: NotificationPreference) -> Preference:
    return Preference(row.in_console, row.in_browser, row.email)
