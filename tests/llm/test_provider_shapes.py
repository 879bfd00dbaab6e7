"""Provider shapes: each answer of a provider ends in a reply, or in words that are true."""

import json
from collections.abc import Iterator

import pytest

from platform_app.llm.client import FailureReason, ModelRequest
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import replies
from tests.fake_provider import FakeProvider, Step, chunk, hangs, plays, refuses, says, serving
from tests.llm.test_llm_client import ASK, take
from tests.provider_shapes import END, OVERFLOWS, TEXT, WELL, answers, error, moves_to, picky
from tests.talking import add_source, answered, begin, row, say, trace

HTML = b"<!doctype html><html><head><title>404</title></head><body>The model page is not found</body></html>"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=12, reply_idle_seconds=1, reply_first_token_seconds=2)


async def test_every_shape_of_a_whole_reply(provider: FakeProvider) -> None:
    wrong = {}
    for name, step in WELL.items():
        provider.will(step)
        _, outcome, fault = await take()
        if (outcome.text.strip(), fault) != (TEXT, None) or outcome.attempts != 1:
            wrong[name] = outcome.text, fault, outcome.attempts
        assert "secret" not in outcome.text
    assert not wrong


FAULTS: list[tuple[str, Step, FailureReason]] = [
    ("402", refuses(402), FailureReason.QUOTA),
    (
        "empty quota",
        refuses(429, error("You exceeded your current quota", code="insufficient_quota")),
        FailureReason.QUOTA,
    ),
    ("low balance", refuses(400, error("Your credit balance is too low to access the API.")), FailureReason.QUOTA),
    ("a page with 404", answers(HTML, "text/html", 404), FailureReason.ADDRESS),
    ("a page with 403", answers(HTML, "text/html", 403), FailureReason.ADDRESS),
    ("404 in words", answers(b"404 page not found", "text/plain", 404), FailureReason.ADDRESS),
    ("404 of another server", refuses(404, {"detail": "Not Found"}), FailureReason.ADDRESS),
    ("no such address", refuses(404, error("Invalid URL (POST /chat/completions)")), FailureReason.ADDRESS),
    ("405", refuses(405, {"detail": "Method Not Allowed"}), FailureReason.ADDRESS),
    ("wrong path with 200", answers(b'{"error":"Unexpected endpoint or method. (POST /x)"}'), FailureReason.ADDRESS),
    ("no such model", refuses(404, error("The model `x` does not exist", code="model_not_found")), FailureReason.MODEL),
    ("LiteLLM's wrong name", refuses(400, error("Invalid model name passed in model=x.")), FailureReason.MODEL),
    ("DeepSeek's wrong name", refuses(400, error("Model Not Exist")), FailureReason.MODEL),
    ("a retired model", refuses(410, error("The model `x` has been deprecated")), FailureReason.MODEL),
    ("no chat model", refuses(404, error("This is not a chat model")), FailureReason.NOT_CHAT),
    ("region", refuses(403, error("Country, region, or territory not supported")), FailureReason.REGION),
    ("a key in words", refuses(400, error("API key not valid. Please pass a valid API key.")), FailureReason.KEY),
    ("filter", refuses(400, error("The response was filtered", code="content_filter")), FailureReason.FILTERED),
    ("error with 200", answers(json.dumps(error("Overloaded", type="overloaded_error")).encode()), FailureReason.BUSY),
    ("an error event", answers(b'event: error\ndata: {"message": "it broke"}\n\n'), FailureReason.SERVER),
    ("an error event in words", answers(b"event: error\ndata: it broke\n\n"), FailureReason.SERVER),
    ("an error within a list", answers(json.dumps([error("API key not valid", code=400)]).encode()), FailureReason.KEY),
    ("an error as text", plays({"error": "model is overloaded, try again later"}), FailureReason.BUSY),
    ("an error as the reason", plays(chunk("Half"), chunk(finish="error"), "[DONE]"), FailureReason.INTERRUPTED),
    ("another filter", plays(chunk("Half"), chunk(finish="SAFETY"), "[DONE]"), FailureReason.FILTERED),
    ("words that are no stream", answers(b"Internal Server Error", "text/plain"), FailureReason.INVALID_RESPONSE),
    ("JSON that is no reply", answers(b'{"status": "up"}', "application/json"), FailureReason.INVALID_RESPONSE),
    ("silence", hangs, FailureReason.TIMEOUT),
]


@pytest.mark.parametrize(("step", "fault"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_words_that_are_true(provider: FakeProvider, step: Step, fault: FailureReason) -> None:
    provider.will(step)
    assert (await take())[2] == fault
    if fault not in (FailureReason.BUSY, FailureReason.SERVER):
        assert len(provider.asked) == 1


async def test_a_redirect_to_a_page_for_signing_in(provider: FakeProvider) -> None:
    provider.will(moves_to("/login"), answers(HTML, "text/html"))
    assert (await take())[2] == FailureReason.INVALID_RESPONSE


UNSUPPORTED = (
    "litellm.UnsupportedParamsError: gpt-5-mini doesn't support temperature=0.3. Only temperature=1 is supported."
)
REFUSED = [
    ("temperature in the words", ("temperature", error(UNSUPPORTED)), ["temperature"]),
    (
        "max_tokens in the words",
        ("max_tokens", error("Use 'max_completion_tokens' instead of 'max_tokens'.")),
        ["max_tokens"],
    ),
    ("no name at all", ("temperature", error("litellm.BadRequestError: wrong")), ["temperature"]),
    ("no name, another", ("max_tokens", error("Something is not right.")), ["max_tokens"]),
    ("no name, a third", ("stream_options", error("Something is not right.")), ["stream_options"]),
    (
        "no error object",
        (
            "stream_options",
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra"}]},
        ),
        ["stream_options"],
    ),
    ("a part of it", ("stream_options", error("Unknown", param="stream_options.include_usage")), ["stream_options"]),
]


@pytest.mark.parametrize(("refusal", "gone"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_a_refused_parameter_is_left_out_and_remembered(
    provider: FakeProvider, refusal: tuple[str, object], gone: list[str]
) -> None:
    provider.will(picky(refusal))
    _, outcome, fault = await take()
    assert (outcome.text, fault) == ("Fine.", None)
    assert outcome.adaptations and not set(gone) & set(provider.last.body)
    before = len(provider.asked)
    _, outcome, fault = await take()
    assert (fault, len(provider.asked) - before) == (None, 1)
    assert outcome.adaptations  # and the trace of every reply tells it
    other = ModelRequest(**{**vars(ASK), "model": "fake-2"})
    provider.will(says("Fine."))
    await take(other)
    assert set(gone) <= set(provider.last.body)  # of that model alone


async def test_a_limit_is_lowered_to_what_a_model_takes(provider: FakeProvider) -> None:
    told = error("max_tokens is too large: 200. This model supports at most 100 completion tokens.", param="max_tokens")
    provider.will(refuses(400, told), says("Fine."))
    assert (await take())[2] is None
    assert provider.last.body["max_tokens"] == 100


TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "assistant", "content": "Hello, it is us."},
    {"role": "user", "content": "One"},
    {"role": "user", "content": "Two"},
]
ALTERNATE = error("Conversation roles must alternate user/assistant/user/assistant/...")


@pytest.mark.parametrize(
    "refused",
    [
        [("turns", ALTERNATE)],
        [("turns", error("After the optional system message, the first message must have the role 'user'."))],
        [("system", error("System role not supported"))],
        [("system", error("Unsupported value: 'messages[0].role' does not support 'system' with this model."))],
        [("system", error("Developer instruction is not enabled for models/gemma")), ("turns", ALTERNATE)],
        [("turns", error("Bad request."))],
    ],
)
async def test_strict_turns(provider: FakeProvider, refused: list[tuple[str, object]]) -> None:
    provider.will(picky(*refused))
    asked = ModelRequest(**{**vars(ASK), "messages": TALK})
    assert (await take(asked))[2] is None
    sent = json.dumps(provider.last.body["messages"])
    assert all(words in sent for words in ("Be brief.", "Hello, it is us.", "One\\n\\nTwo"))
    before = len(provider.asked)
    assert (await take(asked))[2] is None
    assert len(provider.asked) == before + 1


async def test_thinking_that_uses_up_the_tokens(provider: FakeProvider) -> None:
    thinks = plays(chunk(reasoning_content="hm"), chunk(finish="length"), "[DONE]")
    provider.will(thinks, says("Yes."))
    _, outcome, fault = await take()
    assert (outcome.text, fault, provider.last.body["max_tokens"]) == ("Yes.", None, 800)
    _, outcome, fault = await take()
    assert (provider.last.body["max_tokens"], len(provider.asked)) == (800, 3)
    provider.will(plays(chunk("<think>hm"), chunk(finish="length"), "[DONE]"))
    assert (await take())[2] == FailureReason.TOKENS_USED_UP


async def test_thoughts_opened_by_the_template_are_expected_the_next_time(provider: FakeProvider) -> None:
    provider.will(plays(chunk("secret </think>"), chunk("Yes."), END, "[DONE]"))
    await take()
    text, outcome, _ = await take()
    assert (text, outcome.text) == ("Yes.", "Yes.")
    assert "secret" in outcome.thoughts


async def test_a_model_that_is_seen_to_think_has_more_time(provider: FakeProvider, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_REPLY_TOTAL_SECONDS", "1.5")
    from platform_app import config

    config.settings.cache_clear()
    thoughts = [part for _ in range(8) for part in (chunk(reasoning_content="hm"), 0.3)]
    provider.will(plays(*thoughts, chunk("Yes."), END, "[DONE]"))
    assert (await take())[::2] == ("Yes.", None)


def test_overflows_are_known_by_their_words() -> None:
    from platform_app.llm.refusal_causes import RefusalCause, classify_refusal

    unknown = [
        name for name, body in OVERFLOWS.items() if classify_refusal(400, json.dumps(body)) != RefusalCause.TOO_LONG
    ]
    assert not unknown
    assert (
        classify_refusal(400, json.dumps(error("max_tokens is too large: 9000. This model supports at most 4096")))
        is None
    )
    assert classify_refusal(400, json.dumps(error("The model's 'stream_options' is not supported"))) is None


async def test_a_conversation_that_is_too_long_is_shortened(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    opened = begin(who, knowledge="all", model="fake-1")
    for _ in range(3):
        provider.will(says("word " * 300))
        await answered(who, opened, "How much is a tune-up? " * 40)
    size = sum(len(one["content"]) for one in provider.last.body["messages"])
    provider.will(picky((f"chars>{size // 2}", OVERFLOWS["OpenAI"])))
    reply = await answered(who, opened, "How much is a tune-up?")
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "Fine.")
    assert trace(who, reply).data["shortened"] is True
    again = await answered(who, opened, "And two?")
    assert again.state == MessageState.COMPLETE
    requests = [one["requests"] for one in trace(who, again).data["calls"] if one["purpose"] == "reply"]
    assert requests == [1]  # the size is remembered
    provider.will(refuses(400, OVERFLOWS["vLLM of late"]), says("Short."))
    assert (await answered(who, begin(who, model="fake-2"), "Hi?")).text == "Short."  # with fewer tokens to write
    assert provider.last.body["max_tokens"] == 256
    provider.will(refuses(400, OVERFLOWS["vLLM"]))
    reply = await answered(who, opened, "And three?")
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.TOO_LONG)


async def test_what_is_shown_is_what_is_stored(provider: FakeProvider, who: Identity) -> None:
    pieces = [
        "<thi",
        "nk>sec",
        "ret</think>",
        "\n\n**It** co",
        "sts 5*4*3 [",
        "9], dial *1",
        "00#.\n\n- 5",
        "\n- [x](ht",
        "tp://a.b)",
    ]
    provider.will(says(*pieces, pause=0.06))
    opened = begin(who, markdown=False)

    reply, seen = say(who, opened), ""
    async for piece in replies.stream(who.tenant_id, reply.id):
        seen += piece
        assert row(who, reply).text in ("", *[seen[:end] for end in range(len(seen) + 1)])
    after = row(who, reply)
    assert after.text == seen == "It costs 5*4*3, dial *100#.\n\n- 5\n- x (http://a.b)"
    why = trace(who, after).data
    assert "secret" not in json.dumps(why | {"thoughts": ""}) and why["thoughts"] == "secret"
