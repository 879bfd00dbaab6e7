"""Providers page: admins connect, test and remove a provider, its key never comes back, and an agent chooses it."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.providers import providers
from platform_app.state.agents.agent import AgentState
from platform_app.state.chat.trace_view import trace_facts
from platform_app.state.providers.provider import ProviderState
from platform_app.state.providers.providers import ProvidersState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, refuses, says, serving, started
from tests.headless.harness import Tab, sign_in
from tests.providers.connected import FORM, connect
from tests.talking import add_agent, answered, begin, call, trace

PAGE = "/manage/acme/settings/providers"
SECRET = FORM["key"]


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env)


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ProviderState, name)


async def test_connect_test_make_default_and_remove(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}/new")
        await tab.send(ProviderState.save(FORM | {"base_url": "nowhere"}))
        assert seen(tab, "problem_field") == "base_url" and seen(tab, "problem")
        await tab.send(ProviderState.save(FORM | {"base_url": own.url}))
        (row,) = call(who, providers.list_providers)
        assert f"{PAGE}/{row.id}" in tab.scripts()
        await tab.goto(f"{PAGE}/{row.id}")
        await tab.send(ProviderState.save(FORM | {"base_url": own.url, "transcription_model": "ear-1"}))
        assert seen(tab, "initial")["transcription_model"] == "ear-1"
        assert seen(tab, "initial")["base_url"] == own.url and "ends in 7890" in seen(tab, "credential_hint")
        own.models = [{"id": "m-1", "pricing": {"prompt": "0.000002", "completion": "0.00001"}}]
        await tab.send(ProviderState.test())
        assert seen(tab, "test_succeeded") and "1 model is listed. m-1 replied in" in seen(tab, "test_result")
        (line,) = seen(tab, "models")
        assert (line.name, line.read, line.written) == ("m-1", "$2", "$10")
        own.will(refuses(401))
        await tab.send(ProviderState.test())
        assert not seen(tab, "test_succeeded") and "rejected the API key" in seen(tab, "test_result")
        await tab.goto(PAGE)
        await tab.send(ProvidersState.make_default(row.id))
        assert [line.is_default for line in tab.get(ProvidersState, "rows")] == [False, True]
        await tab.goto(f"{PAGE}/{row.id}")
        await tab.send(ProviderState.remove())
        assert call(who, providers.list_providers) == [] and tab.errors == []
        assert SECRET not in str(tab.seen) and SECRET not in tab.scripts() and SECRET[:-4] not in str(tab.seen)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_nobody_else_reads_or_changes_it(
    provider: FakeProvider, own: FakeProvider, who: Identity, role: Role
) -> None:
    row = connect(who, own)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await tab.goto(f"{PAGE}/{row.id}")
        for event in (
            ProviderState.load(),
            ProviderState.save(FORM | {"name": "Mine"}),
            ProviderState.remove(),
            ProviderState.test(),
            ProvidersState.make_default(row.id),
        ):
            await tab.send(event)
        assert "ends in" not in str(tab.seen)
    (kept,) = call(who, providers.list_providers)
    assert (kept.name, kept.is_default) == ("Own", False) and not own.asked


async def test_an_agent_names_provider_model_fallback_and_effort(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    own.models, agent_id = ["own-1", "own-2"], add_agent(who)
    row = connect(who, own)

    def draft() -> dict[str, Any]:
        return dict(call(who, agents.get, agent_id).draft)

    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent_id}")
        assert tab.get(AgentState, "models") == ["fake-1", "fake-2"]
        await tab.send(AgentState.save("model", "fake-2"))
        await tab.send(AgentState.save("provider", row.id))
        assert tab.get(AgentState, "models") == ["own-1", "own-2"]
        assert (draft()["provider"], draft()["model"]) == (row.id, "")  # a model of another provider is none of its
        await tab.send(AgentState.save("model", "gone"))
        assert "no longer offers this model" in tab.get(AgentState, "problems")["model"]
        await tab.send(AgentState.save("model", "own-2"))
        await tab.send(AgentState.save("fallback_provider", "installation"))
        await tab.send(AgentState.save("fallback_model", "fake-1"))
        await tab.send(AgentState.save("effort", "high"))
        assert tab.get(AgentState, "problems") == {}
        kept = draft()
        assert (kept["model"], kept["fallback_provider"], kept["fallback_model"]) == (
            "own-2", "installation", "fake-1",
        )  # fmt: skip
        assert kept["effort"] == "high"
        await tab.send(AgentState.save("model", "*"))
        assert draft()["model"] == ""
        call(who, providers.remove, row.id)
        await tab.goto(f"/manage/acme/agents/{agent_id}")
        assert "was removed" in tab.get(AgentState, "problems")["model"]
        assert tab.errors == []


async def test_the_trace_names_what_was_asked_before(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    row = connect(who, own)
    own.will(refuses(401))
    provider.will(says("Yes."))
    why = trace(who, await answered(who, begin(who, provider=row.id, model="a", fallback_provider="installation")))
    facts = {fact.name: fact.value for fact in trace_facts(why, "en")}
    assert facts["Failed models"].startswith("a (Own): The model provider rejected the API key.")
    assert facts["Requests"] == "2" and "temperature: 0.3" in facts["Sent to the model"]
