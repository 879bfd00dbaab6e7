"""CRM client: a client that notes its calls, and its errors as those of a CRM."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from platform_app.integrations import egress
from platform_app.integrations.base import (
    CallEntry,
    CrmBusy,
    CrmError,
    CrmRefused,
    CrmUncertain,
    CrmUnpaid,
    CrmUnreachable,
)
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.client import AccessSource, KommoClient
from platform_app.integrations.oauth_tokens import Access


class LoggedClient(KommoClient):
    """A client that notes each call."""

    def __init__(self, source: AccessSource) -> None:
        super().__init__(source)
        self.calls: list[CallEntry] = []

    def _send(self, access: Access, method: str, path: str, content: bytes) -> egress.Download:
        began, status, problem = time.monotonic(), 0, ""
        try:
            answer = super()._send(access, method, path, content)
            status = answer.status
            return answer
        except errors.KommoError as error:
            problem = error.sentence
            raise
        finally:
            milliseconds = round((time.monotonic() - began) * 1_000)
            self.calls.append(CallEntry(method, path.partition("?")[0], status, milliseconds, problem))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the errors of the client as those of a CRM."""
    try:
        yield
    except errors.RateLimited as error:
        raise CrmBusy(error.sentence, seconds=error.seconds, **error.values) from error
    except errors.KommoError as error:
        kinds: dict[type[errors.KommoError], type[CrmError]] = {
            errors.Unauthorized: CrmRefused,
            errors.PaymentRequired: CrmUnpaid,
            errors.Unreachable: CrmUnreachable,
            errors.Uncertain: CrmUncertain,
        }
        values: dict[str, Any] = error.values
        raise kinds.get(type(error), CrmError)(error.sentence, **values) from error
