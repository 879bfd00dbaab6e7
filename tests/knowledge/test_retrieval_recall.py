"""Recall: articles uploaded as files, questions asked through the chat: the reply names the right article."""

import asyncio

import pytest

from platform_app.db import session_scope
from platform_app.models.conversation import Message, MessageState
from platform_app.models.knowledge import SourceState
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.knowledge import sources
from tests import shared
from tests.conftest import FULL, forget_process_state
from tests.knowledge.test_knowledge import parts, source
from tests.talking import begin, run_jobs, say, trace, written

COUNT = 100 if FULL else 40  # questions in each language
RIGHT = round(0.95 * COUNT)
AT_ONCE = 8


async def upload_all(who: Identity) -> None:
    for article in shared.rows("eval/docs.jsonl"):
        made = await sources.store_upload(who, f"{article['_id']}.txt", parts(article["text"].encode()))
        run_jobs(who)
        assert source(who, made).state == SourceState.READY


async def ask(who: Identity, agent_id: str, question: str, gate: asyncio.Semaphore) -> Message:
    async with gate:
        with session_scope(who.tenant_id) as session:
            opened = conversations.create(session, who, agent_id).id
        return await written(who, say(who, opened, question))


async def test_the_right_article_is_among_the_sources(
    who: Identity, live_chroma: str, offline_url: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv("PLATFORM_OFFLINE_URL", offline_url)
    forget_process_state()
    await upload_all(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        agent_id = conversations.get(session, who, begin(who, knowledge="all")).agent_id
    gate, found = asyncio.Semaphore(AT_ONCE), {}
    for language in ("en", "es", "ru"):
        asked = shared.asked(language, COUNT)
        replies = await asyncio.gather(*(ask(who, agent_id, question, gate) for question, _ in asked))
        assert {reply.state for reply in replies} == {MessageState.COMPLETE}
        right = [a in {s["source_title"] for s in r.sources} for r, (_, a) in zip(replies, asked, strict=True)]
        given = [
            a in {p["source_title"] for p in trace(who, r).data["passages"] if p["used"]}
            for r, (_, a) in zip(replies, asked, strict=True)
        ]
        found[language] = (len(asked), sum(right), sum(given))
    print("asked, cited, given to the model:", found)
    assert all(count == COUNT and min(cited, given) >= RIGHT for count, cited, given in found.values()), found
