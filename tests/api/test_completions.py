"""Completions: the official client of OpenAI chats with an agent, by both endpoints, with citations and streaming."""

from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from openai import AsyncOpenAI

from platform_app.models.agent import Channel
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.chat import hand_off
from tests.api.keys import a_key
from tests.api.serving_api import serving_api
from tests.fake_provider import FakeProvider, refuses, says, serving
from tests.talking import ELSEWHERE, add_source, call, published
from tests.visiting import rows

QUESTION = "How much is a tune-up?"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=3)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with serving_api() as address:
        yield address


def client(address: str, key: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def asked(text: str = QUESTION) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def an_agent(who: Identity, **settings: object) -> str:
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    add_source(who, "Else.md", *ELSEWHERE)
    return published(who, name="Vera", knowledge="all", channels=["test"], **settings)


async def test_a_chat_completion_with_citations_and_usage(provider: FakeProvider, who: Identity, address: str) -> None:
    agent_id = an_agent(who)
    provider.will(says("It costs ", "40 euros [1]."))
    async with client(address, a_key(who)) as ai:
        (model,) = (await ai.models.list()).data
        assert model.id == agent_id
        messages = [{"role": "system", "content": "You are a pirate."}, *asked()]
        reply = await ai.chat.completions.create(model="vera", messages=messages, temperature=0.1)  # type: ignore[arg-type]
    (choice,) = reply.choices
    assert (choice.message.content, choice.finish_reason) == ("It costs 40 euros [1].", "stop")
    (cited,) = choice.message.annotations or []
    assert choice.message.content[cited.url_citation.start_index : cited.url_citation.end_index] == "[1]"
    assert cited.url_citation.title == "Prices.md" and f"/manage/{who.slug}/knowledge/" in cited.url_citation.url
    assert reply.usage is not None and reply.usage.total_tokens > 0
    assert "pirate" not in str(provider.last.body)
    (talk,) = rows(who, Conversation)
    assert (talk.channel, talk.contact_id, talk.agent_id) == (Channel.API, None, agent_id)


async def test_a_streamed_chat_completion(provider: FakeProvider, who: Identity, address: str) -> None:
    an_agent(who)
    provider.will(says("It costs ", "40 euros [1].", pause=0.1))
    text, annotations, ends, usage = "", [], [], None
    async with client(address, a_key(who)) as ai:
        stream = await ai.chat.completions.create(
            model="Vera",
            messages=asked(),
            stream=True,
            stream_options={"include_usage": True},  # type: ignore[arg-type]
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                annotations += getattr(choice.delta, "annotations", None) or []
                ends += [choice.finish_reason] if choice.finish_reason else []
    assert (text, ends, len(annotations)) == ("It costs 40 euros [1].", ["stop"], 1)
    assert usage is not None and usage.completion_tokens > 0


async def test_earlier_messages_of_a_call_are_the_history(provider: FakeProvider, who: Identity, address: str) -> None:
    published(who, name="Vera", channels=["test"])
    provider.will(says("Green."))
    told = [*asked("My bike is red."), {"role": "assistant", "content": "Nice."}, *asked("And its frame?")]
    async with client(address, a_key(who)) as ai:
        await ai.chat.completions.create(model="Vera", messages=told)  # type: ignore[arg-type]
    prompt = str(provider.last.body)
    assert prompt.index("My bike is red.") < prompt.index("Nice.") < prompt.index("And its frame?")
    assert [one.text for one in rows(who, Message)] == ["My bike is red.", "Nice.", "And its frame?", "Green."]
    assert rows(who, Contact) == []


async def test_the_conversation_of_a_named_user_goes_on(provider: FakeProvider, who: Identity, address: str) -> None:
    published(who, name="Vera", channels=["test"])
    provider.will(says("Hello."), says("Yes."))
    async with client(address, a_key(who)) as ai:
        for text in ("I am Olga.", "Do you know me?"):
            await ai.chat.completions.create(model="Vera", messages=asked(text), user="olga-1")  # type: ignore[arg-type]
    assert "I am Olga." in str(provider.last.body)
    assert len(rows(who, Conversation)) == len(rows(who, Contact)) == 1


async def test_responses_follow_each_other(provider: FakeProvider, who: Identity, address: str) -> None:
    an_agent(who)
    provider.will(says("It costs 40 euros [1]."), says("One day [1]."))
    async with client(address, a_key(who)) as ai:
        first = await ai.responses.create(model="Vera", input=QUESTION, instructions="You are a pirate.")
        assert (first.status, first.output_text) == ("completed", "It costs 40 euros [1].")
        (cited,) = first.output[0].content[0].annotations  # type: ignore[union-attr]
        assert (cited.type, cited.filename, cited.index) == ("file_citation", "Prices.md", 18)  # type: ignore[union-attr]
        assert first.usage is not None and first.usage.total_tokens > 0
        second = await ai.responses.create(model="Vera", input="How long?", previous_response_id=first.id)
        assert second.output_text == "One day [1]." and second.previous_response_id == first.id
        assert QUESTION in str(provider.last.body)
    assert len(rows(who, Conversation)) == 1


async def test_a_streamed_response(provider: FakeProvider, who: Identity, address: str) -> None:
    an_agent(who)
    provider.will(says("It costs ", "40 euros [1].", pause=0.1))
    async with client(address, a_key(who)) as ai, ai.responses.stream(model="Vera", input=QUESTION) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == "It costs 40 euros [1]." and final.status == "completed"
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") >= 1


async def test_what_is_not_sent_is_an_error(provider: FakeProvider, who: Identity, address: str) -> None:
    agent_id = published(who, name="Vera", channels=["test"], check_before_sending=True)
    provider.will(says("Secret draft."))
    async with client(address, a_key(who)) as ai:
        with pytest.raises(openai.PermissionDeniedError, match="approval"):
            await ai.chat.completions.create(model="Vera", messages=asked())  # type: ignore[arg-type]
        provider.will(says("Secret draft."))
        stream = await ai.chat.completions.create(model="Vera", messages=asked(), stream=True)  # type: ignore[arg-type]
        seen = ""
        with pytest.raises(openai.APIError, match="approval"):
            async for chunk in stream:
                seen += str(chunk.choices)
        assert "Secret" not in seen
        call(who, agents.set_active, agent_id, active=False)
        with pytest.raises(openai.PermissionDeniedError):
            await ai.chat.completions.create(model=agent_id, messages=asked())  # type: ignore[arg-type]
    assert {one.state for one in rows(who, Message) if one.author == Author.AGENT} == {MessageState.TO_APPROVE}


async def test_a_person_in_charge_is_not_answered_over(provider: FakeProvider, who: Identity, address: str) -> None:
    published(who, name="Vera", channels=["test"])
    provider.will(says("Hello."))
    async with client(address, a_key(who)) as ai:
        first = await ai.responses.create(model="Vera", input="Hello", user="olga-1")
        call(who, hand_off.take_over, rows(who, Conversation)[0].id)
        with pytest.raises(openai.PermissionDeniedError, match="in charge"):
            await ai.responses.create(model="Vera", input="And?", user="olga-1")
        with pytest.raises(openai.PermissionDeniedError, match="in charge"):
            await ai.responses.create(model="Vera", input="And?", previous_response_id=first.id)


async def test_errors_are_those_of_the_client(
    provider: FakeProvider, who: Identity, other: Identity, address: str
) -> None:
    theirs = published(other, name="CANARY", channels=["test"])
    mine = published(who, name="Vera", channels=["test"])
    async with client(address, "gpta_" + "x" * 43) as ai:
        with pytest.raises(openai.AuthenticationError):
            await ai.chat.completions.create(model=mine, messages=asked())  # type: ignore[arg-type]
    async with client(address, a_key(who, scopes=[Scope.AGENTS_READ])) as ai:
        with pytest.raises(openai.PermissionDeniedError):
            await ai.chat.completions.create(model=mine, messages=asked())  # type: ignore[arg-type]
    async with client(address, a_key(who)) as ai:
        for model in (theirs, "CANARY", "gpt-4o"):
            with pytest.raises(openai.NotFoundError):
                await ai.chat.completions.create(model=model, messages=asked())  # type: ignore[arg-type]
        for messages in (
            [],
            asked(""),
            [{"role": "assistant", "content": "x"}],
            [{"role": "user", "content": [{"type": "image_url"}]}],
        ):
            with pytest.raises((openai.UnprocessableEntityError, openai.BadRequestError)):
                await ai.chat.completions.create(model=mine, messages=messages)  # type: ignore[arg-type]
        with pytest.raises(openai.NotFoundError):
            await ai.responses.create(model=mine, input="x", previous_response_id="resp_" + "0" * 32)
        provider.will(*[refuses(401)] * 3)
        with pytest.raises(openai.InternalServerError):
            await ai.chat.completions.create(model=mine, messages=asked())  # type: ignore[arg-type]
    assert rows(other, Conversation) == []
