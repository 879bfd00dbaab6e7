"""Receiving: a delivery is verified, written down once with its event, and said to be about whom it is."""

import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from sqlalchemy.exc import OperationalError

from platform_app import notifier
from platform_app.automation.webhook_payloads import UnreadableBody
from platform_app.clock import now
from platform_app.errors import NotFound, PlatformError
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook
from platform_app.services.crm import contacts, leads
from platform_app.services.feed import activity
from platform_app.services.webhooks import deliveries, delivery_retention, delivery_subjects, incoming_webhooks
from platform_app.services.webhooks.deliveries import MAX_EVENT_BYTES, IncomingRequest, UnverifiedDelivery
from platform_app.state.webhooks import deliveries as received_page
from tests import shared, talking
from tests.hooks import MINUTE, a_webhook, address_of, body_of, deliver, events, log, secret_of, signed, take
from tests.rules.test_rules import a_rule, runs
from tests.talking import a_stage, activities, call, run_jobs

BODY = body_of({"order": {"total": 12.5, "name": "Мойка"}})


def send(webhook: IncomingWebhook, headers: dict[str, str], body: bytes = BODY) -> DeliveryOutcome:
    return take(deliveries.find_webhook(address_of(webhook)), IncomingRequest(body, headers, "203.0.113.7"))


def test_a_signed_delivery_is_taken_once(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    headers = signed(secret_of(webhook), BODY)
    assert [send(webhook, headers) for _ in range(3)] == [
        DeliveryOutcome.ACCEPTED,
        DeliveryOutcome.DUPLICATE,
        DeliveryOutcome.DUPLICATE,
    ]
    assert send(webhook, signed(secret_of(webhook), BODY, message_id="msg_2")) == DeliveryOutcome.ACCEPTED
    first, second = events(who)
    assert first.after["payload"] == json.loads(BODY) and first.after["webhook_id"] == webhook.id
    rows = log(who)
    assert [row.event_id for row in rows] == [first.id, first.id, first.id, second.id]
    assert rows[0].body == BODY.decode() and rows[0].headers["sender"] == "203.0.113.7"
    assert first.after["delivery_id"] == rows[0].id
    assert activities(who).count("Webhook “{name}” received") == 2


def test_those_that_come_together_are_taken_each_by_itself(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    secret = secret_of(webhook)
    names = ["msg_1", "msg_2", "msg_1", "msg_3"]
    group = [IncomingRequest(BODY, signed(secret, BODY, message_id=name)) for name in names]
    group.insert(1, IncomingRequest(BODY, signed("whsec_" + "QUJD" * 8, BODY)))
    group.append(IncomingRequest(b"{", signed(secret, b"{", message_id="msg_4")))
    results = deliveries.accept_all(webhook, group)
    accepted, duplicate = DeliveryOutcome.ACCEPTED, DeliveryOutcome.DUPLICATE
    assert [one for one in results if isinstance(one, DeliveryOutcome)] == [accepted, accepted, duplicate, accepted]
    assert isinstance(results[1], UnverifiedDelivery) and isinstance(results[-1], UnreadableBody)
    first, *_ = found = events(who)
    assert len(found) == 3
    rows = [row for row in log(who) if row.outcome != DeliveryOutcome.REFUSED]
    assert [row.message_id for row in rows] == names and rows[2].event_id == rows[0].event_id == first.id
    assert [row.why for row in log(who) if row.outcome == DeliveryOutcome.REFUSED][0] == (
        "The signature doesn’t match."
    )
    assert deliveries.accept_all(webhook, []) == []


def test_one_that_the_database_cannot_take_does_not_hold_up_the_others(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = a_webhook(who)
    links = delivery_subjects.find_links

    def failing(session: Any, who: Identity, webhook: IncomingWebhook, payload: Any) -> dict[str, Any]:
        if payload["number"] == 1:
            raise RuntimeError("no room")
        return links(session, who, webhook, payload)

    monkeypatch.setattr(delivery_subjects, "find_links", failing)
    results = deliveries.accept_all(webhook, [IncomingRequest(body_of({"number": number}), {}) for number in range(3)])
    assert results[0] == results[2] == DeliveryOutcome.ACCEPTED and isinstance(results[1], RuntimeError)
    assert [event.after["payload"]["number"] for event in events(who)] == [0, 2]
    assert len(log(who)) == 2 and activities(who).count("Webhook “{name}” received") == 2


def test_however_many_are_spoilt_few_transactions_are_made(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = a_webhook(who, email_path="mail", creates_contact=True)
    long = f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.test"  # longer than a name may be
    assert deliveries.accept_all(webhook, [IncomingRequest(body_of({"mail": long}), {})]) == [DeliveryOutcome.ACCEPTED]
    scopes: list[str] = []
    scope = deliveries.session_scope
    monkeypatch.setattr(
        deliveries, "session_scope", lambda *args, **named: (scopes.append("one"), scope(*args, **named))[1]
    )
    monkeypatch.setattr(delivery_subjects, "find_links", lambda *given: {} if given[-1]["number"] else 1 // 0)
    results = deliveries.accept_all(webhook, [IncomingRequest(body_of({"number": number}), {}) for number in range(32)])
    assert results.count(DeliveryOutcome.ACCEPTED) == 31 and isinstance(results[0], ZeroDivisionError)
    assert len(scopes) == 11  # half of them, and half again


def test_when_the_database_is_away_nobody_tries_for_each(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, tries = a_webhook(who, signed=True), []

    def away(*args: Any, **named: Any) -> Any:
        tries.append(1)
        raise OperationalError("BEGIN", {}, Exception("server closed the connection"))

    monkeypatch.setattr(deliveries, "session_scope", away)
    group = [IncomingRequest(BODY, signed(secret_of(webhook), BODY, message_id=f"msg_{number}")) for number in range(5)]
    results = deliveries.accept_all(webhook, [*group, IncomingRequest(BODY, {}), IncomingRequest(BODY, {})])
    assert len(tries) == 2 and all(isinstance(one, OperationalError) for one in results)


def test_what_is_written_down_is_not_written_again_when_nobody_can_be_told(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = a_webhook(who)
    monkeypatch.setattr(notifier, "publish", lambda *given: 1 // 0)
    assert deliveries.accept_all(webhook, [IncomingRequest(BODY, {})] * 3) == [DeliveryOutcome.ACCEPTED] * 3
    assert len(events(who)) == 3


def spoilt(secret: str) -> dict[str, tuple[dict[str, str], bytes]]:
    """Return deliveries that are not right, by what is wrong with them."""
    right, other = signed(secret, BODY), signed("whsec_" + "QUJD" * 8, BODY)
    signature = right["webhook-signature"]
    altered = {
        "wrong": other["webhook-signature"],
        "truncated": signature[:-4],
        "of another version": signature.replace("v1,", "v2,"),
        "no base64": "v1,*",
        "no version": signature[3:],
        "two commas": signature + ",",
        "empty": "v1,",
    }
    found = {name: (right | {"webhook-signature": text}, BODY) for name, text in altered.items()}
    found |= {f"without {name}": ({key: right[key] for key in right if key != name}, BODY) for name in right}
    found |= {
        "nothing": ({}, BODY),
        "old": (signed(secret, BODY, at=now() - 5 * MINUTE - timedelta(seconds=2)), BODY),
        "of the future": (signed(secret, BODY, at=now() + 5 * MINUTE + timedelta(seconds=2)), BODY),
        "no time": (right | {"webhook-timestamp": "NaN"}, BODY),
        "another time": (right | {"webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)}, BODY),
        "another id": (right | {"webhook-id": "msg_9"}, BODY),
        "a byte more": (right, BODY + b" "),
        "a byte otherwise": (right, BODY.replace(b"12.5", b"12.6")),
        "bytes that are no text": (right, BODY + b"\xff"),
    }
    return found


def test_only_a_valid_signature_passes_and_nobody_outside_learns_why(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    said = set()
    for name, (headers, body) in spoilt(secret_of(webhook)).items():
        with pytest.raises(UnverifiedDelivery) as refused:
            send(webhook, headers, body)
        said.add((name == "", refused.value.sentence, refused.value.status))
    assert said == {(False, "The delivery couldn’t be verified.", 401)}
    assert events(who) == []
    rows = log(who)
    assert {row.outcome for row in rows} == {DeliveryOutcome.REFUSED} and {row.taken_id for row in rows} == {None}
    assert {row.why for row in rows} == {
        "The signature is missing.",
        "The signature doesn’t match.",
        "The timestamp is more than 5 minutes off.",
    }
    assert activities(who).count("Webhook “{name}” refused a delivery") == 1
    assert send(webhook, signed(secret_of(webhook), BODY)) == DeliveryOutcome.ACCEPTED


def test_within_five_minutes_it_passes(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    with time_machine.travel(now().replace(microsecond=0), tick=False):
        for place, off in enumerate((-5 * MINUTE, 5 * MINUTE)):
            assert send(webhook, signed(secret_of(webhook), BODY, message_id=f"m{place}", at=now() + off))


def test_after_a_renewal_both_secrets_are_good_for_a_day(who: Identity, other: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    before, theirs = secret_of(webhook), secret_of(a_webhook(other, signed=True))
    after = secret_of(call(who, incoming_webhooks.rotate_secret, webhook.id))
    assert len({before, after, theirs}) == 3
    for place, secret in enumerate((before, after)):
        assert send(webhook, signed(secret, BODY, message_id=f"m{place}")) == DeliveryOutcome.ACCEPTED
    with pytest.raises(UnverifiedDelivery):
        send(webhook, signed(theirs, BODY))
    with time_machine.travel(now() + timedelta(hours=24), tick=False):
        with pytest.raises(UnverifiedDelivery):
            send(webhook, signed(before, BODY, message_id="late"))
        assert send(webhook, signed(after, BODY, message_id="late")) == DeliveryOutcome.ACCEPTED


def test_without_a_required_signature_the_address_is_the_secret(who: Identity) -> None:
    webhook = a_webhook(who)
    assert len(address_of(webhook)) == 32
    assert send(webhook, {"webhook-signature": "v1,rubbish"}) == DeliveryOutcome.ACCEPTED
    assert [send(webhook, {}), send(webhook, {})] == [DeliveryOutcome.ACCEPTED] * 2  # without an id each is its own
    assert len(events(who)) == 3
    for address in ("", "x" * 32, webhook.id, webhook.address_hash, address_of(webhook)[:-1]):
        with pytest.raises(NotFound):
            deliveries.find_webhook(address)


def test_switched_off_or_deleted_it_is_not_there(who: Identity) -> None:
    webhook = a_webhook(who)
    found = deliveries.find_webhook(address_of(webhook))
    for act, back in (
        (incoming_webhooks.set_enabled, incoming_webhooks.set_enabled),
        (incoming_webhooks.delete, incoming_webhooks.restore),
    ):
        call(who, act, webhook.id, **({"enabled": False} if act is incoming_webhooks.set_enabled else {}))
        with pytest.raises(NotFound):
            deliveries.find_webhook(address_of(webhook))
        with pytest.raises(NotFound):
            take(found, IncomingRequest(BODY, {}))  # it was found a moment before
        call(who, back, webhook.id, **({"enabled": True} if act is incoming_webhooks.set_enabled else {}))
        assert send(webhook, {}) == DeliveryOutcome.ACCEPTED


@pytest.mark.parametrize("count", [2, 50])
def test_the_same_delivery_many_times_at_once_is_one_event_with_one_effect(who: Identity, count: int) -> None:
    webhook = a_webhook(who, email_path="mail", creates_contact=True)
    a_rule(who, "webhook_received", {"kind": "write_note", "text": "Once"})
    together, outcomes = Barrier(count), list[DeliveryOutcome]()

    def once() -> None:
        together.wait()
        outcomes.append(deliver(webhook, {"mail": "anna@acme.test"}, message_id="msg_1"))

    threads = [Thread(target=once) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted([DeliveryOutcome.ACCEPTED] + [DeliveryOutcome.DUPLICATE] * (count - 1))
    run_jobs(who)
    assert len(events(who)) == len(runs(who)) == 1
    assert call(who, contacts.list_contacts)[1] == 1


def test_a_large_payload_stands_in_the_log_alone(who: Identity) -> None:
    webhook = a_webhook(who, email_path="mail", creates_contact=True)
    payload = {"mail": "anna@acme.test", "text": "x" * MAX_EVENT_BYTES}
    deliver(webhook, payload)
    (event,), (row,) = events(who), log(who)
    assert event.after["payload"] is None and event.after["payload_too_large"] is True
    assert event.after["payload_bytes"] == row.size == len(body_of(payload)) and json.loads(row.body) == payload
    assert event.contact_id


def test_what_is_not_read_to_its_end_is_refused(who: Identity) -> None:
    webhook = a_webhook(who)
    with pytest.raises(deliveries.BodyTooLarge):
        take(webhook, IncomingRequest(b"{" * 20_000, {}, is_truncated=True))
    (row,) = log(who)
    assert (row.outcome, row.why, len(row.body)) == (DeliveryOutcome.REFUSED, "The body is larger than 1 MB.", 10_000)
    for body, headers in ((b"{", {}), (b"1", {"webhook-id": "x" * 256}), (b"", {}), (b"\x00", {})):
        with pytest.raises(PlatformError) as refused:
            take(webhook, IncomingRequest(body, headers))
        assert refused.value.status == 400
    assert events(who) == []


def test_it_is_about_the_lead_or_the_contact_that_it_names(who: Identity, other: Identity) -> None:
    paths = {"email_path": "user.mail", "phone_path": "user.phone", "lead_path": "lead", "name_path": "user.name"}
    webhook = a_webhook(who, **paths)
    contact = call(who, contacts.create, name="Anna", emails=["anna@acme.test"], phones=["+7 900 123-45-67"])
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    theirs = call(other, leads.create, title="Theirs", stage_id=a_stage(other))

    def about(payload: Any) -> tuple[str | None, str | None]:
        deliver(webhook, payload)
        event = events(who)[-1]
        return event.lead_id, event.contact_id

    mine = (None, contact.id)
    assert about({"lead": lead.id}) == (lead.id, contact.id)
    assert about({"user": {"mail": " Anna@ACME.test"}}) == mine
    assert about({"user": {"phone": 79001234567}}) == mine
    assert about({"user": {"mail": "no address", "phone": "+7 (900) 123 45 67"}}) == mine
    assert about({"lead": theirs.id, "user": {"mail": "anna@acme.test"}}) == mine
    for nothing in (
        {},
        [],
        "x",
        None,
        {"lead": [lead.id]},
        {"user": {"mail": "boris@acme.test"}},
        {"user": {"mail": True}},
    ):
        assert about(nothing) == (None, None)
    call(who, incoming_webhooks.save, webhook.id, {"creates_contact": True})
    assert about({"user": {"name": "Only a name"}}) == (None, None)
    _, made = about({"user": {"mail": "boris@acme.test", "name": " Boris\n B. "}})
    assert call(who, contacts.get, made).name == "Boris B."
    assert about({"user": {"mail": "boris@acme.test"}}) == (None, made)
    _, unnamed = about({"user": {"phone": "+7 900 000-00-00", "name": {"first": "C"}}})
    assert call(who, contacts.get, unnamed).name == "+7 900 000-00-00"
    assert [kind for kind in talking.events(who) if kind == EventKind.CONTACT_CREATED].__len__() == 3


def test_the_log_keeps_thirty_days(who: Identity) -> None:
    webhook, calm = a_webhook(who), a_webhook(who, name="Calm")
    with time_machine.travel(now() - timedelta(days=31), tick=False):
        deliver(webhook, 1, message_id="old")
        deliver(calm, 1)
    with time_machine.travel(now() - timedelta(days=29), tick=False):
        deliver(webhook, 2)
    assert len(log(who)) == 3
    deliver(webhook, 3)
    assert [row.body for row in log(who)] == ["1", "2", "3"]  # the first is of the webhook that stayed calm
    assert len(events(who)) == 4


def test_the_latest_refused_ones_are_kept(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_retention, "MAX_REFUSED", 5)
    webhook, twin = a_webhook(who), a_webhook(who, name="Twin")
    for one in (webhook, twin):
        deliver(one, 1)
        for place in range(9 if one is webhook else 4):
            with pytest.raises(PlatformError):
                take(one, IncomingRequest(b"{%d" % place, {}))
    mine = [row.body for row in log(who) if row.webhook_id == webhook.id]
    assert mine == ["1", "{4", "{5", "{6", "{7", "{8"] and len(log(who)) == 6 + 5
    monkeypatch.setattr(delivery_retention, "MAX_REFUSED", 1)
    monkeypatch.setattr(delivery_retention, "_DELETE_BATCH", 3)
    with pytest.raises(PlatformError):
        take(webhook, IncomingRequest(b"{9", {}))
    mine = [row.body for row in log(who) if row.webhook_id == webhook.id]
    assert mine == ["1", "{7", "{8", "{9"], "the oldest go first, some at once"


def test_beyond_what_a_tenant_may_keep_the_body_is_not_kept(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_retention, "MAX_TENANT_BYTES", 25)
    first, second, theirs = a_webhook(who), a_webhook(who, name="Second"), a_webhook(other)
    with time_machine.travel(now() - timedelta(days=31), tick=False):
        deliver(first, "x" * 8)
    for webhook in (second, second, theirs):
        deliver(webhook, "y" * 8)
    assert [len(row.body) for row in log(who)] == [10, 10, 0] and [len(row.body) for row in log(other)] == [10]
    assert [row.size for row in log(who)] == [10] * 3
    assert [event.after["payload"] for event in events(who)][-1] == "y" * 8
    view = received_page.delivery_view(log(who)[-1], who, "en")
    assert view.is_cut and view.body == ""
    deliver(first, "z" * 8)  # with it the one of a month ago goes, and is counted no more
    assert [len(row.body) for row in log(who)] == [10, 0, 10]
    assert sum(row.kept_bytes for row in call(who, incoming_webhooks.list_webhooks)) == 20


@pytest.mark.parametrize("place", range(4))
def test_naughty_strings_come_through_as_they_are(who: Identity, place: int) -> None:
    texts = json.loads(shared.path("corpora/blns/blns.json").read_text())[place::4]
    webhook = a_webhook(who, email_path="text", phone_path="text", name_path="text", lead_path="text")
    call(who, incoming_webhooks.save, webhook.id, {"creates_contact": True})
    for text in texts:
        assert deliver(webhook, {"text": text, text: text}) == DeliveryOutcome.ACCEPTED
    assert [event.after["payload"]["text"] for event in events(who)] == [
        text.replace("\x00", "\ufffd") for text in texts
    ]
    run_jobs(who)


def test_recent_updates_name_the_webhook_and_lead_to_the_delivery(who: Identity) -> None:
    deliver(a_webhook(who), 1)
    (row,) = log(who)
    (update,) = call(who, lambda session, who: activity.list_activities(session, who.tenant_id, limit=1))
    assert (update.kind, update.link, update.actor) == (
        ActivityKind.INTEGRATION,
        f"/webhooks/received/{row.id}",
        "Shop",
    )
