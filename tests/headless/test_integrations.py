"""Integrations page: admins connect a CRM, map it, synchronize, pause and disconnect it; others only look."""

from asyncio import to_thread
from typing import Any

import pytest

from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.crm import Lead
from platform_app.models.integration import RecordKind
from platform_app.models.person import Identity, Role
from platform_app.models.secret import Secret
from platform_app.services.crm import custom_field_definitions, leads, pipelines
from platform_app.services.integrations import connections
from platform_app.state.integrations.integration import IntegrationState
from platform_app.state.integrations.integrations import IntegrationsState
from tests.conftest import make_member
from tests.crm_sync import connect, connected, exchange, linked, rows
from tests.fakes.kommo import kommo, unpaced
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.integrations.test_crm_exchange import a_deal
from tests.talking import call, run_jobs

__all__ = ["kommo", "unpaced"]


def seen(tab: Tab, name: str) -> Any:
    return tab.get(IntegrationState, name)


def group(tab: Tab, title: str) -> Any:
    """Return a group of the mapping by its title."""
    return next(group for group in seen(tab, "groups") if group.title == title)


async def test_connect_map_and_synchronize(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/integrations", IntegrationsState, "loaded")
        await tab.send(IntegrationsState.open_dialog("kommo"))
        for account, token, field in (
            ("evil.example.com", unpaced.token, "account"),
            (unpaced.host, "", "token"),
            (unpaced.host, "wrong", "token"),
        ):
            await tab.send(IntegrationsState.connect({"account": account, "token": token}))
            assert tab.get(IntegrationsState, "problem_field") == field and tab.get(IntegrationsState, "problem")
        await tab.send(IntegrationsState.connect({"account": unpaced.host, "token": unpaced.token}))
        (row,) = call(who, connections.list_connections)
        assert f"/manage/acme/integrations/{row.id}" in tab.scripts()
        await opened(tab, f"/integrations/{row.id}", IntegrationState, "connection_id")
        assert seen(tab, "state") == "Not synchronized yet"
        service = next(line for line in group(tab, "Pipelines").lines if line.name == "Service")
        await tab.send(IntegrationState.set_counterpart(service.id, ""))
        assert "Stages of “Service”" not in [one.title for one in seen(tab, "groups")]
        size = next(line for line in group(tab, "Fields of leads").lines if line.name == "Frame size")
        await tab.send(IntegrationState.set_counterpart(size.id, "new"))
        await tab.send(IntegrationState.synchronize())
        assert seen(tab, "is_running") is True
        await to_thread(run_jobs, who)
        await tab.send(IntegrationState.load())
        assert seen(tab, "is_running") is False
        assert seen(tab, "state") == "Connected"
        assert seen(tab, "sync_words") == "2 created, 0 updated, 0 rejected"
        assert tab.errors == []
    names = [pipeline.name for pipeline, _ in call(who, pipelines.list_pipelines)]
    assert "Sales" in names and "Service" not in names
    assert linked(who, RecordKind.LEAD, deal).title == "Two bicycles"


async def test_a_counterpart_is_given_once(who: Identity, kommo: FakeKommo) -> None:
    field = call(who, custom_field_definitions.create, "lead", name="Frame size", kind="number")
    connection_id = await to_thread(connect, who, kommo)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/integrations/{connection_id}", IntegrationState, "connection_id")
        lines = group(tab, "Fields of leads").lines
        assert next(line.value for line in lines if line.name == "Frame size") == field.id
        other = next(line for line in lines if line.name == "Delivery date")
        await tab.send(IntegrationState.set_counterpart(other.id, field.id))
        assert seen(tab, "mapping_problem_at") == other.id and "Frame size" in seen(tab, "mapping_problem")
        for value in ("x" * 40, "no such id"):
            await tab.send(IntegrationState.set_counterpart(other.id, value))
            assert seen(tab, "mapping_problem")


async def test_pause_rule_resend_and_disconnect(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await to_thread(connected, who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/integrations/{connection_id}", IntegrationState, "connection_id")
        await tab.send(IntegrationState.set_paused(True))
        assert seen(tab, "state") == "Paused"
        call(who, leads.save, lead.id, {"budget": "900"})
        unpaced.data.change("leads", deal, name="Changed meanwhile")
        await to_thread(exchange, who, connection_id)
        assert unpaced.data.entities["leads"][deal]["price"] == 1500
        await tab.send(IntegrationState.set_rule("budget", "platform"))
        await tab.send(IntegrationState.set_paused(False))
        unpaced.fail_next("PATCH", "/api/v4/leads", status=400)
        await to_thread(run_jobs, who)
        assert call(who, leads.get, lead.id).title == "Changed meanwhile"
        await tab.send(IntegrationState.load())
        (failed,) = seen(tab, "failed")
        await tab.send(IntegrationState.send_again(failed.id))
        await to_thread(run_jobs, who)
        assert unpaced.data.entities["leads"][deal]["price"] == 900
        await tab.send(IntegrationState.disconnect())
    assert call(who, connections.list_connections) == []
    with pytest.raises(Exception, match="Connection not found"):
        call(who, connections.get, connection_id)
    assert rows(who, Secret) == []
    again = await to_thread(connect, who, unpaced)
    assert again == connection_id
    await to_thread(exchange, who, again)
    assert len(rows(who, Lead)) == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_look_and_change_nothing(who: Identity, kommo: FakeKommo, role: Role) -> None:
    connection_id = await to_thread(connect, who, kommo)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, f"/integrations/{connection_id}", IntegrationState, "connection_id")
        line = group(tab, "Pipelines").lines[0]
        for event in (
            IntegrationState.synchronize(),
            IntegrationState.set_paused(True),
            IntegrationState.set_counterpart(line.id, ""),
            IntegrationState.set_rule("budget", "crm"),
            IntegrationState.replace_token({"token": "x"}),
            IntegrationState.disconnect(),
            IntegrationsState.connect({"account": kommo.host, "token": kommo.token}),
        ):
            await tab.send(event)
    row = call(who, connections.get, connection_id)
    assert row.paused_at is None and row.conflict_rules == {} and row.synced_at is None


async def test_a_connection_of_others_is_not_found(who: Identity, other: Identity, kommo: FakeKommo) -> None:
    connection_id = await to_thread(connect, other, kommo)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/integrations/{connection_id}")
        assert seen(tab, "connection_id") == ""
