"""Outgoing deliveries: signed, in order per object, tried again by the table, given up, switched off, sent again."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event, Thread

import pytest
import time_machine
from standardwebhooks import Webhook

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_delete, owned_update, session_scope
from platform_app.errors import Conflict
from platform_app.integrations import egress
from platform_app.models.event import Event as EventRow
from platform_app.models.event import EventKind
from platform_app.models.job import Job
from platform_app.models.notification import Notification
from platform_app.models.outgoing_webhook import OutgoingDelivery, OutgoingState, OutgoingWebhook
from platform_app.models.person import Identity
from platform_app.services.crm import contacts
from platform_app.services.webhooks import (
    outgoing_deliveries,
    outgoing_log,
    outgoing_outcomes,
    outgoing_webhooks,
    webhook_secrets,
)
from tests.conftest import wait_for
from tests.receiving import Answer, Endpoint, an_outgoing, deliveries, work_off
from tests.talking import activities, call

Move = Callable[[float], None]
START = datetime.fromisoformat("2026-11-23T15:00:00+00:00")


@pytest.fixture(autouse=True)
def open_loopback(env: pytest.MonkeyPatch) -> Iterator[None]:
    """Let webhooks reach this machine."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def get(who: Identity, row: OutgoingWebhook) -> OutgoingWebhook:
    found: OutgoingWebhook = call(who, outgoing_webhooks.get, row.id)
    return found


def states(who: Identity) -> list[str]:
    return [row.state.value for row in deliveries(who)]


def test_an_event_is_posted_with_a_signature_that_the_library_accepts(who: Identity, endpoint: Endpoint) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    contact = call(who, contacts.create, name="Анна", emails=["anna@example.com"])
    call(who, contacts.save, contact.id, {"name": "Anna"})  # not subscribed
    work_off(who)
    (request,) = endpoint.received
    (delivery,) = deliveries(who)
    assert request.headers["webhook-id"] == delivery.message_id
    Webhook(webhook_secrets.get_secret(row)).verify(request.body, request.headers)
    sent = request.json
    assert (sent["type"], sent["data"]["contact_id"]) == ("contact_created", contact.id)
    assert sent["data"]["facts"]["contact.name"] == "Анна" and sent["data"]["after"]["name"] == "Анна"
    assert abs(datetime.fromisoformat(sent["timestamp"]) - now()) < timedelta(minutes=1)
    assert (delivery.state, delivery.status, delivery.history[0]["status"]) == (OutgoingState.DELIVERED, 204, 204)


def test_for_a_day_both_secrets_sign(who: Identity, endpoint: Endpoint, travel: time_machine.Traveller) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    old = webhook_secrets.get_secret(row)
    fresh = webhook_secrets.get_secret(call(who, outgoing_webhooks.rotate_secret, row.id))
    assert fresh != old

    def accepts(secret: str) -> bool:
        try:
            Webhook(secret).verify(endpoint.received[-1].body, endpoint.received[-1].headers)
        except Exception:
            return False
        return True

    call(who, contacts.create, name="Anna")
    work_off(who)
    assert (accepts(old), accepts(fresh)) == (True, True)
    travel.shift(timedelta(hours=24, seconds=1))
    call(who, contacts.create, name="Boris")
    work_off(who)
    assert (accepts(old), accepts(fresh)) == (False, True)


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_tried_again_by_the_table_and_given_up(
    who: Identity, endpoint: Endpoint, travel: time_machine.Traveller, status: int
) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    endpoint.otherwise = Answer(status, {"Location": "http://127.0.0.1:1/"}, b"out of order")
    call(who, contacts.create, name="Anna")
    work_off(who)
    for count, pause in enumerate(outgoing_outcomes.RETRY_SECONDS, 1):
        travel.shift(timedelta(seconds=pause - 1))
        work_off(who)
        assert len(endpoint.received) == count, "before its time"
        travel.shift(timedelta(seconds=1))
        work_off(who)
        assert len(endpoint.received) == count + 1
    (delivery,) = deliveries(who)
    assert (delivery.state, delivery.error, delivery.error_values) == (
        OutgoingState.FAILED,
        "The address answered {status}.",
        {"status": str(status)},
    )
    assert [one["answer"] for one in delivery.history] == ["out of order"] * 10
    assert len({request.headers["webhook-id"] for request in endpoint.received}) == 1
    assert len({request.headers["webhook-timestamp"] for request in endpoint.received}) == 10
    assert len({request.body for request in endpoint.received}) == 1
    assert "A delivery of the outgoing webhook “{name}” was given up" in activities(who)
    travel.shift(timedelta(days=2))
    work_off(who)
    assert len(endpoint.received) == 10


def test_of_one_object_in_order_and_others_do_not_wait(
    who: Identity, endpoint: Endpoint, travel: time_machine.Traveller
) -> None:
    an_outgoing(who, endpoint.address, "contact_created", "contact_updated")
    endpoint.answers = [500]
    anna = call(who, contacts.create, name="Anna")
    work_off(who)
    call(who, contacts.save, anna.id, {"name": "Anna B"})
    call(who, contacts.save, anna.id, {"name": "Anna C"})
    work_off(who)
    assert len(endpoint.received) == 1 and states(who) == ["waiting"] * 3
    for _ in range(4):
        call(who, contacts.create, name="Other")
    travel.shift(timedelta(seconds=5))
    work_off(who)
    of_anna = [request.json["data"] for request in endpoint.received if request.json["data"]["contact_id"] == anna.id]
    assert [data["after"]["name"] for data in of_anna] == ["Anna", "Anna", "Anna B", "Anna C"]
    assert states(who) == ["delivered"] * 7


def test_a_dead_address_delays_no_other_webhook(
    who: Identity, endpoint: Endpoint, travel: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = an_outgoing(who, "http://127.0.0.1:1/hook", "contact_created", name="Dead")
    an_outgoing(who, endpoint.address, "contact_created", name="Alive")
    for place in range(30):
        call(who, contacts.create, name=f"Person {place}")
    calls: list[str] = []
    post = egress.post
    monkeypatch.setattr(egress, "post", lambda url, *more, **named: (calls.append(url), post(url, *more, **named))[1])
    work_off(who)
    assert len(endpoint.received) == 30
    assert calls.count(dead.url) == 1, "after a failure it is paused"
    travel.shift(timedelta(seconds=5))
    work_off(who)
    assert calls.count(dead.url) == 2
    assert get(who, dead).failures == 2


def test_gone_switches_off_and_tells(who: Identity, endpoint: Endpoint) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    endpoint.otherwise = Answer(410)
    for name in ("Anna", "Boris"):
        call(who, contacts.create, name=name)
    work_off(who)
    row = get(who, row)
    assert (row.enabled, row.stopped_why, len(endpoint.received)) == (False, outgoing_outcomes.GONE_WHY, 1)
    assert states(who) == ["failed", "failed"]
    with session_scope(who.tenant_id, read_only=True) as session:
        told = [one.sentence for one in session.exec(owned(Notification, who.tenant_id)).all()]
    assert told == ["Outgoing webhook “{name}” is turned off: its address is gone"]
    call(who, contacts.create, name="Cleo")
    assert len(deliveries(who)) == 2
    with pytest.raises(Conflict, match="turned off"):
        call(who, outgoing_log.send_again, deliveries(who)[0].id)
    call(who, outgoing_webhooks.set_enabled, row.id, enabled=True)
    endpoint.otherwise = Answer(200)
    assert call(who, outgoing_log.send_failed_again, row.id) == 2
    work_off(who)
    assert states(who) == ["delivered"] * 2 and get(who, row).stopped_why == ""


def test_failing_for_days_switches_off(who: Identity, endpoint: Endpoint, travel: time_machine.Traveller) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    endpoint.otherwise = Answer(500)
    for _ in range(5):
        call(who, contacts.create, name="Anna")
        work_off(who)
        assert get(who, row).enabled
        travel.shift(timedelta(days=1))
    work_off(who)
    assert (get(who, row).enabled, get(who, row).stopped_why) == (False, outgoing_outcomes.FAILING_WHY)
    assert set(states(who)) == {"failed"}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_waits_as_long_as_it_is_asked_to(
    who: Identity, endpoint: Endpoint, travel: time_machine.Traveller, status: int, form: str
) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    asked = "3600" if form == "seconds" else "Mon, 23 Nov 2026 16:00:00 GMT"
    endpoint.answers = [Answer(status, {"Retry-After": asked})]
    call(who, contacts.create, name="Anna")
    work_off(who)
    call(who, contacts.create, name="Boris")  # the address waits, not only this delivery
    travel.shift(timedelta(seconds=3_590))
    work_off(who)
    assert len(endpoint.received) == 1
    travel.shift(timedelta(seconds=10))
    work_off(who)
    assert states(who) == ["delivered", "delivered"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("7", 7), ("-5", 0), ("1e9", 0), ("99999999999", 86_400), ("soon", 0), ("٣", 0), ("Mon, 99 Zzz", 0)],
)
def test_other_forms_of_retry_after(header: str, seconds: float) -> None:
    assert outgoing_outcomes.seconds_to_wait(header) == seconds


def test_an_inner_address_is_never_reached(who: Identity, endpoint: Endpoint, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", "")
    settings.cache_clear()
    an_outgoing(who, endpoint.address, "contact_created")
    call(who, contacts.create, name="Anna")
    work_off(who)
    (delivery,) = deliveries(who)
    assert (endpoint.received, delivery.error) == ([], "This URL is blocked.")


def test_a_slow_and_a_huge_answer_are_bounded(
    who: Identity, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing_deliveries, "SECONDS", 0.5)
    an_outgoing(who, endpoint.address, "contact_created")
    ends = Event()
    endpoint.answers = [Answer(200, body=b"x" * 1_000_000), Answer(200, body=b"begun", waits=ends)]
    for name in ("Anna", "Boris"):
        call(who, contacts.create, name=name)
    work_off(who)
    ends.set()
    rows = deliveries(who)
    assert [row.state.value for row in rows] == ["delivered", "delivered"]
    assert sorted(len(row.history[0]["answer"]) for row in rows) == [5, egress.MOST_KEPT]


def test_one_that_never_answers_is_tried_again(
    who: Identity, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing_deliveries, "SECONDS", 0.3)
    ends = Event()
    monkeypatch.setattr(endpoint.server.RequestHandlerClass, "do_POST", lambda handler: ends.wait(20))
    an_outgoing(who, endpoint.address, "contact_created")
    call(who, contacts.create, name="Anna")
    work_off(who)
    ends.set()
    (delivery,) = deliveries(who)
    assert (delivery.state, delivery.error) == (
        OutgoingState.WAITING,
        "The address did not answer within {seconds} seconds.",
    )


def test_calls_of_webhooks_never_take_every_thread(
    who: Identity, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    ends, calls = Event(), []

    def wait(*given: object, **named: object) -> egress.Answer:
        calls.append(given)
        ends.wait(20)
        return egress.Answer(204, "")

    monkeypatch.setattr(egress, "post", wait)
    outgoing_deliveries._slots.cache_clear()
    free = settings().worker_concurrency - 2
    for place in range(free + 2):
        an_outgoing(who, endpoint.address, "contact_updated", name=f"More {place}")
    contact = call(who, contacts.create, name="Anna")
    call(who, contacts.save, contact.id, {"name": "Anna B"})
    threads = [Thread(target=work_off, args=(who,)) for _ in range(free + 2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(calls) == free)
    wait_for(lambda: sum(thread.is_alive() for thread in threads) == free)
    ends.set()
    for thread in threads:
        thread.join()
    assert len(calls) >= free


def test_a_large_event_is_cut_and_one_deleted_for_good_is_not_sent(who: Identity, endpoint: Endpoint) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    call(who, contacts.create, name="Anna")
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(EventRow, who.tenant_id).values(after={"text": "я" * 40_000}))
    work_off(who)
    assert endpoint.received[0].json["data"]["truncated"] is True
    assert len(endpoint.received[0].body.encode()) < 1_000
    call(who, contacts.create, name="Boris")
    with session_scope(who.tenant_id) as session:
        session.execute(owned_delete(EventRow, who.tenant_id))
    work_off(who)
    assert [row.error for row in deliveries(who)] == ["", outgoing_deliveries.NO_EVENT]


def test_a_rolled_back_change_and_a_switched_off_webhook_send_nothing(who: Identity, endpoint: Endpoint) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    with pytest.raises(RuntimeError), session_scope(who.tenant_id) as session:
        contacts.create(session, who, name="Anna")
        raise RuntimeError
    call(who, contacts.create, name="Boris")
    call(who, outgoing_webhooks.set_enabled, row.id, enabled=False)
    call(who, contacts.create, name="Cleo")
    work_off(who)
    assert endpoint.received == []
    assert [(one.state.value, one.error) for one in deliveries(who)] == [("failed", outgoing_webhooks.SWITCHED_OFF)]


def test_a_test_event_arrives_and_every_kind_can_be_sent(who: Identity, endpoint: Endpoint) -> None:
    row = an_outgoing(who, endpoint.address)
    assert set(row.kinds) == {kind.value for kind in EventKind}
    call(who, outgoing_log.send_test, row.id)
    work_off(who)
    assert endpoint.received[0].json["type"] == "test"
    call(who, outgoing_log.send_again, deliveries(who)[0].id)
    work_off(who)
    assert len({request.headers["webhook-id"] for request in endpoint.received}) == 1 and len(endpoint.received) == 2


def test_a_worker_that_died_while_it_sent_repeats_it_with_the_same_id(who: Identity, endpoint: Endpoint) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    call(who, contacts.create, name="Anna")
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(OutgoingDelivery, who.tenant_id).values(state="sending", attempts=1))
        job = session.exec(owned(Job, who.tenant_id)).one()
        assert job.kind == "send_webhook"
    work_off(who)
    (delivery,) = deliveries(who)
    assert (delivery.state, delivery.attempts, len(endpoint.received)) == (OutgoingState.DELIVERED, 2, 1)


def test_old_ones_are_deleted(who: Identity, endpoint: Endpoint, travel: time_machine.Traveller) -> None:
    an_outgoing(who, endpoint.address, "contact_created")
    endpoint.answers = [Answer(204), Answer(500)]
    call(who, contacts.create, name="Anna")
    call(who, contacts.create, name="Boris")
    work_off(who)
    travel.shift(timedelta(days=31))
    assert outgoing_log.delete_old() is False
    assert states(who) == ["waiting"]
