"""Demo traces: traces of the demo's replies in the form of real ones."""

from datetime import timedelta
from typing import Any

from platform_app.llm import prompts
from platform_app.models.conversation import Message, Trace
from platform_app.models.knowledge import Source
from platform_app.rag import embedders
from platform_app.rag.chunking import Piece, chunk_id, indexed_text
from platform_app.rag.hashed_vectors import embed_passage, embed_question
from platform_app.rag.passages import Passage
from platform_app.rag.retrieval import thresholds
from platform_app.rag.search_terms import stems

MODEL = "demo"  # these replies were written in advance
PREPARATION_MS, FIRST_TOKEN_MS = 80, 820
_SHOWN = {"temperature", "max_tokens", "reply_language", "markdown"}


def best_passage(source: Source, pieces: list[Piece], *, question: str, reply: str) -> Passage:
    """Return the piece of an article that shares the most words with a reply, as a retrieved passage."""
    wanted, asked = set(stems(reply)), set(stems(question))
    number = max(range(len(pieces)), key=lambda n: len(wanted & set(stems(pieces[n].text))))
    piece = pieces[number]
    text = indexed_text(source.title, piece.heading, piece.text)
    near = sum(a * b for a, b in zip(embed_question(question), embed_passage(text), strict=True))
    return Passage(
        chunk_id=chunk_id(source.id, 1, number),  # the id that indexing gives it in the first generation
        source_id=source.id,
        source_title=source.title,
        heading=piece.heading,
        text=piece.text,
        score=1.0,
        lexical_score=round(len(asked & set(stems(text))) / len(asked), 4),
        vector_score=round(near, 4),
        rank=1,
        used=True,
        number=1,
        cited=True,
    )


def build_trace(
    reply: Message,
    facts: prompts.PromptContext,
    passages: list[Passage],
    *,
    agent_id: str,
    version: int,
    took: timedelta,
) -> Trace:
    """Return the trace of a demo reply. `took` is the time from message to reply."""
    facts.passages = [(p.number, p.source_title, p.heading, p.text) for p in passages]
    prompt = prompts.build_messages(facts)
    return Trace(
        tenant_id=reply.tenant_id,
        message_id=reply.id,
        agent_id=agent_id,
        model=MODEL,
        prompt_tokens=prompts.estimate_tokens("\n".join(message["content"] for message in prompt)),
        completion_tokens=prompts.estimate_tokens(reply.text),
        cost=0.0,
        total_ms=round(took.total_seconds() * 1000),
        first_token_ms=PREPARATION_MS + FIRST_TOKEN_MS,
        created_at=reply.finished_at or reply.created_at,
        data=_data(facts, passages, prompt, took=took) | {"version": version},
    )


def _thresholds(passages: list[Passage]) -> dict[str, float]:
    """Return the thresholds of the search with hashed vectors, if the passages reach them."""
    hashed = embedders.of_version(embedders.HASHED)
    if hashed is None:
        return {}
    words, meaning = thresholds(passages, hashed.calibration)
    return {"words": words, "meaning": meaning} if all(p.lexical_score >= words for p in passages) else {}


def _data(
    facts: prompts.PromptContext, passages: list[Passage], prompt: list[dict[str, str]], *, took: timedelta
) -> dict[str, Any]:
    return {
        "settings": facts.settings.model_dump(mode="json", include=_SHOWN) | {"model": MODEL},
        "provider": MODEL,
        "passages": [passage.as_json() for passage in passages],
        "thresholds": _thresholds(passages),
        "degraded": False,
        "search": facts.question,
        "history": len(prompts.recent_history(facts.history)),
        "known": facts.known,
        "prompt": prompt,
        "finish_reason": "stop",
        "tries": 1,
        "tokens_counted_by_provider": False,
        "trigger": "message",
        "milliseconds": {
            "retrieval": PREPARATION_MS - 20,
            "preparation": PREPARATION_MS,
            "first_token": FIRST_TOKEN_MS,
            "model": round(took.total_seconds() * 1000) - PREPARATION_MS,
        },
    }
