"""Operations: what a resource of the API can do, declared once for routing, validation and the OpenAPI document."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from platform_app.db import Transaction
from platform_app.models.person import Identity, Role
from platform_app.services.api_keys.api_keys import KeyHolder
from platform_app.services.api_keys.scopes import Scope

BASE = "/api/v1"
ID_PATTERN = "^[0-9a-f]{32}$"
OPERATIONS: list["Operation"] = []
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Input(BaseModel):
    """What a client sends: exact types, and no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The parameters behind the question mark of an address; without any, none is accepted."""

    model_config = ConfigDict(extra="forbid")


@dataclass
class Call:
    """A request that may be carried out: who asks, in which transaction, and the validated values."""

    session: Transaction
    holder: KeyHolder
    ids: dict[str, str]  # the values in the path, by name
    query: Any  # an instance of the operation's query class
    body: Any  # an instance of the operation's body class, or None
    after: list[Callable[[], object]] = field(default_factory=list)  # run on the event loop after the commit

    @property
    def who(self) -> Identity:
        """The acting identity."""
        return self.holder.who


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path: what it needs, what it takes and what it answers with."""

    method: str
    path: str  # with {names} of ids
    scope: Scope
    run: Callable[[Call], Any]
    query: type[Query] = Query
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None  # None: no content, or events
    status: int = 200
    streams: bool = False  # `run` is asynchronous, opens its own transactions and returns the response
    reads: bool = False  # it changes nothing, though its method or scope says otherwise

    @property
    def role(self) -> Role:
        """The lowest role of a member that may do it."""
        return Role.VIEWER if self.scope.endswith(":read") else Role.OPERATOR

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return not self.reads and not self.scope.endswith(":read")

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a repeat with an Idempotency-Key takes effect once."""
        return self.changes and not self.streams and self.method != "PUT"

    @property
    def tag(self) -> str:
        """The resource."""
        return self.scope.partition(":")[0]

    @property
    def id_names(self) -> list[str]:
        """The names of the ids in the path."""
        return _PLACEHOLDER.findall(self.path)

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression that the whole path of a request has to match."""
        return re.compile(_PLACEHOLDER.sub(r"(?P<\1>[0-9a-f]{32})", self.path))

    def ids_in(self, path: str) -> dict[str, str] | None:
        """Return the ids in the path of a request by name, or None if it is another path."""
        found = self.pattern.fullmatch(path)
        return found.groupdict() if found else None


def operation(
    method: str, path: str, scope: Scope, *, base: str = BASE, **more: Any
) -> Callable[[Callable[[Call], Any]], Any]:
    """Return a decorator that declares a function as an operation below `base`; `more` are fields of Operation.

    The function's docstring is the summary in the document.
    """

    def declare(run: Callable[[Call], Any]) -> Callable[[Call], Any]:
        OPERATIONS.append(Operation(method=method, path=base + path, scope=scope, run=run, **more))
        return run

    return declare
