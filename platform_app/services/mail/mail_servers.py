"""Mail servers: the SMTP server of a tenant: set, test, remove and use it."""

import re
from ipaddress import ip_address

from sqlalchemy.exc import IntegrityError

from platform_app import encryption
from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid
from platform_app.i18n import translate
from platform_app.integrations import smtp
from platform_app.models.event import ActivityKind
from platform_app.models.mail import MAIL_FORM, MailSecurity, MailServer
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import sign_in_throttle, tenant_secrets
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.feed import activity

PASSWORD = "smtp password"  # noqa: S105  # the purpose of the secret
NO_SERVER = "No mail server yet. An admin can add one in Settings, Email."
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*", re.ASCII)


def has_server(session: Transaction, tenant_id: str) -> bool:
    """Return whether the tenant has a mail server."""
    return _row(session, tenant_id) is not None


def get_server(session: Transaction, tenant_id: str) -> smtp.Server:
    """Return the tenant's mail server with its password. Raises Conflict if there is none."""
    row = _row(session, tenant_id)
    if row is None:
        raise Conflict(NO_SERVER)
    return smtp.Server(
        host=row.host,
        port=row.port,
        security=row.security,
        sender_address=row.sender_address,
        sender_name=row.sender_name,
        user_name=row.user_name,
        password=(tenant_secrets.read(session, tenant_id, PASSWORD) or "") if row.user_name else "",
    )


def get_settings(session: Transaction, who: Identity) -> MailServer | None:
    """Return the tenant's mail settings, or None. Raises Forbidden unless `who` is an owner or admin."""
    _require_admin(who)
    return _row(session, who.tenant_id)


def password_suffix(session: Transaction, who: Identity) -> str | None:
    """Return the last characters of the password, "" if it is short, None if there is none.

    Raises Forbidden unless `who` is an owner or admin, Conflict if the password cannot be decrypted.
    """
    _require_admin(who)
    password = tenant_secrets.read(session, who.tenant_id, PASSWORD)
    return None if password is None else encryption.visible_suffix(password)


def save(session: Transaction, who: Identity, form: dict[str, str]) -> MailServer:
    """Store the mail server from a form. An empty password keeps the stored one for the same server.

    Raises Forbidden unless `who` is an owner or admin; Invalid with the field's name for a wrong value, or if the host
    changed or encryption was switched off and no password is given; Conflict if it was changed concurrently.
    """
    _require_admin(who)
    row = _row(session, who.tenant_id, lock=True) or MailServer(
        tenant_id=who.tenant_id, host="", port=0, security=MailSecurity.TLS, sender_address=""
    )
    before = (row.host, row.security == MailSecurity.NONE)
    row.host, row.port = _host(form.get("host", "")), _port(form.get("port", ""))
    row.security = _security(form.get("security", ""))
    row.user_name = _ascii_text(form.get("user_name", ""), field="user_name")
    row.sender_address = _line(form.get("sender_address", ""), "sender_address")
    smtp.checked(row.sender_address, field="sender_address")  # stored as typed, also with a non-ASCII domain
    row.sender_name = smtp.one_line(_line(form.get("sender_name", ""), "sender_name"))
    is_moved = before != (row.host, row.security == MailSecurity.NONE)
    _store_password(session, row, form.get("password", ""), is_moved=is_moved)
    row.updated_at = now()
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("Someone else just changed this. Reload and try again.") from error
    activity.record_by(
        session, who, ActivityKind.PERSON, "Mail server {host} set", link="/settings/mail", host=row.host
    )
    return row


def _store_password(session: Transaction, row: MailServer, given: str, *, is_moved: bool) -> None:
    password = _ascii_text(given, field="password")
    if not row.user_name:
        if password:
            raise Invalid("Enter the user name that the password is for.", field="user_name")
        tenant_secrets.delete(session, row.tenant_id, PASSWORD)
    elif password:
        tenant_secrets.store(session, row.tenant_id, PASSWORD, password)
    elif is_moved or not tenant_secrets.exists(session, row.tenant_id, PASSWORD):
        raise Invalid("Enter the password for this server.", field="password")


def remove(session: Transaction, who: Identity) -> None:
    """Delete the mail server and its password. Raises Forbidden unless `who` is an owner or admin."""
    _require_admin(who)
    session.execute(owned_delete(MailServer, who.tenant_id))
    tenant_secrets.delete(session, who.tenant_id, PASSWORD)
    activity.record_by(session, who, ActivityKind.PERSON, "Mail server removed", link="/settings/mail")


def send_test(who: Identity) -> None:
    """Send a test message to the member's own address through the mail server.

    Raises Forbidden unless `who` is an owner or admin, LimitReached after too many tests, Conflict if there is no
    server, and what `smtp.send` raises.
    """
    _require_admin(who)
    sign_in_throttle.count_test_message(who.tenant_id)
    with session_scope(who.tenant_id, read_only=True) as session:
        server = get_server(session, who.tenant_id)
    subject = translate(who.language, "Test email from {tenant}", tenant=who.tenant_name)
    text = translate(who.language, "{tenant} sends email through {host}.", tenant=who.tenant_name, host=server.host)
    smtp.send(server, smtp.written(server, to=who.email, subject=subject, text=text, key=f"test {new_id()}"))


def _require_admin(who: Identity) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def _row(session: Transaction, tenant_id: str, *, lock: bool = False) -> MailServer | None:
    query = owned(MailServer, tenant_id)
    server: MailServer | None = session.exec(query.with_for_update() if lock else query).first()
    return server


def _longest(field: str) -> int:
    return MAIL_FORM[field].max_length or 0


def _line(given: str, field: str) -> str:
    return clean_line(given, field, max_length=_longest(field))


def _ascii_text(text: str, *, field: str) -> str:
    """Return a text that SMTP can transmit. Raises Invalid if it is too long or not printable ASCII."""
    longest = _longest(field)
    if not isinstance(text, str) or len(text) > longest:
        raise Invalid("This is longer than {count} characters.", field=field, count=longest)
    if not (text.isascii() and text.isprintable()):
        raise Invalid("Only Latin letters, digits and signs can be used here.", field=field)
    return text


def _host(given: str) -> str:
    host = _line(given, "host").rstrip(".")
    try:
        known = host.encode("idna").decode()
    except UnicodeError:
        known = ""
    if not known.isprintable() or not (_HOST.fullmatch(known) or _is_address(known)):
        raise Invalid("Enter the server name, for example smtp.example.com.", field="host")
    return host.lower()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _port(given: str) -> int:
    shown = MAIL_FORM["port"]
    if not (isinstance(given, str) and given.strip().isdecimal() and len(given.strip()) < 6):
        raise Invalid(shown.problem, field="port")
    if not shown.allows(port := int(given)):
        raise Invalid(shown.problem, field="port")
    return port


def _security(given: str) -> MailSecurity:
    if given not in list(MailSecurity):
        raise Invalid(MAIL_FORM["security"].problem, field="security")
    return MailSecurity(given)
