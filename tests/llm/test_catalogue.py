"""Catalogue: which models a provider has, which of them answers by default, and which are about to go."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.llm import catalogue, client
from platform_app.llm.client import FailureReason, ModelFailure
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.providers import agent_models
from tests.conftest import forget_process_state, free_port
from tests.fake_provider import FakeProvider, serving
from tests.talking import answered, begin


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


async def test_models_are_listed_and_kept(provider: FakeProvider) -> None:
    where = client.configured_provider()
    assert await catalogue.model_names(where) == ["fake-1", "fake-2"]
    provider.models = ["text-embedding-3-small", "gpt-4o-mini", "babbage-002"]
    assert await catalogue.model_names(where) == ["fake-1", "fake-2"]
    assert catalogue.default_model(sorted(provider.models)) == "gpt-4o-mini"
    assert catalogue.default_model(["a-embed", "llama3"]) == "llama3"
    assert catalogue.default_model([]) == ""
    assert await catalogue.resolve_model(where, "mine") == "mine"


async def test_models_of_a_provider_that_is_away(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_OPENAI_BASE_URL", f"http://127.0.0.1:{free_port()}/v1")
    forget_process_state()
    with pytest.raises(ModelFailure, match="can’t be reached"):
        await client.model_names(client.configured_provider())
    assert await catalogue.model_names(client.configured_provider()) == []


async def test_the_usual_model_is_chosen_by_rule(provider: FakeProvider, who: Identity) -> None:
    soon, past = (str(now().date() + timedelta(days=days)) for days in (20, -1))
    provider.models = [
        {"id": "gpt-4.1-nano", "shutdown_date": soon}, {"id": "gpt-5-nano", "shutdown_date": past},
        "gpt-6-luna-2026-09-01", "gpt-6-luna", "gpt-6-sol", "unknown-mini", "gpt-4o-mini-search-preview",
        "text-embedding-3-small", "gpt-image-2", "gpt-realtime-mini", "gpt-audio-mini", "whisper-1",
        {"id": "cheap", "mode": "embedding"},
    ]  # fmt: skip
    where = client.configured_provider()
    assert await catalogue.resolve_model(where, "") == "gpt-6-luna"
    assert await agent_models.model_problem(who.tenant_id, "default", "gpt-4.1-nano") == (
        agent_models.MODEL_RETIRES,
        now().date() + timedelta(days=20),
    )
    assert await agent_models.model_problem(who.tenant_id, "default", "gpt-3") == (agent_models.MODEL_NOT_LISTED, None)
    assert await agent_models.model_problem(who.tenant_id, "default", "gpt-6-sol") == ("", None)
    assert catalogue.default_model(["text-embedding-3-small", "whisper-1"]) == ""
    assert catalogue.default_model(["llama-3.1-8b-instruct", "a-preview"]) == "llama-3.1-8b-instruct"


@pytest.mark.parametrize("listed", [{"data": []}, {"models": [{"name": "m"}]}, [{"id": "m"}], ["m"]])
async def test_lists_of_models_in_other_forms(provider: FakeProvider, listed: object) -> None:
    provider.listing = listed
    assert await client.model_names(client.configured_provider()) == (["m"] if listed != {"data": []} else [])


async def test_a_provider_without_a_model_that_chats(provider: FakeProvider, who: Identity) -> None:
    provider.models = ["text-embedding-3-small", "whisper-1"]
    reply = await answered(who, begin(who))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.NO_MODEL)
    assert not provider.asked


async def test_the_page_shows_text_as_text_where_the_agent_writes_no_markdown(
    provider: FakeProvider, who: Identity
) -> None:
    for markdown in (True, False):
        opened = begin(who, markdown=markdown)
        with session_scope(who.tenant_id, read_only=True) as session:
            assert conversations.is_plain(session, who, opened) is not markdown
