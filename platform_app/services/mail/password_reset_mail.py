"""Password reset mail: the job that sends a reset link, and what is reported when it ends otherwise."""

from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, session_scope, unscoped
from platform_app.i18n import translate
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendPasswordReset
from platform_app.models.job import Job, JobState
from platform_app.models.person import User
from platform_app.services.accounts import link_tokens, password_resets
from platform_app.services.mail import platform_mail


def send_password_reset(job: RunningJob) -> None:
    """Send a user a new reset link; a user who was deleted or disabled meanwhile gets none."""
    platform_mail.send_once(job, f"password_reset:{job.id}", lambda: _compose(job.payload.user_id))


def _compose(user_id: str) -> dict[str, str] | None:
    """Issue a token; return receiver, subject and text of the e-mail with its link."""
    with session_scope(reason="password reset by e-mail") as session:
        user: User | None = session.exec(
            unscoped(User).where(User.id == user_id, col(User.disabled_at).is_(None))
        ).first()
        if user is None:
            return None
        address = link_tokens.link(password_resets.PAGE, password_resets.issue_token(session, user.id))
    text = platform_mail.bilingual(user.language, lambda language: _text(language, user, address))
    return {"to": user.email, "subject": translate(user.language, "Set a new password"), "text": text}


def _text(language: str, user: User, address: str) -> str:
    parts = (
        translate(language, "Hello, {name}.", name=user.name),
        translate(language, "To set a new password for {email}, open this link:", email=user.email),
        address,
        translate(language, "The link works once and is valid for an hour. You’ll be signed out everywhere."),
        translate(language, "If you didn’t request this, ignore this message. Your password won’t change."),
    )
    return "\n\n".join(parts)


def on_failure(
    session: Transaction, tenant_id: str, payload: SendPasswordReset, *, state: JobState, sentence: str, values: Any
) -> None:
    """Report in the feed that the e-mail was not sent, or that it is not known."""
    told = "Password reset email to {name} not sent: {reason}"
    platform_mail.report_failure(
        session, tenant_id, payload.user_id, told, kind=payload.kind, sentence=sentence, values=values
    )


def on_retry(session: Transaction, tenant_id: str, payload: SendPasswordReset) -> None:
    """Nothing waits for this job: the user gets a link when it is done."""


def payload_from_keys(session: Transaction, job: Job) -> SendPasswordReset | None:
    """Return the payload from the lock of a job."""
    user_id = id_from_key(job.lock_key, "password_reset:")
    return SendPasswordReset(user_id=user_id) if user_id else None
