"""Unsubscribe links: addresses at which one request opts a contact out of messages (RFC 8058)."""

from dataclasses import dataclass

from sqlmodel import col

from platform_app import encryption
from platform_app.automation.values import fold
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import NotFound, PlatformError
from platform_app.i18n import translate
from platform_app.models.crm import Address, Contact
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.sending import OptOutCause
from platform_app.services.chat import opt_outs

PATH = "/unsubscribe/"
_PURPOSE, _OWNER = "unsubscribe link", "platform"
_CONTACT, _ADDRESS = "contact", "address"
MAX_TOKEN_CHARS = 1_000


@dataclass(frozen=True)
class Subscription:
    """Whose messages a link ends: the tenant, its name and language, and the contacts."""

    tenant_id: str
    tenant_name: str
    language: str
    contact_ids: list[str]


def contact_link(tenant_id: str, contact_id: str) -> str:
    """Return the link that opts a contact out, "" if the platform has no public https address."""
    return _link(tenant_id, _CONTACT, contact_id)


def address_link(tenant_id: str, address: str) -> str:
    """Return the link that opts out every contact with an e-mail address, "" without a public https address."""
    return _link(tenant_id, _ADDRESS, fold(address))


def _link(tenant_id: str, kind: str, value: str) -> str:
    home = settings().public_url.strip().rstrip("/")
    if not home.startswith("https://"):
        return ""  # mail servers post to https alone
    return home + PATH + encryption.encrypt(f"{tenant_id} {kind} {value}", _OWNER, _PURPOSE)


def read(token: str) -> Subscription:
    """Return whose messages a link ends. Raises NotFound if it is none of ours, or the tenant is gone."""
    try:
        tenant_id, kind, value = encryption.decrypt(token[:MAX_TOKEN_CHARS], _OWNER, _PURPOSE).split(" ", 2)
    except (PlatformError, ValueError):
        raise NotFound("Page not found.") from None
    with session_scope(tenant_id, read_only=True) as session:
        tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise NotFound("Page not found.")
        return Subscription(tenant_id, tenant.name, tenant.language, _contacts(session, tenant_id, kind, value))


def _contacts(session: Transaction, tenant_id: str, kind: str, value: str) -> list[str]:
    having = owned(Address, tenant_id).where(Address.value == value).with_only_columns(Address.contact_id)
    wanted = col(Contact.id) == value if kind == _CONTACT else col(Contact.id).in_(having)
    query = owned(Contact, tenant_id).where(wanted, col(Contact.deleted_at).is_(None))
    return [contact.id for contact in session.exec(query.order_by(Contact.id)).all()]


def unsubscribe(found: Subscription) -> None:
    """Opt the contacts out; those who are opted out already stay so."""
    with session_scope(found.tenant_id) as session:
        tenant = session.get(Tenant, found.tenant_id)
        assert tenant is not None
        who = Identity(
            user_id="",
            tenant_id=tenant.id,
            role=Role.OPERATOR,
            name=translate(tenant.language, "Unsubscribe link"),
            email="",
            slug=tenant.slug,
            tenant_name=tenant.name,
            language=tenant.language,
            time_zone=tenant.time_zone,
        )
        for contact_id in found.contact_ids:
            opt_outs.opt_out(session, who, contact_id, cause=OptOutCause.LINK)
