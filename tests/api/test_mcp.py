"""MCP: a client of the official package lists the tools of its key and calls them; proposals wait for members."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from platform_app.api.mcp.tools import TOOLS
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Role
from platform_app.models.script import Script
from platform_app.services.agents import agents
from platform_app.services.api_keys.scopes import Scope
from tests.api.keys import a_key, ask
from tests.api.serving_api import serving_api
from tests.api_client import client
from tests.talking import ELSEWHERE, add_source, call, published, real_talk, say
from tests.visiting import rows


@asynccontextmanager
async def session(key: str) -> AsyncIterator[ClientSession]:
    """Connect a client with a key."""
    async with (
        serving_api() as address,
        httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}) as http,
        streamable_http_client(f"{address}/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as opened,
    ):
        await opened.initialize()
        yield opened


async def called(opened: ClientSession, name: str, **given: Any) -> tuple[bool, Any]:
    """Return whether a tool failed, and its answer."""
    result = await opened.call_tool(name, given)
    text = result.content[0].text  # type: ignore[union-attr]
    return bool(result.is_error), text if result.is_error else json.loads(text)


async def test_a_client_lists_tools_and_reads(who: Identity) -> None:
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    add_source(who, "Else.md", *ELSEWHERE)
    talk_id = real_talk(who)
    say(who, talk_id, "Hello there")
    async with session(a_key(who)) as opened:
        assert {one.name for one in (await opened.list_tools()).tools} == set(TOOLS)
        failed, told = await called(opened, "list_conversations", limit=10)
        assert not failed and [one["id"] for one in told["data"]] == [talk_id]
        failed, told = await called(opened, "list_messages", conversation_id=talk_id)
        assert "Hello there" in [one["text"] for one in told["data"]]
        failed, told = await called(opened, "search_knowledge", question="How much is a tune-up?")
        assert not failed and told["data"][0]["source_title"] == "Prices.md"


async def test_proposals_change_nothing_that_is_in_force(who: Identity) -> None:
    agent_id = published(who, name="Vera", instructions="Be brief.")
    async with session(a_key(who)) as opened:
        failed, told = await called(opened, "propose_instructions", agent_id=agent_id, instructions="Be kind.")
        assert not failed
        assert (told["draft_instructions"], told["published_instructions"]) == ("Be kind.", "Be brief.")
        failed, _ = await called(opened, "propose_instructions", agent_id=agent_id, instructions="No", revision=1)
        assert failed  # somebody changed the draft meanwhile
        failed, told = await called(opened, "propose_script", title="Hello", kind="greeting", text="Say hello.")
        assert not failed and told["enabled"] is False
        failed, _ = await called(opened, "propose_script", title="x", kind="greeting", text="x", enabled=True)
        assert failed
    assert call(who, agents.get, agent_id).published["instructions"] == "Be brief."
    assert [row.enabled for row in rows(who, Script)] == [False]


async def test_a_key_sees_and_uses_the_tools_of_its_scopes_alone(who: Identity, other: Identity) -> None:
    agent_id, theirs = published(who, name="Vera"), published(other, name="CANARY")
    async with session(a_key(who, scopes=[Scope.AGENTS_READ, Scope.AGENTS_WRITE], role=Role.VIEWER)) as opened:
        assert {one.name for one in (await opened.list_tools()).tools} == {"list_agents", "get_agent"}
        for name, given in (
            ("list_conversations", {}),
            ("propose_instructions", {"agent_id": agent_id, "instructions": "x"}),
            ("get_agent", {"agent_id": theirs}),
            ("get_agent", {"agent_id": "../" + agent_id}),
            ("get_agent", {"agent_id": [agent_id]}),
            ("get_agent", {}),
            ("list_agents", {"limit": "x"}),
            ("list_agents", {"tenant_id": other.tenant_id}),
            ("drop_everything", {}),
        ):
            failed, told = await called(opened, name, **given)
            assert failed and "CANARY" not in told, name
        failed, told = await called(opened, "list_agents")
        assert [one["name"] for one in told["data"]] == ["Vera"]
    assert {row.name: row.draft["instructions"] for row in rows(who, Agent)} == {"Vera": ""}


@pytest.mark.parametrize("key", ["", "gpta_" + "x" * 43])
async def test_without_a_key_nothing_is_answered(who: Identity, key: str) -> None:
    a_key(who)
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with client() as http:
        answer = await http.post("/mcp", json=body, headers={"authorization": f"Bearer {key}"} if key else {})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"jsonrpc": "2.0"}', b"\xff", b"1"])
async def test_what_is_no_request_is_refused(who: Identity, body: bytes) -> None:
    headers = {"authorization": f"Bearer {a_key(who)}", "content-type": "application/json"}
    headers["accept"] = "application/json, text/event-stream"
    async with client() as http:
        answer = await http.post("/mcp", content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        large = await http.post("/mcp", content=b" " * 1_100_000, headers=headers)
        assert large.status_code == 413
    assert (await ask(a_key(who), "GET", "/agents")).status_code == 200
