"""Invitation mail: the job that e-mails an invitation, and its callbacks."""

from typing import Any

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.i18n import exact_time, translate
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendInvitation
from platform_app.models.invitation import Invitation, MailState
from platform_app.models.job import Job, JobState
from platform_app.models.person import ROLE_WORDS, Tenant
from platform_app.services.accounts import invitations, link_tokens
from platform_app.services.mail import platform_mail


def send_invitation(job: RunningJob) -> None:
    """Send the e-mail of an invitation with a new link; does nothing if it was accepted or revoked meanwhile."""

    def compose() -> dict[str, str] | None:
        with job.transaction() as session:
            return _compose(session, job)

    platform_mail.send_once(job, f"invitation:{job.id}", compose)
    with job.finish() as session:
        row = invitations.get_open(session, job.tenant_id, job.payload.invitation_id)
        if row is not None:
            row.mail, row.mailed_at = MailState.SENT, now()
            row.mail_error, row.mail_error_values = "", {}
            invitations.announce(session, row)


def _compose(session: Transaction, job: RunningJob) -> dict[str, str] | None:
    """Give an open invitation a new token; return receiver, subject and text of its e-mail, or None."""
    row = invitations.get_open(session, job.tenant_id, job.payload.invitation_id)
    if row is None:
        return None
    tenant = session.get(Tenant, job.tenant_id)
    assert tenant is not None
    address = link_tokens.link(invitations.PAGE, invitations.issue_token(session, row))
    names = {"inviter": row.inviter_name, "tenant": tenant.name}
    subject = translate(tenant.language, "{inviter} invited you to {tenant}", **names)
    text = platform_mail.bilingual(tenant.language, lambda language: _text(language, row, tenant, address))
    return {"to": row.email, "subject": subject, "text": text}


def _text(language: str, row: Invitation, tenant: Tenant, address: str) -> str:
    role, until = translate(language, ROLE_WORDS[row.role]), exact_time(language, row.expires_at, tenant.time_zone)
    names = {"inviter": row.inviter_name, "tenant": tenant.name, "role": role}
    parts = (
        translate(language, "{inviter} invited you to join “{tenant}”. Your role: {role}.", **names),
        translate(language, "To join, open this link:"),
        address,
        translate(language, "The link works once and is valid until {when}.", when=until),
        translate(language, "If you weren’t expecting this invitation, ignore this message."),
    )
    return "\n\n".join(parts)


def on_failure(
    session: Transaction, tenant_id: str, payload: SendInvitation, *, state: JobState, sentence: str, values: Any
) -> None:
    """Store that the e-mail of an invitation was not sent or is uncertain; the link can be sent again."""
    row = invitations.get_open(session, tenant_id, payload.invitation_id)
    if row is None:
        return
    row.mail = MailState.UNCERTAIN if state == JobState.UNCERTAIN else MailState.FAILED
    row.mail_error, row.mail_error_values = sentence[:500], {name: str(value) for name, value in values.items()}
    invitations.announce(session, row)


def on_retry(session: Transaction, tenant_id: str, payload: SendInvitation) -> None:
    """Mark an invitation as waiting for its job.

    Raises Conflict if it is closed, has expired or has a newer link.
    """
    row = invitations.get_open(session, tenant_id, payload.invitation_id)
    if row is None or row.expires_at <= now():
        raise Conflict("This invitation is closed or has expired.")
    if row.mail not in (MailState.FAILED, MailState.UNCERTAIN):
        raise Conflict("This invitation has a newer link.")
    row.mail, row.mail_error, row.mail_error_values = MailState.QUEUED, "", {}
    invitations.announce(session, row)


def payload_from_keys(session: Transaction, job: Job) -> SendInvitation | None:
    """Return the payload of a job from its lock key, or None."""
    invitation_id = id_from_key(job.lock_key, "invitation:")
    return SendInvitation(invitation_id=invitation_id) if invitation_id else None
