"""Embedding requests: vectors in the order of the texts, requests divided and repeated, and failures in words."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from platform_app.integrations import egress
from platform_app.llm.provider_errors import FailureReason
from platform_app.llm.transport import Provider
from platform_app.rag.embedders import EmbedderRefused, EmbedderSilent
from platform_app.services.embedding import embedding_requests
from platform_app.services.embedding.embedding_requests import NO_VECTORS, REFUSED, UNKNOWN_MODEL, Embedded
from tests.conftest import forget_process_state
from tests.fake_provider import Answer, FakeProvider, Step, embeds, hangs, plays, refuses, started

TEXTS = ["One bicycle.", "Two tandems.", "Three scooters.", "Four skateboards."]


@pytest.fixture
def own(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    forget_process_state()
    yield from started()


def ask(fake: FakeProvider, *texts: str, seconds: float = 5.0, attempts: int = 2) -> Embedded:
    provider = Provider("Own", fake.url, "sk-own")
    return embedding_requests.embed(provider, "small", texts or TEXTS, seconds=seconds, attempts=attempts)


def gives(*vectors: Any) -> Step:
    """Return a step that answers with these vectors, without saying what they cost."""

    async def play(answer: Answer) -> None:
        await plays_json({"data": [{"embedding": vector} for vector in vectors]})(answer)

    return play


def plays_json(body: Any) -> Step:
    return refuses(200, body)


def test_vectors_come_in_the_order_of_the_texts_with_length_one(own: FakeProvider) -> None:
    embedded = ask(own)
    single = [ask(own, text).vectors[0] for text in TEXTS]
    assert embedded.vectors == single and embedded.tokens == 40, "the fake answers in reversed order"
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1.0)
    asked = own.embedded[0]
    assert asked.headers["authorization"] == "Bearer sk-own"
    assert asked.body == {"model": "small", "input": TEXTS, "encoding_format": "float"}
    assert own.connections == 1, "the connection is kept"


def test_what_is_too_much_at_once_is_divided(own: FakeProvider) -> None:
    async def at_most_one(answer: Answer) -> None:
        step = embeds if len(answer.asked.body["input"]) == 1 else refuses(400, {"error": "batch size is invalid"})
        await step(answer)

    own.embeddings = [at_most_one]
    embedded = ask(own)
    assert len(embedded.vectors) == 4 and embedded.tokens == 40
    assert [len(asked.body["input"]) for asked in own.embedded] == [4, 2, 1, 1, 2, 1, 1]


def test_a_busy_provider_is_asked_again_and_its_tokens_are_estimated(own: FakeProvider) -> None:
    own.embeddings = [refuses(429, retry_after="0"), gives([3.0, 4.0])]
    embedded = ask(own, "A text of some words.")
    assert embedded.vectors == [[0.6, 0.8]] and 3 < embedded.tokens < 10


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (refuses(401), FailureReason.KEY.value),
        (refuses(402), FailureReason.QUOTA.value),
        (refuses(429, {"error": {"code": "insufficient_quota", "message": "x"}}), FailureReason.QUOTA.value),
        (refuses(404, {"error": {"message": "The model `small` does not exist"}}), UNKNOWN_MODEL),
        (refuses(422, {"error": {"message": "input must not be a list"}}), REFUSED),
        (refuses(302, location="http://127.0.0.1/"), FailureReason.ADDRESS.value),
        (plays(b"<html>", kind="text/html"), NO_VECTORS),
        (gives(), NO_VECTORS),
        (gives([1.0], [1.0]), NO_VECTORS),
        (gives([0.0, 0.0]), NO_VECTORS),
        (gives([float("nan"), 1.0]), NO_VECTORS),
        (gives(["x"]), NO_VECTORS),
        (gives([[1.0]]), NO_VECTORS),
        (gives([]), NO_VECTORS),
        (gives(None), NO_VECTORS),
        (plays_json([1]), NO_VECTORS),
        (plays_json({"data": 7}), NO_VECTORS),
    ],
)
def test_what_another_attempt_would_not_help_is_refused(own: FakeProvider, step: Step, sentence: str) -> None:
    own.embeddings = [step]
    with pytest.raises(EmbedderRefused) as error:
        ask(own, "One text.")
    assert error.value.sentence == sentence and len(own.embedded) == 1


def test_a_silent_or_broken_provider_is_told_apart_from_one_that_refuses(own: FakeProvider) -> None:
    for step, count in ((hangs, 1), (refuses(500, retry_after="0"), 2), (plays(b'{"da', then="cut"), 1)):
        own.embeddings, own.embedded = [step], []
        with pytest.raises(EmbedderSilent):
            ask(own, "One text.", seconds=0.4, attempts=count)
        assert len(own.embedded) == count


def test_an_address_inside_is_refused(own: FakeProvider, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", "")
    forget_process_state()
    egress.kept_client.cache_clear()
    with pytest.raises(EmbedderRefused, match=FailureReason.NOT_ALLOWED.value):
        ask(own, "One text.")
    assert own.connections == 0
