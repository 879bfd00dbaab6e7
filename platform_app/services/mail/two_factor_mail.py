"""Two-factor mail: the job that tells a user of a reset second factor, and what is reported when it ends otherwise."""

from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, session_scope, unscoped
from platform_app.i18n import translate
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendTwoFactorReset
from platform_app.models.job import Job, JobState
from platform_app.models.person import Tenant, User
from platform_app.services.mail import platform_mail


def send_two_factor_reset(job: RunningJob) -> None:
    """Tell a user that their second factor was reset; a user who was deleted or disabled meanwhile is not told."""
    platform_mail.send_once(job, f"two_factor_reset:{job.id}", lambda: _compose(job.tenant_id, job.payload.user_id))


def _compose(tenant_id: str, user_id: str) -> dict[str, str] | None:
    with session_scope(reason="second factor reset, by e-mail", read_only=True) as session:
        query = unscoped(User).where(User.id == user_id, col(User.disabled_at).is_(None))
        user: User | None = session.exec(query).first()
        if user is None:
            return None
        tenant = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id)).one().name
    text = platform_mail.bilingual(user.language, lambda language: _text(language, user.name, tenant))
    return {"to": user.email, "subject": translate(user.language, "Your two-factor was reset"), "text": text}


def _text(language: str, name: str, tenant: str) -> str:
    told = "An owner or admin of {tenant} turned off your two-factor authentication. You’ve been signed out everywhere."
    parts = (
        translate(language, "Hello, {name}.", name=name),
        translate(language, told, tenant=tenant),
        translate(language, "Sign in with your password and set it up again under Settings, Sign-in and security."),
        translate(language, ("If you didn’t ask for this, change your password and tell an owner of your company.")),
    )
    return "\n\n".join(parts)


def on_failure(
    session: Transaction, tenant_id: str, payload: SendTwoFactorReset, *, state: JobState, sentence: str, values: Any
) -> None:
    """Report in the feed that the e-mail was not sent, or that it is not known."""
    told = "Two-factor email to {name} not sent: {reason}"
    platform_mail.report_failure(
        session, tenant_id, payload.user_id, told, kind=payload.kind, sentence=sentence, values=values
    )


def on_retry(session: Transaction, tenant_id: str, payload: SendTwoFactorReset) -> None:
    """Nothing waits for this job: the second factor is off already."""


def payload_from_keys(session: Transaction, job: Job) -> SendTwoFactorReset | None:
    """Return the payload from the lock of a job."""
    user_id = id_from_key(job.lock_key, "two_factor_reset:")
    return SendTwoFactorReset(user_id=user_id) if user_id else None
