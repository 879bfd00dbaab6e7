"""Outbound actions: what rules and steps send to other systems, each call with an idempotency key."""

from typing import ClassVar, Literal

from platform_app.db import Transaction
from platform_app.engine.actions.action_base import Action, Ask, asked
from platform_app.engine.actions.action_context import Plan, Scene
from platform_app.engine.actions.outbound_calls import post, send
from platform_app.errors import Conflict, Invalid
from platform_app.integrations import egress, smtp
from platform_app.models.person import Identity
from platform_app.services.mail import mail_servers

CONTACT = "{{ contact.email }}"


class SendEmail(Action):
    """Send an e-mail

    Through the mail server that is set under Settings.
    """

    menu_order: ClassVar[int] = 100
    kind: Literal["send_email"] = "send_email"
    to: str = asked("To", Ask.TO, needed=False, start=CONTACT)
    subject: str = asked("Subject", Ask.LINE)
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Send it through the tenant's mail server. No key is known there: what is in doubt is not sent again."""
        server = mail_servers.get_server(scene.session, scene.who.tenant_id)
        to, subject, text = (scene.fill(one) for one in (self.to or CONTACT, self.subject, self.text))
        if not to:
            raise Conflict("There is no address to write to.")
        if not subject or not text:
            raise Invalid("Subject or text of the message is empty.", field="text")
        message = {"to": smtp.checked(to, field="to"), "subject": smtp.one_line(subject), "text": text}
        values = {"to": to, "text": message["subject"]}
        return Plan("Write to {to}: “{text}”", values, call=lambda key: send(server, message, key))

    @classmethod
    def lacks(cls, session: Transaction, who: Identity) -> str:
        """Return that a mail server has to be set first."""
        return "" if mail_servers.has_server(session, who.tenant_id) else mail_servers.NO_SERVER


class CallWebhook(Action):
    """Call a webhook

    To an address of yours, once, with a key; values are encoded for JSON, a form or XML by themselves.
    """

    icon: ClassVar[str] = "webhook"
    menu_order: ClassVar[int] = 110
    kind: Literal["call_webhook"] = "call_webhook"
    url: str = asked("Address", Ask.WORD)
    body: str = asked("What is sent", Ask.TEXT, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Post a text to an address of the tenant's, with a key by which a repetition is known."""
        address, body = egress.check(self.url), scene.fill_body(self.body)
        return Plan("Call {url}", {"url": address}, call=lambda key: post(address, body, key), repeatable=True)
