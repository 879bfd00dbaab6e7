"""Platform SMTP: the platform's own mail server, from the settings."""

from email.utils import parseaddr

from platform_app.config import settings
from platform_app.errors import Conflict
from platform_app.integrations import smtp
from platform_app.models.mail import MailSecurity
from platform_app.smtp_address import parse_smtp_url


def is_configured() -> bool:
    """Return whether the settings name a mail server."""
    return bool(settings().smtp_url.get_secret_value())


def get_server() -> smtp.Server:
    """Return the mail server of the settings. Raises Conflict if they name none."""
    if not is_configured():
        raise Conflict("The platform has no mail server.")
    address = parse_smtp_url(settings().smtp_url.get_secret_value())
    name, sender = parseaddr(settings().mail_from)
    return smtp.Server(
        host=address.host,
        port=address.port,
        security=MailSecurity(address.security),
        sender_address=sender,
        sender_name=name,
        user_name=address.user_name,
        password=address.password,
        is_trusted=True,
    )
