"""Accounts: registration, password check, user preferences and settings of the company."""

import re

from sqlalchemy.exc import IntegrityError

from platform_app import email_addresses
from platform_app.automation.calendar import time_zone_names
from platform_app.clock import new_id, now
from platform_app.db import Transaction, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, Invalid, NotFound
from platform_app.i18n import LANGUAGES
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.accounts import passwords, sessions, sign_in_audit, sign_in_throttle
from platform_app.services.crm import phone_numbers, pipelines
from platform_app.services.feed import activity

CURRENCIES: tuple[str, ...] = (
    *("USD", "EUR", "GBP", "RUB", "AED", "AMD", "AZN", "BRL", "BYN", "CAD", "CHF", "CNY", "CZK", "GEL", "ILS"),
    *("INR", "JPY", "KGS", "KZT", "MDL", "PLN", "RSD", "TJS", "TRY", "UAH", "UZS"),
)
RUN_RETENTION_DAYS = (30, 90, 180, 365, 0)  # choices; 0: for ever
_TRANSLITERATION = str.maketrans(
    dict(zip("абвгдеёзийклмнопрстуфыэіїєґ", "abvgdeeziyklmnoprstufyeiieg", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
)


def clean_name(text: str, *, empty: str, field: str) -> str:
    """Return a name on one line, at most 200 characters, without unprintable characters.

    Raises Invalid with the sentence `empty` at `field` if nothing is left.
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    if not shown.strip():
        raise Invalid(empty, field=field)
    return " ".join(shown.split())[:200]


def register(
    session: Transaction,
    *,
    email: str,
    name: str,
    password: str,
    tenant_name: str,
    language: str,
    time_zone: str,
    address: str = "",
) -> tuple[User, Tenant]:
    """Create a tenant, its owner and its first pipeline; return the user and the tenant.

    Registrations are limited by the client's IP `address`; "" is not. An unknown `language` becomes "en", an unknown
    `time_zone` "Europe/Moscow". Raises Invalid if a value is not accepted, LimitReached if too many accounts came from
    the address, Conflict if the e-mail address has an account, and Unavailable if too many passwords are being hashed.
    """
    email = email_addresses.validate_email(email)
    name = clean_name(name, empty="Enter your name.", field="name")
    tenant_name = clean_name(tenant_name, empty="Enter the name of your company.", field="tenant")
    password = passwords.validate_password(password, email, name, tenant_name)
    if address:
        sign_in_throttle.count_registration(address)
    hashed = passwords.hash_password(password)  # before the first statement: it is slow and would hold the write lock
    if session.exec(unscoped(User).where(User.email == email)).first():
        raise Conflict("An account with this email already exists. Sign in instead.", field="email")
    language = language if language in LANGUAGES else "en"
    zone = time_zone if time_zone in time_zone_names() else "Europe/Moscow"
    tenant = Tenant(slug=_free_slug(session, tenant_name), name=tenant_name, language=language, time_zone=zone)
    tenant.currency = "RUB" if language == "ru" else "USD"
    user = User(email=email, name=name, password_hash=hashed, language=language)
    session.add(tenant)
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("Someone else just changed this. Reload and try again.", field="email") from error
    session.add(Member(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER))
    pipelines.create_default(session, tenant.id, language)
    return user, tenant


def _free_slug(session: Transaction, name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower().translate(_TRANSLITERATION))[:48].strip("-") or "tenant"
    if session.exec(unscoped(Tenant).where(Tenant.slug == slug)).first():
        slug = f"{slug}-{new_id()[-6:]}"
    return slug


def authenticate(email: str, password: str, address: str) -> User:
    """Return the user with this e-mail address and password.

    `address` is the IP address of the client. Unknown and disabled users get the same answer in the same time as a
    wrong password. Raises Forbidden if the credentials are wrong, LimitReached after too many failures, and Unavailable
    if too many passwords are being hashed.
    """
    email = email_addresses.normalize_email(email)
    sign_in_throttle.count_attempt(email, address)
    user = _find_by_email(email) if email_addresses.is_email(email) else None
    fits = passwords.verify_password(password, user.password_hash if user else "")
    if not fits or user is None or user.disabled_at is not None:
        sign_in_audit.record_failure(user.id if user else "", address)
        raise Forbidden("Incorrect email or password.", field="password")
    sign_in_throttle.record_success(email, address)
    return user


def _find_by_email(email: str) -> User | None:
    with session_scope(reason="sign-in", read_only=True) as session:
        user: User | None = session.exec(unscoped(User).where(User.email == email)).first()
        return user


def _get_user(session: Transaction, user_id: str) -> User:
    user: User | None = session.exec(unscoped(User).where(User.id == user_id)).first()
    if user is None:
        raise NotFound("User not found.")
    return user


def change_password(who: Identity, current: str, new: str) -> None:
    """Set a new password and end every other session of the user.

    Raises Forbidden if `current` is wrong, Invalid if `new` breaks a rule for passwords, LimitReached after too many
    wrong attempts, and Unavailable if too many passwords are being hashed.
    """
    user = check_password(who, current, field="current")
    hashed = passwords.hash_password(passwords.validate_password(new, user.email, user.name, who.tenant_name))
    with session_scope(reason="change of password") as session:
        _get_user(session, who.user_id).password_hash = hashed
        sessions.end_all_sessions(session, who.user_id, except_id=who.session_id)


def check_password(who: Identity, password: str, *, field: str) -> User:
    """Return the signed-in user if the password is right.

    Raises Forbidden at `field` if it is wrong, LimitReached after too many wrong attempts, and Unavailable if too many
    passwords are being hashed.
    """
    with session_scope(reason="check of a password", read_only=True) as session:
        user = _get_user(session, who.user_id)
    place = f"session of {user.id}"  # limited per user, not per IP address
    sign_in_throttle.count_attempt(user.email, place)
    if not passwords.verify_password(password, user.password_hash):
        raise Forbidden("Current password is incorrect.", field=field)
    sign_in_throttle.record_success(user.email, place)
    return user


def set_disabled(session: Transaction, user_id: str, *, disabled: bool) -> None:
    """Disable or enable a user's sign-in. Disabling ends all sessions of the user.

    Raises NotFound if there is no such user.
    """
    _get_user(session, user_id).disabled_at = now() if disabled else None
    if disabled:
        sessions.end_all_sessions(session, user_id)


def set_language(session: Transaction, user_id: str, language: str) -> None:
    """Store a user's language, "ru" or "en". Raises Invalid for another value, NotFound for an unknown user."""
    if language not in LANGUAGES:
        raise Invalid("This value isn’t allowed.", field="language")
    _get_user(session, user_id).language = language


def set_theme(session: Transaction, user_id: str, theme: str) -> None:
    """Store a user's theme: light, dark or system. Raises Invalid for another value, NotFound for an unknown user."""
    if theme not in ("light", "dark", "system"):
        raise Invalid("This value isn’t allowed.", field="theme")
    _get_user(session, user_id).theme = theme


def set_name(session: Transaction, user_id: str, name: str) -> None:
    """Store a user's name. Raises Invalid if it is empty, NotFound for an unknown user."""
    _get_user(session, user_id).name = clean_name(name, empty="Enter your name.", field="name")


def update_tenant(
    session: Transaction,
    who: Identity,
    *,
    name: str,
    time_zone: str,
    run_days: int | None = None,
    country: str | None = None,
    currency: str | None = None,
) -> None:
    """Update the company's name, time zone, retention of the run log, country of phone numbers, and currency.

    None leaves a value unchanged. `run_days` is one of RUN_RETENTION_DAYS; `country` is an ISO 3166 code of two
    letters, "" stands for the country of the time zone; `currency` is one of CURRENCIES or "". Raises Forbidden unless
    the user is an owner or admin, and Invalid if a value is not accepted.
    """
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    name = clean_name(name, empty="Enter the name of your company.", field="tenant")
    if time_zone not in time_zone_names():
        raise Invalid("Unknown time zone.", field="time_zone")
    if run_days is not None and run_days not in RUN_RETENTION_DAYS:
        raise Invalid("This value isn’t allowed.", field="run_days")
    if country and country not in phone_numbers.COUNTRIES:
        raise Invalid("This value isn’t allowed.", field="country")
    if currency and currency not in CURRENCIES:
        raise Invalid("This value isn’t allowed.", field="currency")
    tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
    tenant.name, tenant.time_zone = name, time_zone
    tenant.country = tenant.country if country is None else country
    tenant.currency = tenant.currency if currency is None else currency
    if session.is_modified(tenant):
        activity.record_by(session, who, ActivityKind.PERSON, "Company settings changed", link="/settings")
    tenant.run_days = tenant.run_days if run_days is None else run_days


def run_retention_days(session: Transaction, who: Identity) -> int:
    """Return for how many days the tenant's log of rule runs is kept; 0 means for ever."""
    return int(session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().run_days)


def phone_country(session: Transaction, who: Identity) -> str:
    """Return the tenant's country (two letters) for phone numbers without a country code; "" follows the time zone."""
    return str(session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().country)
