"""Outbound calls: the calls of actions, and whether they arrived."""

from dataclasses import dataclass
from typing import Any

import httpx

from platform_app.automation import webhook_answers
from platform_app.automation.output_encoding import RequestBody
from platform_app.errors import Invalid, Unavailable
from platform_app.integrations import egress, smtp
from platform_app.services.jobs.effects import CallFailed
from platform_app.services.webhooks import outgoing_payloads, rule_secrets


def send_email(server: smtp.Server, message: dict[str, str], key: str) -> dict[str, Any]:
    """Send an e-mail and return its outcome. Raises CallFailed if it was not sent and may be retried."""
    try:
        return dict(smtp.send(server, smtp.written(server, **message, key=key)))
    except Unavailable as error:
        raise CallFailed(error.sentence, **error.values) from error


@dataclass(frozen=True)
class Signing:
    """What the webhooks of a rule or sequence are signed with, and how many automations led to them."""

    tenant_id: str
    depth: int

    def headers(self, key: str, body: str) -> dict[str, str]:
        """Return the headers of Standard Webhooks. Raises Conflict if the secrets cannot be decrypted."""
        return outgoing_payloads.signed_headers(
            rule_secrets.signing_secrets(self.tenant_id), key, body, depth=self.depth
        )


def post_webhook(address: str, body: RequestBody, key: str, signing: Signing | None = None) -> dict[str, Any]:
    """Post a body with its idempotency key, signed, and return the outcome with the JSON answer.

    Raises CallFailed if there was no answer or an error that may pass, Invalid if the address rejects it.
    """
    headers = signing.headers(key, body.text) if signing else {"webhook-id": key}
    headers |= {"content-type": body.content_type, "idempotency-key": key}
    try:
        answer = egress.post(address, body.text, headers, kept=webhook_answers.MAX_CHARS + 1)
    except (httpx.HTTPError, OSError) as error:  # if it arrived nevertheless, the key makes a repetition safe
        raise CallFailed("The address doesn’t answer.") from error
    if answer.status == 429 or answer.status >= 500:
        raise CallFailed("The URL isn’t working.")
    if answer.status >= 300:
        raise Invalid("The address answered {status}.", field="url", status=answer.status)
    text = answer.text.replace("\x00", "\ufffd")
    return {"status": answer.status, "answer": text[:500], "json": webhook_answers.parse(answer.text)}
