"""Errors: what goes wrong when Kommo is called, each with a sentence that says what to do."""

from dataclasses import dataclass

from platform_app.errors import PlatformError
from platform_app.integrations.crm_messages import (
    BUSY,
    DENIED,
    MISSING,
    NOT_PAID,
    REFUSED,
    REVOKED,
    SERVER_ERROR,
    UNCERTAIN,
    UNREACHABLE,
    UNREADABLE,
)

__all__ = [
    "BUSY",
    "DENIED",
    "MISSING",
    "NOT_PAID",
    "REFUSED",
    "REVOKED",
    "SERVER_ERROR",
    "UNCERTAIN",
    "UNREACHABLE",
    "UNREADABLE",
    "AccessDenied",
    "EntityNotFound",
    "FieldProblem",
    "KommoError",
    "PaymentRequired",
    "RateLimited",
    "RefusedFields",
    "Unauthorized",
    "Uncertain",
    "Unreachable",
]


class KommoError(PlatformError):
    """A call to Kommo failed."""

    status = 502


class Unauthorized(KommoError):
    """Kommo does not accept the token, also after a refresh: the account has to be connected again."""


class PaymentRequired(KommoError):
    """The account is not paid."""


class AccessDenied(KommoError):
    """The member of Kommo in whose name the platform acts may not do this."""


class EntityNotFound(KommoError):
    """What was asked for does not exist in the account."""


class RateLimited(KommoError):
    """The call has to wait: nothing was sent, or Kommo refused it. It may be made again after `seconds`."""

    def __init__(self, sentence: str, *, seconds: float, field: str = "", **values: object) -> None:
        super().__init__(sentence, field=field, **values)
        self.seconds = seconds


@dataclass(frozen=True)
class FieldProblem:
    """Why Kommo does not take a field: `path` such as custom_fields_values.0.values.0.value."""

    request_id: str
    path: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path or self.code}: {self.detail or self.code}" if self.path or self.code else self.detail


class RefusedFields(KommoError):
    """Kommo does not take what was sent; `problems` has an entry for each field."""

    def __init__(self, sentence: str, problems: list[FieldProblem], *, field: str = "", **values: object) -> None:
        super().__init__(sentence, field=field, **values)
        self.problems = problems


class Unreachable(KommoError):
    """Kommo cannot be reached or has a fault: nothing was done, or what was asked may be asked again."""

    status = 503


class Uncertain(KommoError):
    """A request that creates something was sent and there was no answer: whether it had an effect is not known.

    It must not be repeated before what it creates has been looked for.
    """

    status = 503
