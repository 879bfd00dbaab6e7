"""OAuth tokens: what a service gives for a sign-in, and who exchanges and refreshes it there."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Access:
    """With what and where an account is called now; `repr` does not show the token."""

    host: str  # shop.kommo.com, or the name of a service that has one host for all accounts
    token: str

    def __repr__(self) -> str:
        return f"Access(host={self.host!r})"


@dataclass(frozen=True)
class Tokens:
    """What an exchange or a refresh gives; `repr` does not show it."""

    host: str
    access_token: str
    refresh_token: str
    seconds: int  # for which the access token counts

    def __repr__(self) -> str:
        return f"Tokens(host={self.host!r})"


class TokenService(Protocol):
    """A client that is registered at a service which gives tokens."""

    @property
    def client_id(self) -> str:
        """Whose requests are counted together."""

    @property
    def refusal(self) -> type[Exception]:
        """The kind of error that `refresh` raises if the account has to be connected again."""

    def refresh(self, tokens: Tokens) -> Tokens:
        """Return new tokens. Raises `refusal` if they do not count any more, another error if there is no answer."""

    def refused(self, host: str) -> Exception:
        """Return the error that says that the account has to be connected again; it is of the kind `refusal`."""

    def unanswered(self, host: str) -> Exception:
        """Return the error that says that new tokens have been waited for in vain."""
