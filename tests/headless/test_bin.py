"""Bin page: members find what was deleted, restore it, and admins delete it for good by its name."""

from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.engine.rules import rules
from platform_app.errors import NotFound
from platform_app.i18n import relative_time
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.crm import contacts
from platform_app.services.webhooks import incoming_webhooks
from platform_app.state.agents.agents import AgentsState
from platform_app.state.bin.bin import BinState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.rules.test_rules import a_rule
from tests.talking import add_agent, call, real_talk
from tests.visiting import a_chat

PAGE = "/settings/bin"


def shown(tab: Tab) -> list[tuple[str, str]]:
    return [(row.name, row.kind) for row in tab.get(BinState, "rows")]


def deleted(who: Identity, *names: str) -> None:
    for name in names:
        call(who, contacts.delete, call(who, contacts.create, name=name).id)


async def test_search_filter_and_restore(who: Identity) -> None:
    deleted(who, "Anna", "Boris")
    call(who, incoming_webhooks.delete, call(who, incoming_webhooks.create, name="Shop").id)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, BinState, "loaded")
        assert shown(tab) == [("Shop", "Webhook"), ("Boris", "Contact"), ("Anna", "Contact")]
        gone = relative_time("en", now() + timedelta(days=30), now(), who.time_zone)
        assert [(row.by, row.gone) for row in tab.get(BinState, "rows")] == [(who.name, gone)] * 3
        await tab.send(BinState.filter_kind("contact"))
        await tab.send(BinState.set_search("ann"))
        assert shown(tab) == [("Anna", "Contact")] and "kind" in tab.scripts() and tab.get(BinState, "is_filtered")
        (row,) = tab.get(BinState, "rows")
        await tab.send(BinState.restore(row.id))
        assert shown(tab) == [] and "“Anna” restored." in tab.scripts()
        assert [one.name for one in call(who, contacts.list_contacts)[0]] == ["Anna"]
        await tab.send(BinState.restore(row.id))
        assert "no longer in the bin" in tab.scripts()
        tab.seen.clear()
        await opened(tab, f"{PAGE}?kind=incomingwebhook&q=sh", BinState, "loaded")
        await tab.until(lambda: shown(tab) == [("Shop", "Webhook")])


async def test_in_russian(who: Identity) -> None:
    deleted(who, "Anna")
    person = Identity(**(vars(who) | {"language": "ru"}))
    async with Tab(sign_in(person), language="ru") as tab:
        await opened(tab, PAGE, BinState, "loaded")
        assert tab.get(BinState, "total_words") in ("1 удалённое", "1 deleted")


async def test_for_good_by_name(who: Identity) -> None:
    deleted(who, "Anna")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, BinState, "loaded")
        (row,) = tab.get(BinState, "rows")
        await tab.send(BinState.ask("0" * 32))
        assert tab.get(BinState, "asked_id") == ""
        await tab.send(BinState.ask(row.id))
        assert tab.get(BinState, "asked_name") == "Anna"
        await tab.send(BinState.confirm({"name": "Boris"}))
        assert "The name doesn’t match" in tab.get(BinState, "problem") and len(shown(tab)) == 1
        await tab.send(BinState.confirm({"name": "Anna"}))
        assert shown(tab) == [] and tab.get(BinState, "asked_id") == ""


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_see_less_and_delete_nothing_for_good(who: Identity, role: Role) -> None:
    deleted(who, "Anna")
    call(who, incoming_webhooks.delete, call(who, incoming_webhooks.create, name="Shop").id)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, PAGE, BinState, "loaded")
        assert shown(tab) == [("Anna", "Contact")]
        (row,) = tab.get(BinState, "rows")
        await tab.send(BinState.ask(row.id))
        assert tab.get(BinState, "asked_id") == ""
        await tab.send(BinState.restore(row.id))
        assert shown(tab) == ([] if role == Role.OPERATOR else [("Anna", "Contact")])


async def test_an_agent_is_deleted_by_name_with_what_goes_with_it(who: Identity) -> None:
    agent_id = add_agent(who)
    rule = call(who, rules.DEFINITIONS.get, a_rule(who, "lead_created", {"kind": "add_tag", "tag": "x"}))
    call(who, rules.DEFINITIONS.save, rule.id, {"agent_id": agent_id}, revision=rule.revision)
    call(who, agents.publish, agent_id)
    real_talk(who, agent_id)
    a_chat(who, agent_id)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/agents", AgentsState, "loaded")
        await tab.send(AgentsState.delete(agent_id))
        assert tab.get(AgentsState, "asked_words") == [
            "Also moved to the bin: 1 rule.",
            "1 conversation stays until the agent is permanently deleted, and goes with it then.",
            "No agent will reply on these channels: Shop.",
        ]
        await tab.send(AgentsState.confirm_delete({"name": "Anna"}))
        assert "The name doesn’t match" in tab.get(AgentsState, "problem") and call(who, agents.get, agent_id)
        await tab.send(AgentsState.confirm_delete({"name": "vera "}), settle=False)
        await tab.until(lambda: tab.get(AgentsState, "undo_sentence"))
        with pytest.raises(NotFound):
            call(who, rules.DEFINITIONS.get, rule.id)
        await opened(tab, PAGE, BinState, "loaded")
        assert [(row.name, row.with_words) for row in tab.get(BinState, "rows")] == [("Vera", "Includes: 1 rule")]
        (row,) = tab.get(BinState, "rows")
        await tab.send(BinState.restore(row.id))
        assert call(who, rules.DEFINITIONS.get, rule.id).enabled
