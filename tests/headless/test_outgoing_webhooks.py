"""Outgoing webhooks in the console: created, subscribed, tested, their log, and what each role may do."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.config import settings
from platform_app.models.event import EventKind
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts
from platform_app.services.webhooks import outgoing_log, outgoing_webhooks, rule_secrets, webhook_secrets
from platform_app.state.webhooks.outgoing_webhook import KIND_GROUPS, OutgoingWebhookState
from platform_app.state.webhooks.outgoing_webhooks import OutgoingWebhooksState
from platform_app.state.webhooks.rule_secret import RuleSecretState
from platform_app.state.webhooks.sent import SentDeliveryState, SentState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.receiving import Answer, Endpoint, an_outgoing, deliveries, work_off
from tests.talking import call

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


@pytest.fixture
def endpoint(env: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A server on this machine that webhooks may reach."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    settings.cache_clear()
    made = Endpoint()
    yield made
    made.close()
    settings.cache_clear()


async def opened(tab: Tab, path: str, state: Any, name: str) -> None:
    """Open a page that follows what happens, and wait until it is there."""
    await tab.goto(f"/manage/acme{path}", settle=False)
    await tab.until(lambda: name in str(tab.seen) and tab.get(state, name))


def test_every_kind_of_event_can_be_chosen() -> None:
    grouped = [kind for kinds in KIND_GROUPS.values() for kind in kinds]
    assert sorted(grouped) == sorted(EventKind)


async def test_created_with_a_secret_that_is_shown_once(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/webhooks?tab=outgoing", OutgoingWebhooksState, "loaded")
        for url, problem in (
            ("example.com", "Enter an address that begins with https://."),
            ("ftp://example.com", "Enter an address that begins with https://."),
            ("https://user:pass@example.com/", "Enter an address that begins with https://."),
            ("https://example.com:port/", "This isn’t an address."),
            ("https://e.com/" + "a" * 1_000, "This is longer than 1000 characters."),
        ):
            await tab.send(OutgoingWebhooksState.create({"name": "CRM", "url": url}), settle=False)
            await tab.until(lambda problem=problem: tab.get(OutgoingWebhooksState, "problems") == {"url": problem})
        await tab.send(OutgoingWebhooksState.create({"name": " ", "url": "https://example.com"}), settle=False)
        await tab.until(lambda: tab.get(OutgoingWebhooksState, "problems") == {"name": "Enter a name."})
        await tab.send(OutgoingWebhooksState.create({"name": "CRM", "url": "https://e.com/"}), settle=False)
        await tab.until(lambda: SECRET.search(tab.scripts()))
        (row,) = call(who, outgoing_webhooks.list_webhooks)
        assert webhook_secrets.get_secret(row) in tab.scripts()
        await opened(tab, f"/webhooks/outgoing/{row.id}", OutgoingWebhookState, "webhook_key")
        await tab.send(OutgoingWebhookState.rotate_secret(), settle=False)
        await tab.until(lambda: tab.get(OutgoingWebhookState, "renewal_note"))
        held = str(tab.seen) + repr([vars(state) for state in tab.manager.states.values()])
        assert not SECRET.search(held) and row.secret not in held


async def test_events_are_chosen_one_by_one_and_all_at_once(who: Identity) -> None:
    row = an_outgoing(who, "https://example.com/")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/webhooks/outgoing/{row.id}", OutgoingWebhookState, "webhook_key")
        await tab.send(OutgoingWebhookState.subscribe_to_all(False), settle=False)
        await tab.send(OutgoingWebhookState.subscribe_to("lead_created", True), settle=False)
        await tab.send(OutgoingWebhookState.subscribe_to("contact_created", True), settle=False)
        await tab.send(OutgoingWebhookState.subscribe_to("no such kind", True), settle=False)
        await tab.send(OutgoingWebhookState.subscribe_to("lead_created", False), settle=False)
        await tab.until(lambda: tab.get(OutgoingWebhookState, "chosen_words") == f"1 of {len(EventKind)} chosen")
    assert call(who, outgoing_webhooks.get, row.id).kinds == ["contact_created"]


async def test_a_test_event_and_what_failed_are_seen_and_sent_again(who: Identity, endpoint: Endpoint) -> None:
    row = an_outgoing(who, endpoint.address, "contact_created")
    endpoint.answers = [Answer(500, body=b"<b>out of order</b>")]
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/webhooks/outgoing/{row.id}", OutgoingWebhookState, "webhook_key")
        await tab.send(OutgoingWebhookState.send_test(), settle=False)
        await tab.until(lambda: len(tab.get(OutgoingWebhookState, "deliveries")) == 1)
        await asyncio.to_thread(work_off, who)
        await tab.goto(f"/manage/acme/webhooks/sent/{deliveries(who)[0].id}", settle=False)
        await tab.until(lambda: "out of order" in str(tab.seen))
        head, view = tab.get(SentDeliveryState, "head"), tab.get(SentDeliveryState, "view")
        assert (head.kind, head.why, head.can_resend) == ("Test event", "The address answered 500.", False)
        assert '"test": true' in view.body and view.attempts[0].answer == "<b>out of order</b>"
        await tab.send(SentDeliveryState.send_again(), settle=False)
        await tab.until(lambda: "on its way already" in tab.scripts())
        call(who, outgoing_webhooks.set_enabled, row.id, enabled=False)
        call(who, outgoing_webhooks.set_enabled, row.id, enabled=True)
        await opened(tab, f"/webhooks/outgoing/{row.id}", OutgoingWebhookState, "has_failed")
        await tab.send(OutgoingWebhookState.send_failed_again(), settle=False)
        await tab.until(lambda: "1 delivery is sent again." in tab.scripts())
        await asyncio.to_thread(work_off, who)
    assert [one.state.value for one in deliveries(who)] == ["delivered"]


async def test_the_log_is_filtered_and_keeps_its_filters_in_the_address(who: Identity, endpoint: Endpoint) -> None:
    first = an_outgoing(who, endpoint.address, "contact_created", name="First")
    second = an_outgoing(who, endpoint.address, "contact_created", name="Second")
    for place in range(55):
        call(who, contacts.create, name=f"Person {place}")
    call(who, outgoing_log.send_test, second.id)
    await asyncio.to_thread(work_off, who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/webhooks?tab=sent&target={first.id}&sent_page=2", SentState, "loaded")
        await tab.until(lambda: len(tab.get(SentState, "rows")) == 5)
        await tab.send(SentState.filter_target(second.id), settle=False)
        await tab.send(SentState.filter_type("test"), settle=False)
        await tab.until(lambda: [row.kind for row in tab.get(SentState, "rows")] == ["Test event"])
        assert '"type": "test"' in tab.scripts() and f'"target": "{second.id}"' in tab.scripts()
        await tab.send(SentState.filter_state("failed"), settle=False)
        await tab.until(lambda: tab.get(SentState, "rows") == [])


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_without_the_right_the_address_is_hidden_and_nothing_is_managed(who: Identity, role: Role) -> None:
    row = an_outgoing(who, "https://hooks.example.com/T0KEN", "contact_created")
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, "/webhooks?tab=outgoing", OutgoingWebhooksState, "loaded")
        for sent in (
            OutgoingWebhooksState.create({"name": "Mine", "url": "https://e.com"}),
            OutgoingWebhooksState.delete(row.id),
            OutgoingWebhooksState.set_dialog_open(True),
        ):
            await tab.send(sent, settle=False)
        await opened(tab, f"/webhooks/outgoing/{row.id}", OutgoingWebhookState, "webhook_key")
        for sent in (
            OutgoingWebhookState.rotate_secret(),
            OutgoingWebhookState.save("url", "https://evil.example"),
            OutgoingWebhookState.subscribe_to_all(True),
            OutgoingWebhookState.send_test(),
        ):
            await tab.send(sent, settle=False)
        await tab.until(lambda: "hooks.example.com" in str(tab.seen))
        assert "T0KEN" not in str(tab.seen) + tab.scripts() and tab.errors == []
    held = call(who, outgoing_webhooks.get, row.id)
    assert (held.url, held.secret, held.kinds) == (row.url, row.secret, ["contact_created"])
    assert len(deliveries(who)) == (1 if role == Role.OPERATOR else 0)


async def test_of_another_tenant_nothing_is_shown_or_changed(
    who: Identity, other: Identity, endpoint: Endpoint
) -> None:
    theirs = an_outgoing(other, endpoint.address, "contact_created", name="CANARY")
    call(other, contacts.create, name="CANARY")
    (delivery,) = deliveries(other)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/webhooks/outgoing/{theirs.id}", settle=False)
        for sent in (
            OutgoingWebhookState.save("url", "https://evil.example"),
            OutgoingWebhookState.rotate_secret(),
            OutgoingWebhookState.subscribe_to_all(True),
            OutgoingWebhookState.send_test(),
            OutgoingWebhooksState.delete(theirs.id),
            OutgoingWebhooksState.switch(theirs.id, False),
        ):
            await tab.send(sent, settle=False)
        await tab.goto(f"/manage/acme/webhooks/sent/{delivery.id}", settle=False)
        await tab.send(SentDeliveryState.send_again(), settle=False)
        await opened(tab, f"/webhooks?tab=sent&target={theirs.id}", SentState, "loaded")
        assert "CANARY" not in str(tab.seen)
    held = call(other, outgoing_webhooks.get, theirs.id)
    assert (held.url, held.enabled, held.secret, held.kinds) == (theirs.url, True, theirs.secret, theirs.kinds)
    assert len(deliveries(other)) == 1


async def test_deleted_and_brought_back(who: Identity) -> None:
    row = an_outgoing(who, "https://example.com/")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/webhooks?tab=outgoing", OutgoingWebhooksState, "loaded")
        await tab.send(OutgoingWebhooksState.delete(row.id), settle=False)
        await tab.until(lambda: tab.get(OutgoingWebhooksState, "undo_sentence") == "“CRM” is deleted.")
        assert call(who, outgoing_webhooks.list_webhooks) == []
        await tab.send(OutgoingWebhooksState.undo(), settle=False)
        await tab.until(lambda: len(tab.get(OutgoingWebhooksState, "rows")) == 1)
    assert call(who, outgoing_webhooks.get, row.id).enabled


async def test_the_secret_of_rules_is_shown_once_and_to_admins_alone(who: Identity) -> None:
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await opened(tab, "/webhooks?tab=outgoing", OutgoingWebhooksState, "loaded")
        await tab.send(RuleSecretState.rotate(), settle=False)
        await tab.send(OutgoingWebhooksState.load(), settle=False)
        assert not SECRET.search(tab.scripts())
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/webhooks?tab=outgoing", OutgoingWebhooksState, "loaded")
        for _ in range(2):
            tab.said.clear()
            await tab.send(RuleSecretState.rotate(), settle=False)
            await tab.until(lambda: SECRET.search(tab.scripts()))
        newest, former = await asyncio.to_thread(rule_secrets.signing_secrets, who.tenant_id)
        assert newest in tab.scripts() and former not in tab.scripts()
        await tab.until(lambda: tab.get(RuleSecretState, "note"))
        held = str(tab.seen) + repr([vars(state) for state in tab.manager.states.values()])
        assert not SECRET.search(held)
