"""Outbound actions: actions that call other systems, each with an idempotency key."""

from typing import ClassVar, Literal

from platform_app.db import Transaction
from platform_app.engine.actions.action_base import Action, ActionInput, action_field, limits_field
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.engine.actions.outbound_calls import Signing, post_webhook, send_email
from platform_app.errors import Conflict, Invalid
from platform_app.integrations import egress, smtp
from platform_app.models.person import Identity
from platform_app.services.chat import unsubscribe_links
from platform_app.services.chat.automatic_messages import AutomaticMessage
from platform_app.services.mail import mail_servers

CONTACT_EMAIL = "{{ contact.email }}"


class SendEmail(Action):
    """Send an email

    Sent through the mail server set in Settings.
    """

    menu_order: ClassVar[int] = 100
    sends: ClassVar[str] = "email"
    kind: Literal["send_email"] = "send_email"
    to: str = action_field("To", ActionInput.TO, required=False, prefill=CONTACT_EMAIL)
    subject: str = action_field("Subject", ActionInput.LINE)
    text: str = action_field("Text", ActionInput.TEXT)
    limits: str = limits_field()

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to send an e-mail through the tenant's mail server, which does not support retries of uncertain calls.

        Raises Conflict if the contact has no address, and Invalid if subject or text is empty.
        """
        server = mail_servers.get_server(context.session, context.who.tenant_id)
        to, subject, text = (
            context.render(template) for template in (self.to or CONTACT_EMAIL, self.subject, self.text)
        )
        if not to:
            raise Conflict("No address to write to.")
        if not subject or not text:
            raise Invalid("Subject or text of the message is empty.", field="text")
        message = {"to": smtp.checked(to, field="to"), "subject": smtp.one_line(subject), "text": text}
        if not self.is_exempt:
            message["unsubscribe_url"] = unsubscribe_links.address_link(context.who.tenant_id, message["to"])
        values = {"to": to, "text": message["subject"]}
        sent = AutomaticMessage(self.is_exempt, address=to, is_test=context.follows_from_test_chat())
        return ActionPlan(
            "Write to {to}: “{text}”", values, call=lambda key: send_email(server, message, key), message=sent
        )

    @classmethod
    def missing_setup(cls, session: Transaction, who: Identity) -> str:
        """Return that a mail server has to be set up, or ""."""
        return "" if mail_servers.has_server(session, who.tenant_id) else mail_servers.NO_SERVER


class CallWebhook(Action):
    """Call a webhook

    Sends a signed POST request to your URL. Values are encoded for JSON, forms or XML automatically.
    Later actions use its JSON answer as {{ webhook.answer.NAME }} and its status as {{ webhook.status }}.
    """

    icon: ClassVar[str] = "webhook"
    menu_order: ClassVar[int] = 110
    is_answered: ClassVar[bool] = True
    kind: Literal["call_webhook"] = "call_webhook"
    url: str = action_field("URL", ActionInput.WORD)
    body: str = action_field("Body", ActionInput.TEXT, required=False)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to post a text to an address, with an idempotency key."""
        address, body = egress.check(self.url), context.render_body(self.body)
        signing = Signing(context.who.tenant_id, context.event.depth + 1)
        return ActionPlan(
            "Call {url}", {"url": address}, call=lambda key: post_webhook(address, body, key, signing), repeatable=True
        )
