"""Two-factor: the authenticator app and the recovery codes of a user, and the second step of the sign-in."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app import encryption
from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete, unscoped_update
from platform_app.errors import Conflict, Forbidden
from platform_app.models.audit import AuditObject
from platform_app.models.person import Identity
from platform_app.models.second_factor import RecoveryCode, SecondFactor
from platform_app.services.accounts import (
    accounts,
    link_tokens,
    member_records,
    sessions,
    sign_in_audit,
    sign_in_throttle,
    two_factor_policy,
)
from platform_app.services.accounts.tenant_secrets import SECOND_FACTOR_PURPOSE

ISSUER = "GPT Agents"  # as authenticator apps list it
CHALLENGE_LIFETIME = timedelta(minutes=5)  # from the password to the code
STEP_SECONDS = 30
DRIFT_STEPS = 1  # how far the clock of the app may be off, in steps
RECOVERY_CODES = 10
WRONG_CODE = "This code is incorrect or expired. Enter the code your app shows now."
USED_CODE = "This code was already used. Wait for the next one."
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike
_RECOVERY_LEN = 16  # characters of _ALPHABET: 79 bits, so that a fast hash is enough


@dataclass(frozen=True)
class TwoFactorStatus:
    """Whether sign-in asks a user for a code, since when, and how many recovery codes are left."""

    enabled_at: datetime | None
    recovery_codes: int


@dataclass(frozen=True)
class AppSecret:
    """What an authenticator app needs: the secret in Base32, and the address that its QR code holds."""

    text: str
    address: str


def get_status(session: Transaction, who: Identity) -> TwoFactorStatus:
    """Return the state of the user's second factor."""
    factor = _factor(session, who.user_id)
    count = unscoped(RecoveryCode).where(RecoveryCode.user_id == who.user_id).with_only_columns(func.count())
    return TwoFactorStatus(factor.confirmed_at if factor else None, int(session.exec(count).one()))


def begin(who: Identity) -> AppSecret:
    """Return the secret that the user's app shall be set up with; it is the same until it is confirmed.

    Raises Conflict if two-factor is on already.
    """
    with session_scope(reason="set-up of a second factor") as session:
        factor = _factor(session, who.user_id, lock=True)
        if factor is not None and factor.confirmed_at is not None:
            raise Conflict("Two-factor is already on.")
        secret = _read_secret(factor) if factor is not None else pyotp.random_base32()
        if factor is None:
            sealed = encryption.encrypt(secret, who.user_id, SECOND_FACTOR_PURPOSE)
            session.add(SecondFactor(user_id=who.user_id, sealed=sealed))
            _flush(session)
    return AppSecret(secret, pyotp.TOTP(secret).provisioning_uri(name=who.email, issuer_name=ISSUER))


def confirm(who: Identity, code: str, *, password: str) -> list[str]:
    """Switch two-factor on with a code of the app, end the user's other sessions, and return the recovery codes.

    Raises Forbidden at the field `password` or `code` if that is wrong, Conflict if two-factor is on already or was not
    begun, LimitReached after too many wrong passwords or codes, and Unavailable if too many passwords are being hashed.
    """
    accounts.check_password(who, password, field="password")
    place = f"session of {who.user_id}"
    sign_in_throttle.count_code(who.user_id, place)
    with session_scope(reason="set-up of a second factor") as session:
        factor = _factor(session, who.user_id, lock=True)
        if factor is None or factor.confirmed_at is not None:
            sentence = "Two-factor is already on." if factor else "Set the app up first."
            raise Conflict(sentence, field="code")
        factor.last_step = _matching_step(factor, code)
        factor.confirmed_at = now()
        codes = _replace_recovery_codes(session, who.user_id)
        sessions.end_all_sessions(session, who.user_id, except_id=who.session_id)
        member_records.record(session, who.user_id, "{name} turned two-factor on", {"two_factor": True})
    sign_in_throttle.record_right_code(who.user_id, place)
    return codes


def turn_off(who: Identity, password: str) -> None:
    """Switch two-factor off for a user who gives the password.

    Raises Forbidden if it is wrong, Conflict if a tenant of the user requires two-factor, LimitReached after too many
    wrong passwords, and Unavailable if too many passwords are being hashed.
    """
    with session_scope(reason="a second factor is turned off", read_only=True) as session:
        two_factor_policy.check_not_required(session, who.user_id)
    accounts.check_password(who, password, field="password")
    with session_scope(reason="a second factor is turned off") as session:
        delete(session, who.user_id)
        member_records.record(session, who.user_id, "{name} turned two-factor off", {"two_factor": False})


def renew_recovery_codes(who: Identity, password: str) -> list[str]:
    """Replace the recovery codes of a user who gives the password, and return the new ones.

    Raises Forbidden if it is wrong, Conflict if two-factor is off, LimitReached after too many wrong passwords, and
    Unavailable if too many passwords are being hashed.
    """
    accounts.check_password(who, password, field="password")
    with session_scope(reason="new recovery codes") as session:
        return _replace_recovery_codes(session, who.user_id)


def check_code(who: Identity, code: str) -> None:
    """Check and use up a code of the app, or a recovery code; nothing is asked of a user without a second factor.

    Raises Forbidden at the field `code` if it is wrong, and LimitReached after too many wrong codes.
    """
    with session_scope(reason="check of a code", read_only=True) as session:
        factor = _factor(session, who.user_id)
    if factor is None or factor.confirmed_at is None:
        return
    place = f"session of {who.user_id}"
    sign_in_throttle.count_code(who.user_id, place)
    with session_scope(reason="check of a code") as session:
        _use_code(session, who.user_id, code)
    sign_in_throttle.record_right_code(who.user_id, place)


def issue_challenge(session: Transaction, user_id: str) -> str:
    """Return a ticket that waits for a code, or "" if the user has no second factor."""
    factor = _factor(session, user_id)
    if factor is None or factor.confirmed_at is None:
        return ""
    return sessions.issue_ticket(session, user_id, lifetime=CHALLENGE_LIFETIME, needs_code=True)


def redeem_challenge(challenge: str, code: str, address: str) -> tuple[str, int | None]:
    """Return a ticket for a challenge and a right code, and how many recovery codes are left if it was one of them.

    `address` is the IP address of the client. Raises Forbidden if the challenge has expired or the code is wrong or was
    used, and LimitReached after too many wrong codes.
    """
    with session_scope(reason="second step of a sign-in", read_only=True) as session:
        user_id = sessions.find_ticket(session, challenge, needs_code=True).user_id
    sign_in_throttle.count_code(user_id, address)
    try:
        ticket, left = _redeem(challenge, user_id, code)
    except Forbidden:
        sign_in_audit.record_failure(user_id, address, kind=AuditObject.SECOND_FACTOR)
        raise
    sign_in_throttle.record_right_code(user_id, address)
    return ticket, left


def _redeem(challenge: str, user_id: str, code: str) -> tuple[str, int | None]:
    with session_scope(reason="second step of a sign-in") as session:
        sessions.consume_ticket(session, sessions.find_ticket(session, challenge, needs_code=True))
        left = _use_code(session, user_id, code)
        lifetime = sessions.TICKET_LIFETIME if left is None else CHALLENGE_LIFETIME  # people read how many are left
        return sessions.issue_ticket(session, user_id, lifetime=lifetime), left


def delete(session: Transaction, user_id: str) -> None:
    """Delete the second factor of a user with its recovery codes."""
    session.execute(unscoped_delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    session.execute(unscoped_delete(SecondFactor).where(col(SecondFactor.user_id) == user_id))


def _use_code(session: Transaction, user_id: str, code: str) -> int | None:
    """Use up a code of the app, or a recovery code and return how many of those are left."""
    factor = _factor(session, user_id, lock=True)
    if factor is None or factor.confirmed_at is None:
        raise Conflict("Two-factor is off.", field="code")
    if _is_recovery_code(code):
        return _use_recovery_code(session, user_id, code)
    step = _matching_step(factor, code)
    newer = unscoped_update(SecondFactor).where(col(SecondFactor.id) == factor.id, col(SecondFactor.last_step) < step)
    if session.execute(newer.values(last_step=step).returning(col(SecondFactor.id))).first() is None:
        raise Forbidden(USED_CODE, field="code")
    return None


def _use_recovery_code(session: Transaction, user_id: str, code: str) -> int:
    mine = unscoped_delete(RecoveryCode).where(
        col(RecoveryCode.user_id) == user_id, col(RecoveryCode.code_hash) == _hash(code)
    )
    if session.execute(mine.returning(col(RecoveryCode.id))).first() is None:
        raise Forbidden("This recovery code is incorrect or was already used.", field="code")
    left = unscoped(RecoveryCode).where(RecoveryCode.user_id == user_id).with_only_columns(func.count())
    return int(session.exec(left).one())


def _matching_step(factor: SecondFactor, code: str) -> int:
    """Return the time step of a code, at most DRIFT_STEPS from now. Raises Forbidden if it is the code of none."""
    given = code.replace(" ", "").encode("utf-8", "replace")
    app, current = pyotp.HOTP(_read_secret(factor)), int(now().timestamp()) // STEP_SECONDS
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(app.at(step).encode(), given):
            return step
    raise Forbidden(WRONG_CODE, field="code")


def _replace_recovery_codes(session: Transaction, user_id: str) -> list[str]:
    if _factor(session, user_id) is None:
        raise Conflict("Two-factor is off.")
    session.execute(unscoped_delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return codes


def _new_recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LEN))
    return "-".join(letters[at : at + 4] for at in range(0, _RECOVERY_LEN, 4))


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()


def _is_recovery_code(code: str) -> bool:
    return len(_plain(code)) == _RECOVERY_LEN and set(_plain(code)) <= set(_ALPHABET)


def _hash(code: str) -> str:
    return link_tokens.hash_token(_plain(code))


def _read_secret(factor: SecondFactor) -> str:
    return encryption.decrypt(factor.sealed, factor.user_id, SECOND_FACTOR_PURPOSE)


def _flush(session: Transaction) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("Someone else just changed this. Reload and try again.") from error


def _factor(session: Transaction, user_id: str, *, lock: bool = False) -> SecondFactor | None:
    query = unscoped(SecondFactor).where(SecondFactor.user_id == user_id)
    row: SecondFactor | None = session.exec(query.with_for_update() if lock else query).first()
    return row
