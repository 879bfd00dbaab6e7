"""Mailing: a tenant's mail server and a person to write to, as tests need them."""

from typing import Any

from platform_app.models.person import Identity
from platform_app.services.crm import contacts
from platform_app.services.mail import mail_servers
from tests.mail_catcher import PASSWORD, USER
from tests.talking import call

FORM = {
    "host": "localhost",
    "port": "25",
    "security": "none",
    "user_name": USER,
    "password": PASSWORD,
    "sender_address": "shop@shop.test",
    "sender_name": "Магазин «Спица»",
}
EMAIL = {
    "kind": "send_email",
    "to": "{{ contact.email }}",
    "subject": "Заказ для {{ contact.name }}",
    "text": "Здравствуйте, {{ contact.name }}.",
}


def set_server(who: Identity, port: int, **more: str) -> None:
    """Set the tenant's mail server."""
    call(who, mail_servers.save, FORM | {"port": str(port)} | more)


def anna(who: Identity, **more: Any) -> Any:
    """Create a contact who can be written to."""
    return call(who, contacts.create, **({"name": "Анна", "emails": ["anna@people.test"]} | more))
