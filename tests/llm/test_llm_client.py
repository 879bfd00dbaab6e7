"""Client: every fault of a provider ends by its deadline, in words, and never as a whole reply."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import aclosing
from threading import Event

import psutil
import pytest

from platform_app import i18n
from platform_app.llm import client
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest, ModelResult
from platform_app.llm.transport import MAX_RESPONSE_BYTES
from tests.conftest import forget_process_state, free_port
from tests.fake_provider import KEY, Answer, FakeProvider, Step, chunk, hangs, plays, raw, refuses, says, serving

TOTAL, IDLE = 6.0, 0.6
ASK = ModelRequest(model="fake-1", messages=[{"role": "user", "content": "Hi"}], temperature=0.5, max_tokens=200)


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=TOTAL, reply_idle_seconds=IDLE, reply_first_token_seconds=1.5)


async def take(request: ModelRequest = ASK) -> tuple[str, ModelResult, FailureReason | None]:
    """Return the text that came, how it ended, and the fault if it failed."""
    outcome, text = ModelResult(), ""
    try:
        async for piece in client.stream_reply(request, client.configured_provider(), outcome):
            text += piece
    except ModelFailure as failure:
        assert KEY not in str(failure) + failure.detail
        return text, outcome, failure.reason
    return text, outcome, None


async def test_a_whole_reply_comes_with_its_usage(provider: FakeProvider) -> None:
    text, outcome, fault = await take()
    assert (text, fault) == ("Hello there.", None)
    assert (outcome.finish_reason, outcome.model, outcome.attempts) == ("stop", "fake-1", 1)
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (120, 7)
    assert 0 < outcome.first_token_ms <= outcome.total_ms
    body = provider.last.body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("fake-1", 0.5, 200)
    assert provider.last.headers["authorization"] == f"Bearer {KEY}"


async def test_connections_are_kept_between_replies(provider: FakeProvider) -> None:
    for _ in range(3):
        assert (await take())[2] is None
    assert provider.connections == 1


PASSING = [
    ("429 with Retry-After", refuses(429, retry_after="1"), 0.9),
    ("500", refuses(500), 0.5),
    ("503", refuses(503), 0.5),
    ("connection cut", plays(then="cut"), 0.5),
    ("busy within the stream", plays({"error": {"code": 429, "message": "slow down"}}), 0.5),
]


@pytest.mark.parametrize(("step", "pause"), [(s, p) for _, s, p in PASSING], ids=[n for n, _, _ in PASSING])
async def test_what_passes_is_tried_again_before_the_first_token(
    provider: FakeProvider, step: Step, pause: float
) -> None:
    provider.will(step, says("Fine."))
    started = time.monotonic()
    text, outcome, fault = await take()
    assert (text, fault, outcome.attempts, len(provider.asked)) == ("Fine.", None, 2, 2)
    assert pause <= time.monotonic() - started < pause + 1.5


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_three_tries_and_no_more(provider: FakeProvider, status: int) -> None:
    provider.will(refuses(status))
    assert (await take())[2] == (FailureReason.BUSY if status == 429 else FailureReason.SERVER)
    assert len(provider.asked) == 3


async def test_a_provider_that_asks_for_a_long_pause_is_not_bothered_again(provider: FakeProvider) -> None:
    provider.will(refuses(429, retry_after="3600"))
    started = time.monotonic()
    assert (await take())[2] == FailureReason.BUSY
    assert len(provider.asked) == 1
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, FailureReason.KEY), (403, FailureReason.KEY), (404, FailureReason.MODEL), (413, FailureReason.TOO_LONG)],
)
async def test_what_will_not_pass_is_not_tried_again(provider: FakeProvider, status: int, fault: FailureReason) -> None:
    provider.will(refuses(status))
    assert (await take())[2] == fault
    assert len(provider.asked) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1", "no address"])
async def test_an_address_that_does_not_answer(env: pytest.MonkeyPatch, address: str) -> None:
    env.setenv("PLATFORM_OPENAI_BASE_URL", address.format(port=free_port()))
    forget_process_state()
    text, outcome, fault = await take()
    assert (text, fault) == ("", FailureReason.UNREACHABLE)
    assert outcome.attempts <= 3


async def test_tls_against_a_server_that_speaks_none(provider: FakeProvider, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_OPENAI_BASE_URL", provider.url.replace("http:", "https:"))
    forget_process_state()
    assert (await take())[2] == FailureReason.UNREACHABLE


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = f"data: {json.dumps(chunk('Half'))}\n\n".encode()
PIECE = f"{len(EVENT):x}\r\n".encode() + EVENT + b"\r\n"
BROKEN: list[tuple[str, Step, str, FailureReason]] = [
    ("cut in the middle", plays(chunk("Half"), then="cut"), "Half", FailureReason.INTERRUPTED),
    ("clean end, no finish reason", says("Half", finish=None, done=False), "Half", FailureReason.INTERRUPTED),
    ("malformed chunk", plays(chunk("Half"), b"data: {\"choices\": [\n\n"), "Half", FailureReason.INTERRUPTED),
    ("error object in the stream", plays(chunk("Half"), {"error": {"message": KEY}}),
     "Half", FailureReason.INTERRUPTED),
    ("error object at once", plays({"error": {"message": KEY}}), "", FailureReason.SERVER),
    ("hangs before the headers", hangs, "", FailureReason.TIMEOUT),
    ("hangs after the headers", plays(then="hang"), "", FailureReason.TIMEOUT),
    ("hangs in the middle", plays(chunk("Half"), then="hang"), "Half", FailureReason.TIMEOUT),
    ("only keep-alives", plays(chunk("Half"), *[b": still here\n\n", 0.1] * 200), "Half", FailureReason.TIMEOUT),
    ("only empty pieces", plays(chunk("Half"), *[chunk(""), 0.1] * 200), "Half", FailureReason.TIMEOUT),
    ("a page with 200", plays(b"<html>Welcome</html>", kind="text/html"), "", FailureReason.INVALID_RESPONSE),
    ("JSON with 200", plays(b'{"hello": 1}', kind="application/json"), "", FailureReason.INVALID_RESPONSE),
    ("a page that says it is a stream", plays(b"<html>Welcome</html>"), "", FailureReason.INVALID_RESPONSE),
    ("nothing with 200", plays(), "", FailureReason.INTERRUPTED),
    ("choices that are no list", plays({"choices": {"0": 1}}), "", FailureReason.INVALID_RESPONSE),
    ("text that is no text", plays(chunk("Half"), chunk(content=[1, 2])), "Half", FailureReason.INTERRUPTED),
    ("deep nesting", plays(chunk("Half"), b"data: " + b"[" * 200_000 + b"\n\n"), "Half", FailureReason.INTERRUPTED),
    ("content filter", says("Half", finish="content_filter"), "Half", FailureReason.FILTERED),
    ("no HTTP at all", raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "", FailureReason.INVALID_RESPONSE),
    ("a head that breaks off", raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), "", FailureReason.UNREACHABLE),
    ("an endless head", raw(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 100_000, b"\r\n\r\n"),
     "", FailureReason.INVALID_RESPONSE),
    ("a piece of no length", raw(HEAD, PIECE, 0.3, b"zz\r\n\r\n"),
     "Half", FailureReason.TIMEOUT),  # the library never tells
    ("half-closed", raw(HEAD, PIECE, then="half"), "Half", FailureReason.INTERRUPTED),
    ("a length that is not kept", raw(HEAD, PIECE, b"ff\r\ndata: "), "Half", FailureReason.INTERRUPTED),
    ("packed, they say", plays(b"data: {}\n\n", kind="text/event-stream\r\ncontent-encoding: gzip"),
     "", FailureReason.INVALID_RESPONSE),
    ("packed strangely", plays(b"\x1f\x8b", kind="text/event-stream\r\ncontent-encoding: pied"),
     "", FailureReason.INVALID_RESPONSE),
]  # fmt: skip


@pytest.mark.parametrize(("step", "kept", "fault"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
async def test_a_broken_stream_is_a_fault_and_what_came_is_kept(
    provider: FakeProvider, step: Step, kept: str, fault: FailureReason
) -> None:
    provider.will(step)
    started = time.monotonic()
    text, _, found = await take()
    assert (text, found) == (kept, fault)
    assert time.monotonic() - started < IDLE + 3


async def test_a_model_that_drips_ends_by_the_total_deadline(provider: FakeProvider, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_REPLY_TOTAL_SECONDS", "1.5")
    forget_process_state()
    provider.will(says(*"abcdefghijklmnopqrstuvwxyz", pause=0.3))
    started = time.monotonic()
    text, outcome, fault = await take()
    assert fault == FailureReason.TIMEOUT
    assert text and "abcdefgh".startswith(text[:8])
    assert 1.2 < time.monotonic() - started < 3
    assert not outcome.finish_reason


async def test_thinking_counts_as_life(provider: FakeProvider) -> None:
    thoughts = [part for _ in range(4) for part in (chunk(reasoning_content="hm"), 0.4)]
    provider.will(plays(*thoughts, chunk("Yes."), chunk(finish="stop"), "[DONE]"))
    assert (await take())[::2] == ("Yes.", None)


async def test_a_server_that_stays_after_the_end_does_not_hold_the_reply(provider: FakeProvider) -> None:
    provider.will(plays(chunk("Yes."), chunk(finish="stop"), then="hang"))
    started = time.monotonic()
    text, outcome, fault = await take()
    assert (text, fault, outcome.finish_reason) == ("Yes.", None, "stop")
    assert time.monotonic() - started < client.TAIL_SECONDS + 1


async def test_odd_chunks_that_do_no_harm(provider: FakeProvider) -> None:
    letter = '{"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}'
    raw = f"data: {letter % 'ё'}\n\n".encode()
    provider.will(
        plays(
            {"choices": []},
            b": OPENROUTER PROCESSING\n\n",
            raw[:-30],  # parts of one letter of two bytes, in two packets
            raw[-30:],
            letter % "\\ud83d",  # and of one of two escapes
            letter % "\\ude00",
            letter % "\\u0000\\ud83d",
            chunk(finish="stop"),
            "[DONE]",
        )
    )
    text, outcome, fault = await take()
    assert (text, fault) == ("ё😀", None)
    assert outcome.prompt_tokens is None


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, (7, 3)),
        ({"prompt_tokens": 7.0}, (7, None)),
        ({"prompt_tokens": None, "completion_tokens": "many"}, (None, None)),
        ({"prompt_tokens": [1], "completion_tokens": float("inf")}, (None, None)),
        ({"prompt_tokens": 10**400}, (10**400, None)),
        ([], (None, None)),
        ({}, (None, None)),
        (None, (None, None)),
    ],
)
async def test_odd_counts_of_tokens_do_not_cost_the_text(
    provider: FakeProvider, usage: object, counted: tuple[object, object]
) -> None:
    provider.will(plays(chunk("Yes."), chunk(finish="stop"), {"choices": [], "usage": usage}, "[DONE]"))
    text, outcome, fault = await take()
    assert (text, fault) == ("Yes.", None)
    assert (outcome.prompt_tokens, outcome.completion_tokens) == counted


async def test_empty_objects_may_come_as_lists(provider: FakeProvider) -> None:
    last = {"choices": [{"delta": [], "finish_reason": "stop"}]}
    provider.will(plays({"choices": {}}, {"choices": ""}, chunk("Yes."), last, "[DONE]"))
    text, outcome, fault = await take()
    assert (text, outcome.finish_reason, fault) == ("Yes.", "stop", None)


async def test_a_gateway_is_told_the_name_and_password_of_the_address(
    provider: FakeProvider, env: pytest.MonkeyPatch
) -> None:
    env.setenv("PLATFORM_OPENAI_BASE_URL", provider.url.replace("//", "//anna:s%3Acret@"))
    env.setenv("PLATFORM_OPENAI_API_KEY", f"{KEY}\n")
    forget_process_state()
    assert (await take())[::2] == ("Hello there.", None)
    assert provider.last.headers["authorization"] == "Basic " + base64.b64encode(b"anna:s:cret").decode()
    assert "anna" not in provider.last.headers["host"]


async def test_a_letter_cut_by_the_packets(provider: FakeProvider) -> None:
    parts = [bytes([byte]) for byte in 'data: {"choices":[{"index":0,"delta":{"content":"щ€😀"}}]}\n\n'.encode()]
    provider.will(plays(*parts, chunk(finish="stop"), "[DONE]"))
    assert (await take())[::2] == ("щ€😀", None)


async def test_a_long_reply_is_cut_and_a_flood_is_a_fault(provider: FakeProvider) -> None:
    short = ModelRequest(**{**vars(ASK), "max_chars": 300})
    provider.will(says(*["word "] * 100))
    text, outcome, fault = await take(short)
    assert (len(text), outcome.finish_reason, fault) == (305, "stop", None)
    provider.will(plays(*[chunk("word ")] * 100, then="hang"))
    text, outcome, fault = await take(short)
    assert (len(text), outcome.finish_reason, fault) == (305, "length", None)
    provider.will(plays(*[chunk("word " * 200)] * 500))
    assert (await take(short))[2] == FailureReason.TOO_MUCH_TEXT


async def test_a_model_that_nobody_listens_to_is_hung_up_on(provider: FakeProvider) -> None:
    gone = Event()

    async def endless(answer: Answer) -> None:
        await answer.head()
        try:
            while True:
                await answer.event(chunk("word "))
                await asyncio.sleep(0.01)
        except OSError:
            gone.set()
            raise

    provider.will(endless)
    async with aclosing(client.stream_reply(ASK, client.configured_provider(), ModelResult())) as pieces:
        assert await anext(pieces) == "word "
    assert await asyncio.to_thread(gone.wait, 5)


@pytest.mark.parametrize("size", [1_000, 50_000_000], ids=["pieces", "one line"])
async def test_fifty_megabytes_do_not_fill_the_memory(provider: FakeProvider, size: int) -> None:
    async def flood(answer: object) -> None:
        await answer.head()  # type: ignore[attr-defined]
        await answer.send(b'data: {"choices":[{"index":0,"delta":{"content":"')  # type: ignore[attr-defined]
        for _ in range(50_000_000 // 1_000):
            await answer.send(b"x" * 1_000)  # type: ignore[attr-defined]
            if size == 1_000:
                await answer.send(b'"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"')  # type: ignore[attr-defined]

    provider.will(flood)
    before = psutil.Process().memory_info().rss
    assert (await take())[2] == FailureReason.TOO_MUCH_TEXT
    assert psutil.Process().memory_info().rss - before < 50_000_000
    assert MAX_RESPONSE_BYTES < 10_000_000


@pytest.mark.parametrize("name", ["max_tokens", "temperature", "stream_options"])
async def test_a_parameter_that_a_model_does_not_take_is_left_out(provider: FakeProvider, name: str) -> None:
    told = {"error": {"message": "Unsupported", "param": name, "code": "unsupported_parameter"}}
    provider.will(refuses(400, told), says("Fine."))
    assert (await take())[::2] == ("Fine.", None)
    assert name not in provider.last.body
    if name == "max_tokens":
        assert provider.last.body["max_completion_tokens"] == 200


async def test_a_connection_that_the_provider_has_closed_is_replaced(provider: FakeProvider) -> None:
    once = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s"
    body = EVENT + f"data: {json.dumps(chunk(finish='stop'))}\n\ndata: [DONE]\n\n".encode()
    provider.will(raw(once % (len(body), body)))
    for number in range(1, 4):  # each time the connection looks kept, and is closed
        assert (await take())[::2] == ("Half", None)
        assert provider.connections == number


def test_the_key_does_not_show(provider: FakeProvider) -> None:
    assert KEY not in repr(client.configured_provider())


@pytest.mark.parametrize("fault", list(FailureReason))
def test_every_fault_is_said_in_russian(fault: FailureReason) -> None:
    assert re.search("[а-я]", i18n.lookup("ru", fault.value))
