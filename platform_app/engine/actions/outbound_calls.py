"""Outbound calls: the calls of actions, and whether they arrived."""

from typing import Any

import httpx

from platform_app.automation.output_encoding import RequestBody
from platform_app.errors import Invalid, Unavailable
from platform_app.integrations import egress, smtp
from platform_app.services.jobs.effects import CallFailed


def send_email(server: smtp.Server, message: dict[str, str], key: str) -> dict[str, Any]:
    """Send an e-mail and return its outcome. Raises CallFailed if it was not sent and may be retried."""
    try:
        return dict(smtp.send(server, smtp.written(server, **message, key=key)))
    except Unavailable as error:
        raise CallFailed(error.sentence, **error.values) from error


def post_webhook(address: str, body: RequestBody, key: str) -> dict[str, Any]:
    """Post a body with its idempotency key and return the outcome.

    Raises CallFailed if there was no answer or an error that may pass, Invalid if the address rejects it.
    """
    headers = {"content-type": body.content_type, "webhook-id": key, "idempotency-key": key}
    try:
        answer = egress.post(address, body.text, headers)
    except (httpx.HTTPError, OSError) as error:  # if it arrived nevertheless, the key makes a repetition safe
        raise CallFailed("The address doesn’t answer.") from error
    if answer.status == 429 or answer.status >= 500:
        raise CallFailed("The URL isn’t working.")
    if answer.status >= 300:
        raise Invalid("The address answered {status}.", field="url", status=answer.status)
    return {"status": answer.status, "answer": answer.text[:500]}
