"""Effects: a call is made once, or its outcome is known to be uncertain."""

from typing import Any

import httpx
import pytest

from platform_app.automation.output_encoding import Format, RequestBody
from platform_app.db import owned, session_scope
from platform_app.engine.actions import outbound_calls
from platform_app.errors import Invalid, Unavailable
from platform_app.jobs import LeaseLost, RunningJob
from platform_app.models.job import Effect
from platform_app.models.person import Identity
from platform_app.services.jobs import effects
from platform_app.services.jobs.effects import CallFailed, UncertainOutcome
from tests.jobs.test_ledger import put, taken


class Call:
    """A call that raises the given errors in turn, then has an outcome; it counts how often it was made."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.keys = list(errors), list[str]()

    def __call__(self, key: str) -> dict[str, Any]:
        self.keys.append(key)
        if self.errors:
            raise self.errors.pop(0)
        return {"made": len(self.keys)}


@pytest.fixture
def job(who: Identity) -> RunningJob:
    return taken(put(who)[0])


def closed(who: Identity) -> list[bool]:
    """Return for each record of a call whether it is closed."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.closed_at is not None for row in session.exec(owned(Effect, who.tenant_id)).all()]


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_call_that_was_made_is_not_made_again(who: Identity, job: RunningJob, repeatable: bool) -> None:
    call = Call()
    for _ in range(2):
        assert effects.call_once(job, "k", call, repeatable=repeatable) == {"made": 1}
    assert (call.keys, closed(who)) == (["k"], [True])


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("error", [CallFailed("No."), Invalid("No."), Unavailable("No.")])
def test_a_call_that_had_no_effect_can_be_made_again(
    who: Identity, job: RunningJob, error: Exception, repeatable: bool
) -> None:
    call = Call(error)
    with pytest.raises(type(error)):
        effects.call_once(job, "k", call, repeatable=repeatable)
    assert closed(who) == []
    assert effects.call_once(job, "k", call, repeatable=repeatable) == {"made": 2}


def test_an_unexpected_error_leaves_a_doubt_unless_the_key_is_honoured(who: Identity, job: RunningJob) -> None:
    call, repeatable = Call(ZeroDivisionError()), Call(ZeroDivisionError())
    for _ in range(2):
        with pytest.raises(UncertainOutcome):
            effects.call_once(job, "k", call, repeatable=False)
    with pytest.raises(ZeroDivisionError):
        effects.call_once(job, "r", repeatable, repeatable=True)
    assert closed(who) == [False, False]
    assert effects.call_once(job, "r", repeatable, repeatable=True) == {"made": 2}
    assert (call.keys, repeatable.keys) == (["k"], ["r", "r"])


def test_a_lost_lease_is_no_outcome(who: Identity, job: RunningJob) -> None:
    with pytest.raises(LeaseLost):
        effects.call_once(job, "k", Call(LeaseLost("j")), repeatable=False)
    assert closed(who) == [False]


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), TimeoutError(), OSError()])
def test_a_webhook_without_an_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(outbound_calls.egress, "post", silent)
    with pytest.raises(CallFailed, match="doesn’t answer"):
        outbound_calls.post_webhook("https://shop.test", RequestBody("", Format.PLAIN), "k")
