"""Kommo access: what connects a Salesbot, and what the client's errors mean to a channel."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from platform_app.channels.push_channel import (
    AccessField,
    AccountRefused,
    ChannelError,
    MessageRefused,
    OutcomeUnknown,
    TemporaryFailure,
)
from platform_app.errors import Invalid
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.client import KommoClient, LongLivedToken
from platform_app.integrations.kommo.hosts import parse_account_host
from platform_app.integrations.oauth_tokens import Access

CHANNEL = "Kommo"
FIELDS = (
    AccessField(
        "account", "Account", "Your account’s address, for example shop.kommo.com or shop.amocrm.ru.", is_secret=False
    ),
    AccessField("bot", "Bot ID", "The number in the address of the Salesbot.", is_secret=False, max_length=15),
    AccessField("token", "Long-lived token", "From the keys of your private integration.", max_length=5_000),
    AccessField("secret", "Secret key", "From the keys of your private integration. It signs the bot’s requests."),
)
UNPAID_SECONDS = 3_600.0
REVOKED = "Kommo no longer accepts the token. Enter a new one from the keys of your private integration."


@dataclass(frozen=True)
class KommoAccess:
    """A Salesbot of an account; `repr` does not show its secrets."""

    host: str
    bot: str
    token: str
    secret: str

    def __repr__(self) -> str:
        return f"KommoAccess(host={self.host!r}, bot={self.bot!r})"

    @classmethod
    def parse(cls, written: str) -> "KommoAccess":
        """Return the access of an account from its secret. Raises AccountRefused if it cannot be read."""
        try:
            return cls(**json.loads(written))
        except (ValueError, TypeError):
            raise AccountRefused(REVOKED) from None

    def client(self) -> KommoClient:
        """Return a client of the account."""
        return KommoClient(LongLivedToken(Access(self.host, self.token)))


def join(values: Mapping[str, str]) -> str:
    """Return the secret of an account from the fields of its form. Raises Invalid at the field that is wrong."""
    given = {name: str(value).strip() for name, value in values.items()}
    host = parse_account_host(given.get("account", ""))
    if not given.get("bot", "").isdecimal() or not given["bot"].isascii() or len(given["bot"]) > 15:
        raise Invalid("A bot ID is a number.", field="bot")
    for name in ("token", "secret"):
        value = given.get(name, "")
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise Invalid("Copy it again. It has no spaces.", field=name)
    return json.dumps(asdict(KommoAccess(host, given["bot"], given["token"], given["secret"])))


@contextmanager
def channel_errors() -> Iterator[None]:
    """Raise what the client raises in the block as errors of a channel."""
    try:
        yield
    except errors.Unauthorized:
        raise AccountRefused(REVOKED) from None
    except errors.KommoError as error:
        failure = _channel_error(error)
        raise failure from None


def _channel_error(error: errors.KommoError) -> ChannelError:
    """Return what an error of the client means to a channel."""
    values: dict[str, Any] = dict(error.values)
    if isinstance(error, errors.RateLimited):
        return TemporaryFailure(error.sentence, seconds=max(error.seconds, 1.0), **values)
    if isinstance(error, errors.PaymentRequired):
        return TemporaryFailure(error.sentence, seconds=UNPAID_SECONDS, **values)
    if isinstance(error, errors.Unreachable):
        return TemporaryFailure(error.sentence, **values)
    if isinstance(error, errors.Uncertain):
        return OutcomeUnknown(error.sentence, **values)
    return MessageRefused(error.sentence, **values)
