"""Concurrency limit: heavy computations run one at a time per tenant and process."""

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from platform_app.db import Transaction
from platform_app.errors import LimitReached
from platform_app.models.person import Identity

P = ParamSpec("P")
R = TypeVar("R")
Work = Callable[Concatenate[Transaction, Identity, P], R]
_running: set[str] = set()
_lock = Lock()


def one_at_a_time(work: Work[P, R]) -> Work[P, R]:
    """Decorate a function so that one decorated function runs per tenant; raises LimitReached for a second."""

    @wraps(work)
    def guarded(session: Transaction, who: Identity, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            if who.tenant_id in _running:
                raise LimitReached("A backtest is already running. Try again when it finishes.")
            _running.add(who.tenant_id)
        try:
            return work(session, who, *args, **kwargs)
        finally:
            _running.discard(who.tenant_id)

    return guarded
