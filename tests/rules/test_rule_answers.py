"""Webhooks of rules: signed with a secret of the tenant; their JSON answers are variables of the actions after them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook

from platform_app.automation import webhook_answers
from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.engine.rules import dry_run
from platform_app.engine.sequences import sequence_scheduler
from platform_app.errors import Invalid
from platform_app.models.crm import Task
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.crm import contacts
from platform_app.services.webhooks import rule_secrets
from platform_app.services.webhooks.deliveries import IncomingRequest
from tests.hooks import a_webhook, address_of, deliver, events, take
from tests.receiving import Answer, Endpoint, an_outgoing, deliveries
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import a_lead, a_sequence, do, enrolled
from tests.talking import call, run_jobs

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def endpoint(env: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A server on this machine that webhooks may reach."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    settings.cache_clear()
    made = Endpoint()
    yield made
    made.close()
    settings.cache_clear()


def hook(endpoint: Endpoint, body: str = "") -> dict[str, str]:
    return {"kind": "call_webhook", "url": endpoint.address, "body": body}


def task(text: str) -> dict[str, str]:
    return {"kind": "create_task", "text": text, "user_id": "", "days": ""}


def tasks(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.text for row in session.exec(owned(Task, who.tenant_id).order_by(Task.id)).all()]


def is_signed(endpoint: Endpoint, secret: str) -> bool:
    request = endpoint.received[-1]
    try:
        Webhook(secret).verify(request.body, request.headers, json_parse=False)
    except Exception:
        return False
    return True


def test_signed_with_a_secret_that_is_renewed(who: Identity, endpoint: Endpoint) -> None:
    with time_machine.travel("2026-11-23T15:00:00+00:00", tick=False) as traveller:
        a_rule(who, "contact_created", hook(endpoint, '{"name": "{{ contact.name }}"}'))
        call(who, contacts.create, name="Анна")
        run_jobs(who)
        (first,) = rule_secrets.signing_secrets(who.tenant_id)
        assert is_signed(endpoint, first) and endpoint.received[0].json == {"name": "Анна"}
        second = call(who, rule_secrets.rotate).secret
        call(who, contacts.create, name="Boris")
        run_jobs(who)
        assert is_signed(endpoint, first) and is_signed(endpoint, second)
        traveller.shift(timedelta(hours=25))
        call(who, contacts.create, name="Cleo")
        run_jobs(who)
        assert not is_signed(endpoint, first) and is_signed(endpoint, second)


def test_that_of_a_sequence_is_signed_too(who: Identity, other: Identity, endpoint: Endpoint) -> None:
    sequence = a_sequence(who, do("call", hook(endpoint, "x")), do("end"))
    enrolled(who, sequence, a_lead(who))
    sequence_scheduler.run_due_steps()
    run_jobs(who)
    assert is_signed(endpoint, rule_secrets.signing_secrets(who.tenant_id)[0])
    assert not is_signed(endpoint, rule_secrets.signing_secrets(other.tenant_id)[0])


def test_the_answer_is_used_by_the_actions_after_it(who: Identity, endpoint: Endpoint) -> None:
    answer = {"order": {"number": 17, "items": [{"sku": "A-1"}], "note": "<b>&\x00\ud800"}, "paid": True}
    endpoint.answers = [Answer(201, JSON, json.dumps(answer).encode())]
    used = "{{ webhook.status }} {{ webhook.answer.order.number }} {{ webhook.answer.order.items[0].sku }}"
    a_rule(who, "contact_created", hook(endpoint), task(used + " {{ webhook.answer.order.note }}"), task(used))
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert tasks(who) == ["201 17 A-1 <b>&\ufffd?", "201 17 A-1"]
    (run,) = runs(who)
    assert run.actions[0]["answer"]["json"]["paid"] is True


def test_the_last_answer_counts_and_each_value_is_encoded(who: Identity, endpoint: Endpoint) -> None:
    endpoint.answers = [Answer(200, JSON, b'{"id": "a\\"b"}'), Answer(200, JSON, b'{"id": 2}')]
    second = hook(endpoint, '{"id": "{{ webhook.answer.id }}"}')
    a_rule(who, "contact_created", hook(endpoint), second, task("{{ webhook.answer.id }}"))
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert endpoint.received[1].json == {"id": 'a"b'} and tasks(who) == ["2"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"thanks",
        b"<html>",
        b'"text"',
        b"17",
        b"{",
        b'{"a": NaN}',
        b"[" * 9_000,
        b'{"a": "' + b"x" * 20_000 + b'"}',
    ],
)
def test_an_answer_that_is_no_json_is_empty(who: Identity, endpoint: Endpoint, body: bytes) -> None:
    endpoint.otherwise = Answer(200, JSON, body)
    a_rule(who, "contact_created", hook(endpoint), task("[{{ webhook.answer.a }}] {{ webhook.status }}"))
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert tasks(who) == ["[] 200"]
    (run,) = runs(who)
    assert run.state == RunState.DONE and len(str(run.actions)) < 3_000


def test_an_answer_that_nests_deeply_is_refused() -> None:
    assert webhook_answers.parse("[" * 19 + "]" * 19) is not None
    assert webhook_answers.parse("[" * 25 + "]" * 25) is None


def test_it_is_no_variable_before_the_call_or_without_one(who: Identity, endpoint: Endpoint) -> None:
    with pytest.raises(Invalid):
        a_rule(who, "contact_created", task("{{ webhook.answer.id }}"), hook(endpoint))
    with pytest.raises(Invalid):
        a_rule(who, "contact_created", hook(endpoint), task("{{ webhook.anything.id }}"))
    a_rule(who, "contact_created", hook(endpoint), task("{{ webhook.answer.id }}"))


def test_a_dry_run_calls_nothing_and_says_that_it_is_not_known(who: Identity, endpoint: Endpoint) -> None:
    row = a_rule(
        who, "contact_created", hook(endpoint), task("{{ webhook.answer.items[0].id | upcase }} {{ webhook.status }}")
    )
    rule_id = getattr(row, "id", row)
    call(who, contacts.create, name="Anna")
    with session_scope(who.tenant_id, read_only=True) as session:
        event = session.exec(owned(Event, who.tenant_id).where(Event.kind == "contact_created")).one()
        result = dry_run.dry_run(session, who, rule_id, event.id, draft=False)
    assert endpoint.received == []
    text = result.actions[1].values["text"]
    assert result.actions[1].possible and text.lower().count(dry_run.NOT_KNOWN) == 2


def test_webhooks_of_the_platform_that_lead_to_each_other_come_to_an_end(who: Identity, endpoint: Endpoint) -> None:
    own = a_webhook(who)
    an_outgoing(who, f"https://platform.test/hooks/{address_of(own)}", "webhook_received")
    deliver(own, {})
    for depth in (1, 5, 6, 7, 99):
        deliver_with(own, depth)
    assert [event.depth for event in events(who)] == [0, 1, 5, 6, 6, 6]
    assert [row.depth for row in deliveries(who)] == [1, 2, 6]


def deliver_with(webhook: Any, depth: int) -> None:
    take(webhook, IncomingRequest(b"{}", {"content-type": "application/json", "x-automation-depth": str(depth)}))
