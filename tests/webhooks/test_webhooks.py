"""Webhooks: made, changed, renewed, deleted and brought back within their tenant; their fields are facts of rules."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from platform_app import fact_snapshots
from platform_app.db import owned, session_scope
from platform_app.engine import event_matching
from platform_app.engine.rules import backtest, dry_run, rules
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.fact_snapshots import event_facts
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook
from platform_app.services.crm import cards, contacts
from platform_app.services.webhooks import delivery_log, incoming_webhooks, webhook_fields
from tests import shared
from tests.hooks import a_webhook, address_of, deliver, events, log, secret_of
from tests.rules.test_rules import a_rule, runs
from tests.talking import activities, add_agent, call, run_jobs

ORDER = {"order": {"total": 12.5, "paid": True, "at": "2026-05-01T10:00:00Z", "note": "Hi"}, "mail": "anna@acme.test"}


def stored(who: Identity, webhook_id: str) -> IncomingWebhook:
    with session_scope(who.tenant_id, read_only=True) as session:
        row: IncomingWebhook = session.exec(
            owned(IncomingWebhook, who.tenant_id).where(IncomingWebhook.id == webhook_id)
        ).one()
        return row


def a_field(who: Identity, webhook: IncomingWebhook, path: str, kind: FieldKind, name: str = "") -> str:
    """Name a value of a webhook's payload; return what it is in conditions."""
    row = call(who, webhook_fields.add_field, webhook.id, path=path, name=name, kind=kind)
    return f"webhook.field.{row.key}"


def is_more(fact: str, value: str, operator: str = "greater") -> dict[str, Any]:
    leaf = {"kind": "condition", "fact": fact, "operator": operator, "value": value}
    return {"kind": "group", "match": "all", "of": [leaf]}


def test_made_changed_deleted_and_brought_back(who: Identity) -> None:
    row, twin = (call(who, incoming_webhooks.create, name=" Shop  orders ") for _ in range(2))
    assert row.name == "Shop orders" and row.signed and row.enabled and secret_of(row).startswith("whsec_")
    assert len({secret_of(row), secret_of(twin), address_of(row), address_of(twin)}) == 4
    assert row.address_hash == incoming_webhooks.hash_address(address_of(row)) != address_of(row)
    assert secret_of(row) not in repr(row) and address_of(row) not in repr(row)
    agent = add_agent(who)
    changes = {"name": "Till", "agent_id": agent, "email_path": "$.user.mail", "creates_contact": True}
    row = call(who, incoming_webhooks.save, row.id, changes)
    assert (row.name, row.agent_id, row.email_path, row.creates_contact) == ("Till", agent, "user.mail", True)
    call(who, incoming_webhooks.delete, row.id)
    assert [one.id for one in call(who, incoming_webhooks.list_webhooks)] == [twin.id]
    with pytest.raises(NotFound):
        call(who, incoming_webhooks.get, row.id)
    call(who, incoming_webhooks.restore, row.id)
    assert len(call(who, incoming_webhooks.list_webhooks)) == 2
    said = [one for one in activities(who) if one.startswith("Webhook")]
    assert said == ["Webhook “{name}” created"] * 2 + ["Webhook “{name}” deleted", ("Webhook “{name}” restored")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email_path": "x" * 201}, "email_path"),
        ({"email_path": None}, "email_path"),
        ({"phone_path": "a\x00"}, "phone_path"),
        ({"creates_contact": "yes"}, "creates_contact"),
        ({"secret": "whsec_mine"}, "secret"),
        ({"tenant_id": "x"}, "tenant_id"),
        ({"signed": False}, "signed"),
        ({"enabled": False}, "enabled"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(who: Identity, changes: dict[str, Any], field: str) -> None:
    row = call(who, incoming_webhooks.create, name="Shop")
    with pytest.raises(Invalid) as refused:
        call(who, incoming_webhooks.save, row.id, changes)
    assert refused.value.field == field
    assert stored(who, row.id) == row


def test_there_is_an_end_to_them(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_webhooks, "MAX_WEBHOOKS", 2)
    monkeypatch.setattr(webhook_fields, "MAX_FIELDS", 2)
    first, _ = (call(who, incoming_webhooks.create, name="Shop") for _ in range(2))
    with pytest.raises(LimitReached):
        call(who, incoming_webhooks.create, name="Shop")
    deliver(call(who, incoming_webhooks.require_signature, first.id, signed=False), {"a": 1, "b": 2, "c": 3})
    assert call(who, webhook_fields.add_all_suggested, first.id) == 2
    with pytest.raises(LimitReached):
        a_field(who, first, "c", FieldKind.TEXT)


def test_of_another_tenant_there_is_none(who: Identity, other: Identity) -> None:
    webhook = a_webhook(who)
    deliver(webhook, ORDER)
    field = call(who, webhook_fields.add_field, webhook.id, path="mail", kind=FieldKind.TEXT)
    asked: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
        (incoming_webhooks.get, (webhook.id,), {}),
        (incoming_webhooks.save, (webhook.id, {"name": "x"}), {}),
        (incoming_webhooks.set_enabled, (webhook.id,), {"enabled": False}),
        (incoming_webhooks.require_signature, (webhook.id,), {"signed": True}),
        (incoming_webhooks.rotate_secret, (webhook.id,), {}),
        (incoming_webhooks.delete, (webhook.id,), {}),
        (incoming_webhooks.restore, (webhook.id,), {}),
        (webhook_fields.add_field, (webhook.id,), {"path": "a", "kind": FieldKind.TEXT}),
        (webhook_fields.rename, (field.id,), {"name": "x"}),
        (webhook_fields.delete, (field.id,), {}),
        (webhook_fields.suggest_fields, (webhook.id,), {}),
        (webhook_fields.add_all_suggested, (webhook.id,), {}),
        (delivery_log.get, (log(who)[0].id,), {}),
        (incoming_webhooks.save, (a_webhook(other).id, {"agent_id": add_agent(who)}), {}),
    ]
    for act, given, named in asked:
        with pytest.raises(NotFound):
            call(other, act, *given, **named)
    assert (
        call(other, delivery_log.list_deliveries)
        == call(other, delivery_log.list_deliveries, webhook_id=webhook.id)
        == []
    )
    assert call(other, webhook_fields.list_fields, webhook.id) == [] and webhook.id not in call(
        other, delivery_log.webhook_names
    )
    assert webhook.id not in known_names(other) and "webhook.field.mail" not in known_facts(other)
    assert stored(who, webhook.id).enabled


def known_facts(who: Identity) -> dict[str, str]:
    """Return the words of a tenant's facts by name."""
    found = call(who, lambda session, who: fact_snapshots.fact_catalogue(session, who.tenant_id))
    return {name: fact.label for name, fact in found.items()}


def known_names(who: Identity) -> dict[str, str]:
    found: dict[str, str] = call(who, lambda session, who: fact_snapshots.entity_names(session, who.tenant_id))
    return found


def test_fields_are_named_offered_and_taken_from_the_last_delivery(who: Identity) -> None:
    webhook, twin = a_webhook(who), a_webhook(who, name="Twin")
    assert call(who, webhook_fields.suggest_fields, webhook.id) == []
    deliver(webhook, ORDER)
    with pytest.raises(Exception, match="neither"):
        deliver(webhook, float("nan"))
    found = call(who, webhook_fields.suggest_fields, webhook.id)
    assert [(one.leaf.path, one.kind.value) for one in found] == [
        ("order.total", "number"),
        ("order.paid", "yes_no"),
        ("order.at", "date"),
        ("order.note", "text"),
        ("mail", "text"),
    ]
    assert a_field(who, webhook, "order.total", FieldKind.NUMBER, "Sum") == "webhook.field.sum"
    assert len(call(who, webhook_fields.suggest_fields, webhook.id)) == 4
    assert call(who, webhook_fields.add_all_suggested, webhook.id) == 4
    assert a_field(who, twin, "order.total", FieldKind.NUMBER, "Sum") == "webhook.field.sum_2"
    assert a_field(who, twin, "Сумма заказа", FieldKind.NUMBER) == "webhook.field.summa_zakaza"
    words = {name: said for name, said in known_facts(who).items() if name.startswith("webhook.field")}
    assert words["webhook.field.sum"] == "Sum · Shop" and words["webhook.field.sum_2"] == "Sum · Twin"
    assert words["webhook.field.paid"] == "Paid · Shop" and len(words) == 7
    call(who, incoming_webhooks.delete, twin.id)
    assert "webhook.field.sum_2" not in known_facts(who)
    held = call(who, webhook_fields.list_fields, webhook.id)
    call(who, webhook_fields.rename, held[0].id, name="Total")
    call(who, webhook_fields.delete, held[1].id)
    assert [row.name for row in call(who, webhook_fields.list_fields, webhook.id)] == ["Total", "At", "Note", "Mail"]
    for given in ({"path": " "}, {"path": "a", "kind": FieldKind.CHOICE}, {"path": "a", "name": "x" * 81}):
        with pytest.raises(Invalid):
            call(who, webhook_fields.add_field, webhook.id, **{"kind": FieldKind.TEXT} | given)
    for act, given in ((webhook_fields.add_field, {"path": "x", "kind": FieldKind.TEXT}), (webhook_fields.rename, {})):
        with pytest.raises(Conflict):
            call(who, act, webhook.id if given else held[2].id, name="TOTAL", **given)


def test_a_rule_compares_fields_and_writes_them(who: Identity) -> None:
    webhook = a_webhook(who, email_path="mail", creates_contact=True)
    total = a_field(who, webhook, "order.total", FieldKind.NUMBER)
    for path, kind in (("order.paid", "yes_no"), ("order.at", "date"), ("order.note", "text")):
        a_field(who, webhook, path, FieldKind(kind))
    text = "{{ webhook.name }}: {{ webhook.field.total | money }}, {{ webhook.field.note }}, {{ webhook.field.paid }}"
    a_rule(who, "webhook_received", {"kind": "write_note", "text": text}, condition=is_more(total, "10"))
    deliver(webhook, ORDER)
    deliver(webhook, ORDER | {"order": {"total": "9"}})
    deliver(webhook, ORDER | {"order": {"total": "many"}})
    run_jobs(who)
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.CONDITION, RunState.CONDITION]
    first = event_facts(events(who)[0])
    assert first.values[total] == Decimal("12.5") and first.values["webhook.field.paid"] is True
    assert str(first.values["webhook.field.at"]) == "2026-05-01 10:00:00+00:00"
    assert runs(who)[1].proof["of"][0]["actual"] == "9" and runs(who)[2].proof["of"][0]["actual"] is None
    contact = events(who)[0].contact_id
    assert contact == events(who)[2].contact_id is not None
    (note,) = call(who, cards.get_card, Holder.CONTACT, contact).notes
    assert note.text == "Shop: RUB12.50, Hi, true"


def test_a_rule_waits_for_its_webhook_or_for_any(who: Identity) -> None:
    mine, other = a_webhook(who), a_webhook(who, name="Other", agent_id=add_agent(who))
    notify = {"kind": "notify", "user_id": who.user_id, "text": "Seen"}
    one = a_rule(who, "webhook_received", notify, webhook_id=mine.id)
    every = a_rule(who, "webhook_received", notify)
    deliver(mine, 1)
    deliver(other, 2)
    run_jobs(who)
    assert sorted(run.rule_id for run in runs(who)) == sorted([one, every, every])
    first, second = events(who)
    assert first.agent_id is None and second.agent_id == other.agent_id
    assert call(who, dry_run.dry_run, one, second.id, draft=True).reason == "agent"
    assert call(who, dry_run.dry_run, one, first.id, draft=True).reason == "fires"
    assert call(who, dry_run.dry_run_message, one, "").reason == "fires"
    assert call(who, backtest.backtest, one, days=7).reasons == {"fires": 1}
    assert event_matching.matches_trigger(None, "x", {}, event=first)  # published before there was a choice


def test_a_rule_of_a_webhook_that_is_gone_is_not_published(who: Identity, other: Identity) -> None:
    webhook = a_webhook(who)
    draft = {"trigger": "webhook_received", "actions": [{"kind": "hand_off"}], "webhook_id": webhook.id}
    row = call(who, rules.DEFINITIONS.create, name="Rule", draft=draft)
    assert call(who, rules.problems, row) == {}
    call(who, incoming_webhooks.delete, webhook.id)
    assert set(call(who, rules.problems, row)) == {"webhook_id"}
    row.draft = draft | {"webhook_id": a_webhook(other).id}
    assert set(call(who, rules.problems, row)) == {"webhook_id"}
    with pytest.raises(Invalid):
        call(who, rules.DEFINITIONS.save, row.id, {"webhook_id": "../x"}, revision=row.revision)


def test_naughty_strings_through_facts_and_the_rule(who: Identity) -> None:
    texts = json.loads(shared.path("corpora/blns/blns.json").read_text())[::4]
    webhook = a_webhook(who, email_path="mail", creates_contact=True)
    fact = a_field(who, webhook, "text", FieldKind.TEXT)
    for path, kind in (("number", FieldKind.NUMBER), ("at", FieldKind.DATE), ("flag", FieldKind.YES_NO)):
        a_field(who, webhook, path, kind)
    text = "{{ webhook.field.text }}|{{ webhook.field.number }}|{{ webhook.field.at }}|{{ webhook.field.flag }}"
    told = {"kind": "write_note", "text": text}
    a_rule(who, "webhook_received", told, condition=is_more(fact, "", "not_empty"), daily_cap=100_000)
    for one in texts:
        brought = dict.fromkeys(("text", "number", "at", "flag"), one) | {"mail": "anna@acme.test"}
        assert deliver(webhook, brought) == DeliveryOutcome.ACCEPTED
    run_jobs(who)
    spoken = [one.strip() for one in texts if one.strip()]
    assert [run.state for run in runs(who) if run.fired] == [RunState.DONE] * len(spoken)
    assert [event_facts(event).values[fact] for event in events(who) if event_facts(event).values.get(fact)] == spoken
    (person,), count = call(who, contacts.list_contacts)
    assert (count, person.email) == (1, "anna@acme.test")


def test_the_log_is_found_by_webhook_and_outcome_a_page_at_a_time(who: Identity) -> None:
    first, second = a_webhook(who), a_webhook(who, name="Second")
    for place in range(3):
        deliver(first, place, message_id="same")
        deliver(second, place)
    assert len(call(who, delivery_log.list_deliveries)) == 6
    assert [row.outcome.value for row in call(who, delivery_log.list_deliveries, webhook_id=first.id)] == [
        "duplicate"
    ] * 2 + ["accepted"]
    assert len(call(who, delivery_log.list_deliveries, outcome="accepted")) == 4
    assert [row.body for row in call(who, delivery_log.list_deliveries, webhook_id=second.id, size=1)] == ["2", "1"]
    assert [row.body for row in call(who, delivery_log.list_deliveries, webhook_id=second.id, page=3, size=1)] == ["0"]
    call(who, incoming_webhooks.delete, second.id)
    assert call(who, delivery_log.webhook_names) == {first.id: "Shop", second.id: "Second"}
