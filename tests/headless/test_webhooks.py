"""Webhooks in the console: addresses for those who manage them alone, secrets once and in no state."""

import re
from typing import Any

import pytest

from platform_app.models.crm import FieldKind
from platform_app.models.person import Identity, Role
from platform_app.services.webhooks import incoming_webhooks, webhook_fields
from platform_app.state.webhooks.deliveries import DeliveriesState, DeliveryState
from platform_app.state.webhooks.webhook import WebhookState
from platform_app.state.webhooks.webhooks import WebhooksState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.hooks import a_webhook, address_of, deliver, log, secret_of
from tests.talking import call

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


async def opened(tab: Tab, path: str, state: Any, name: str) -> None:
    """Open a page that follows what happens, and wait until it is there."""
    await tab.goto(f"/manage/acme{path}", settle=False)
    await tab.until(lambda: name in str(tab.seen) and tab.get(state, name))


async def test_a_secret_is_shown_once_and_held_in_no_state(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/webhooks", WebhooksState, "loaded")
        await tab.send(WebhooksState.set_dialog_open(True), settle=False)
        await tab.send(WebhooksState.create({"name": "Shop"}), settle=False)
        await tab.until(lambda: SECRET.search(tab.scripts()))
        (row,) = call(who, incoming_webhooks.list_webhooks)
        assert secret_of(row) in tab.scripts() and tab.get(WebhooksState, "created_id") == row.id
        assert tab.get(WebhooksState, "created_address") == f"http://127.0.0.1:8000/hooks/{address_of(row)}"
        await opened(tab, f"/webhooks/{row.id}", WebhookState, "webhook_key")
        tab.said.clear()
        await tab.send(WebhookState.rotate_secret(), settle=False)
        await tab.until(lambda: SECRET.search(tab.scripts()))
        fresh = secret_of(call(who, incoming_webhooks.get, row.id))
        assert fresh != secret_of(row) and fresh in tab.scripts() and secret_of(row) not in tab.scripts()
        held = str(tab.seen) + repr([vars(state) for state in tab.manager.states.values()])
        assert not SECRET.search(held) and row.address_hash not in held


async def test_a_name_that_does_not_fit_is_said_in_the_form(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/webhooks", WebhooksState, "loaded")
        await tab.send(WebhooksState.create({"name": " "}), settle=False)
        await tab.until(lambda: tab.get(WebhooksState, "problem") == "Enter a name.")
    assert call(who, incoming_webhooks.list_webhooks) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_without_the_right_there_is_no_address_and_no_managing(who: Identity, role: Role) -> None:
    webhook = a_webhook(who)
    deliver(webhook, {"total": 5})
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, "/webhooks", WebhooksState, "loaded")
        for sent in (
            WebhooksState.create({"name": "Mine"}),
            WebhooksState.delete(webhook.id),
            WebhooksState.set_dialog_open(True),
        ):
            await tab.send(sent, settle=False)
        await opened(tab, f"/webhooks/{webhook.id}", WebhookState, "webhook_key")
        for sent in (WebhookState.rotate_secret(), WebhookState.require_signature(True)):
            await tab.send(sent, settle=False)
        await tab.send(WebhookState.add_all_suggested(), settle=False)
        await tab.send(WebhookState.save("name", "Changed"), settle=False)
        await tab.goto(f"/manage/acme/webhooks/received/{log(who)[0].id}", settle=False)
        await tab.until(lambda: '"total": 5' in str(tab.seen))
        told = str(tab.seen) + tab.scripts()
        assert address_of(webhook) not in told and not SECRET.search(told)
        assert '"total": 5' in tab.get(DeliveryState, "view").body and tab.errors == []
    (row,) = call(who, incoming_webhooks.list_webhooks)
    may = role == Role.OPERATOR
    assert (row.secret, row.signed, row.former_secret) == (webhook.secret, False, "")
    assert (row.name, len(call(who, webhook_fields.list_fields, row.id))) == (("Changed", 1) if may else ("Shop", 0))


async def test_of_another_tenant_nothing_is_shown_or_changed(who: Identity, other: Identity) -> None:
    theirs = a_webhook(other, name="CANARY")
    deliver(theirs, {"word": "CANARY"})
    field = call(other, webhook_fields.add_field, theirs.id, path="word", kind=FieldKind.TEXT)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/webhooks/{theirs.id}", settle=False)
        for sent in (
            WebhookState.save("name", "Mine"),
            WebhookState.rotate_secret(),
            WebhookState.delete_field(field.id),
            WebhooksState.delete(theirs.id),
            WebhooksState.switch(theirs.id, False),
        ):
            await tab.send(sent, settle=False)
        await tab.goto(f"/manage/acme/webhooks/received/{log(other)[0].id}", settle=False)
        await opened(tab, f"/webhooks?tab=received&webhook={theirs.id}", DeliveriesState, "loaded")
        assert "CANARY" not in str(tab.seen)
    row = call(other, incoming_webhooks.get, theirs.id)
    assert (row.name, row.enabled, row.secret) == ("CANARY", True, theirs.secret)
    assert len(call(other, webhook_fields.list_fields, theirs.id)) == 1


async def test_the_log_keeps_its_filters_and_its_page_in_the_address(who: Identity) -> None:
    first, second = a_webhook(who), a_webhook(who, name="Second")
    for place in range(55):
        deliver(first, place)
    deliver(second, 1, message_id="one")
    deliver(second, 1, message_id="one")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/webhooks?tab=received&webhook={second.id}", DeliveriesState, "loaded")
        assert (tab.get(WebhooksState, "tab"), len(tab.get(DeliveriesState, "rows"))) == ("received", 2)
        await tab.send(DeliveriesState.filter_outcome("duplicate"), settle=False)
        await tab.until(
            lambda: len(tab.get(DeliveriesState, "rows")) == 1 and '"outcome": "duplicate"' in tab.scripts()
        )
        await opened(tab, f"/webhooks?tab=received&webhook={first.id}&page=2", DeliveriesState, "loaded")
        await tab.until(lambda: len(tab.get(DeliveriesState, "rows")) == 5)
