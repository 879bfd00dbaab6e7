"""Bitrix24 on the pages: its card and form, the rules that it obeys, and how posts are set up; in both languages."""

from asyncio import to_thread
from typing import Any

import pytest

from platform_app.integrations.bitrix24.crm import BITRIX24
from platform_app.integrations.kommo.crm import KOMMO
from platform_app.models.integration import ConnectionState
from platform_app.models.person import Identity, Role
from platform_app.pages.integrations import integration, integrations
from platform_app.services.integrations import connections
from platform_app.state.integrations.integration import IntegrationState
from platform_app.state.integrations.integrations import IntegrationsState
from tests.conftest import make_member
from tests.crm_sync import connection, exchange
from tests.fakes.bitrix24 import FakeBitrix, bitrix, portal
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.integrations.test_bitrix24 import HOME, connect, public
from tests.talking import call

__all__ = ["bitrix", "portal"]


def seen(tab: Tab, name: str) -> Any:
    return tab.get(IntegrationState, name)


async def test_a_portal_is_connected_by_one_address(who: Identity, bitrix: FakeBitrix) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/integrations", IntegrationsState, "loaded")
        await tab.send(IntegrationsState.open_dialog("bitrix24"))
        assert tab.get(IntegrationsState, "dialog") == "bitrix24"
        for address in ("", "shop.bitrix24.ru", bitrix.address.replace(bitrix.code, "wrong12345")):
            await tab.send(IntegrationsState.connect({"token": address}))
            assert tab.get(IntegrationsState, "problem_field") == "token" and tab.get(IntegrationsState, "problem")
        await tab.send(IntegrationsState.connect({"token": bitrix.address}))
        (row,) = call(who, connections.list_connections)
        assert (row.name, row.host) == (bitrix.host, bitrix.host)
        await opened(tab, f"/integrations/{row.id}", IntegrationState, "connection_id")
        assert (seen(tab, "kind"), seen(tab, "crm")) == ("bitrix24", "Bitrix24")
        assert "tags" not in [rule.name for rule in seen(tab, "rules")]  # its records have none
        await tab.send(IntegrationState.set_rule("tags", "crm"))
        assert connection(who, row.id).conflict_rules == {}
        assert tab.errors == []


async def test_posts_are_set_up_by_hand_and_a_revoked_webhook_is_replaced(
    who: Identity, bitrix: FakeBitrix, env: pytest.MonkeyPatch
) -> None:
    connection_id = await to_thread(connect, who, bitrix)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/integrations/{connection_id}", IntegrationState, "connection_id")
        assert seen(tab, "posts_address") == ""
        await tab.send(IntegrationState.set_post_secret({"secret": bitrix.application_token}))
        assert "PLATFORM_PUBLIC_URL" in seen(tab, "problems")["secret"]
        public(env)
        await tab.send(IntegrationState.load())
        assert seen(tab, "posts_address") == f"{HOME}/hooks/crm/{connection(who, connection_id).token}"
        await tab.send(IntegrationState.set_post_secret({"secret": bitrix.application_token}))
        assert seen(tab, "posts") is True and seen(tab, "problems") == {}
        bitrix.code = "newc0denewc0de"
        await to_thread(exchange, who, connection_id)
        await tab.send(IntegrationState.load())
        assert seen(tab, "is_refused") and "Bitrix24" in seen(tab, "problem")
        await tab.send(IntegrationState.replace_token({"token": bitrix.address}))
        assert connection(who, connection_id).state == ConnectionState.CONNECTED and seen(tab, "posts") is True
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await opened(tab, f"/integrations/{connection_id}", IntegrationState, "connection_id")
        assert seen(tab, "posts_address") == ""
        await tab.send(IntegrationState.set_post_secret({"secret": "x" * 20}))
    assert call(who, connections.get, connection_id).webhook


def test_each_crm_has_the_form_that_it_needs() -> None:
    dialogs = {crm.kind: str(integrations._dialog(crm)) for crm in (KOMMO, BITRIX24)}
    for word in ('"account"', '"client_id"', '"redirect_uri"'):
        assert word in dialogs[KOMMO.kind] and word not in dialogs[BITRIX24.kind]
    assert '"token"' in dialogs[BITRIX24.kind]
    page = str(integration.show())
    assert page.count('"posts_address"') >= 1 and page.count('"token"') >= 2
