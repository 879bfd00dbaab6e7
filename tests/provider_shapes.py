"""Provider shapes: what providers of many makes answer, as steps for the fake provider."""

import asyncio
import gzip
import json
import zlib
from typing import Any

import brotli

from tests.fake_provider import Answer, Step, chunk, plays, says

TEXT = "Yes, щ€😀."
END = chunk(finish="stop")


def stream_of(*events: object, ends: str = "\n", space: str = " ", done: bool = True) -> bytes:
    """Return a stream of these events as bytes, with these line ends, and this after "data:"."""
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in events]
    return "".join(f"data:{space}{line}{ends}{ends}" for line in [*lines, *["[DONE]"] * done]).encode()


def whole(text: str | None, finish: str | None = "stop", **message: object) -> dict[str, Any]:
    """Return an answer that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": finish}
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "fake-1",
        "choices": [choice],
        "usage": {"prompt_tokens": 9},
    }


def answers(data: bytes, kind: str = "text/event-stream", status: int = 200, size: int = 0, **headers: str) -> Step:
    """Return a step that answers with these bytes, in packets of a size where one is given."""

    async def play(answer: Answer) -> None:
        await answer.head(status, kind, **headers)
        for start in range(0, len(data), size or len(data) or 1):
            await answer.send(data[start : start + (size or len(data))])
        await answer.end()

    return play


def moves_to(path: str) -> Step:
    """Return a step that redirects to another path of the same server."""

    async def play(answer: Answer) -> None:
        await answer.head(302, "text/html", location=path)
        await answer.end()

    return play


def picky(*refuses: tuple[str, Any], then: Step | None = None) -> Step:
    """Return a step that looks at the request: (what it must not hold, the refusal's body), else it answers.

    What it must not hold is a parameter, `system` for a system message, or `turns` for roles out of turn.
    """

    async def play(answer: Answer) -> None:
        asked = answer.asked.body
        for name, body in refuses:
            if _holds(asked, name):
                await answers(json.dumps(body).encode(), "application/json", 400)(answer)
                return
        await (then or says("Fine."))(answer)

    return play


def _holds(asked: dict[str, Any], name: str) -> bool:
    roles = [message["role"] for message in asked["messages"]]
    if name == "system":
        return "system" in roles
    if name == "turns":
        said = [role for role in roles if role != "system"]
        return said[0] != "user" or any(one == other for one, other in zip(said, said[1:], strict=False))
    if name.startswith("chars>"):
        return sum(len(message["content"]) for message in asked["messages"]) > int(name[6:])
    return name in asked


def error(message: str, **more: object) -> dict[str, Any]:
    """Return an error as the API has it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more}


def _long_line() -> Step:
    return plays(chunk("Yes, ") | {"padding": "x" * 1_000_000}, chunk("щ€😀."), END, "[DONE]")


async def _thinks(answer: Answer) -> None:
    """Send keep-alives and role chunks for longer than a silence may last, then the answer."""
    await answer.head()
    await answer.event(chunk(role="assistant"))
    for _ in range(6):
        await answer.send(b": keep-alive\n\n")
        await asyncio.sleep(0.2)
    for event in (chunk(TEXT), END, "[DONE]"):
        await answer.event(event)
    await answer.end()


def _parts(*parts: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": list(parts)}, "finish_reason": None}]}


PLAIN = stream_of(chunk("Yes, "), chunk("щ€😀."), END)
WELL: dict[str, Step] = {  # each is a whole reply that says TEXT
    "gzip": answers(gzip.compress(PLAIN), content_encoding="gzip"),
    "gzip in small packets": answers(gzip.compress(PLAIN), content_encoding="x-gzip", size=3),
    "gzip of two members": answers(gzip.compress(PLAIN[:40]) + gzip.compress(PLAIN[40:]), content_encoding="gzip"),
    "deflate": answers(zlib.compress(PLAIN), content_encoding="deflate"),
    "deflate without a header": answers(zlib.compress(PLAIN, wbits=-15), content_encoding="deflate"),
    "br": answers(brotli.compress(PLAIN), content_encoding="br", size=7),
    "CRLF": answers(stream_of(chunk(TEXT), END, ends="\r\n")),
    "CRLF cut between": answers(stream_of(chunk(TEXT), END, ends="\r\n"), size=1),
    "CR": answers(stream_of(chunk(TEXT), END, ends="\r"), size=5),
    "BOM": answers(b"\xef\xbb\xbf" + PLAIN),
    "no space after data": answers(stream_of(chunk(TEXT), END, space="")),
    "comments, ids, retries and pings": answers(
        b": hello\n\nretry: 3000\n\nid: 7\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: ping\n\n" + PLAIN
    ),
    "named events": answers(PLAIN.replace(b"data:", b"event: completion\ndata:")),
    "data on several lines": answers(
        b"".join(b"data: " + line + b"\n" for line in json.dumps(chunk(TEXT), indent=1).encode().split(b"\n"))
        + b"\n" + stream_of(END)
    ),
    "events without empty lines between": answers(PLAIN.replace(b"\n\n", b"\n")),
    "no empty line at the end": answers(stream_of(chunk(TEXT), END, done=False).rstrip(b"\n")),
    "no [DONE]": answers(stream_of(chunk(TEXT), END, done=False)),
    "[DONE], no finish reason": answers(stream_of(chunk(TEXT))),
    "a very long line": _long_line(),
    "letters cut by packets": answers(PLAIN, size=1),
    "JSON for SSE": answers(json.dumps(whole(TEXT)).encode(), "application/json"),
    "JSON over lines for SSE": answers(json.dumps(whole(TEXT), indent=2).encode(), "text/event-stream"),
    "JSON packed": answers(
        gzip.compress(json.dumps(whole(TEXT)).encode()), "application/json", content_encoding="gzip"
    ),
    "JSON lines": answers(
        b"\n".join(json.dumps(one).encode() for one in (chunk(TEXT), END)), "application/x-ndjson"
    ),
    "SSE that is called text": answers(PLAIN, "text/plain; charset=utf-8"),
    "content as parts": plays(
        _parts({"type": "thinking", "thinking": [{"type": "text", "text": "secret"}]}),
        _parts({"type": "text", "text": "Yes, "}), _parts("щ€😀."), END, "[DONE]",
    ),
    "whole content as parts": answers(json.dumps(whole(None, content=[{"type": "text", "text": TEXT}])).encode()),
    "null deltas": plays(
        chunk(content=None, role="assistant", tool_calls=None, refusal=None),
        {"choices": [{"index": 0, "delta": None}]},
        chunk(TEXT), chunk(content=None, finish="stop"), "[DONE]",
    ),
    "several choices": plays(
        {"choices": [{"index": 1, "delta": {"content": "No."}}, {"index": 0, "delta": {"content": TEXT}}]},
        {"choices": [{"index": 1, "delta": {"content": "No."}}]}, END, "[DONE]",
    ),
    "thoughts beside the text": plays(chunk(reasoning_content="secret", content=None), chunk(TEXT), END, "[DONE]"),
    "thoughts of other names": plays(
        chunk(reasoning="secret"), chunk(reasoning_details=[{}]), chunk(TEXT), END, "[DONE]"
    ),
    "thoughts in the text": plays(chunk("<thi"), chunk("nk>secret</thi"), chunk("nk>\n\n" + TEXT), END, "[DONE]"),
    "thoughts opened by the template": plays(chunk("secret</think>"), chunk(TEXT), END, "[DONE]"),
    "tool calls that nobody asked for": plays(chunk(TEXT), chunk(tool_calls=[{}]), chunk(finish="tool_calls")),
    "a refusal as its own field": plays(chunk(content=None, refusal=TEXT), END, "[DONE]"),
    "text as in old completions": plays({"choices": [{"index": 0, "text": TEXT, "finish_reason": "stop"}]}),
    "the message again at the end": plays(
        chunk(TEXT), {"choices": [{"index": 0, "delta": {}, "message": {"content": TEXT}, "finish_reason": "stop"}]}
    ),
    "an error that is null": plays(chunk(TEXT) | {"error": None}, END | {"error": None}, "[DONE]"),
    "a long silence with signs of life": _thinks,
    "other words for the end": plays(chunk(TEXT), chunk(finish="eos"), "[DONE]"),
}  # fmt: skip
OVERFLOWS: dict[str, dict[str, Any]] = {
    "OpenAI": error("This model's maximum context length is 8192 tokens. However, yours resulted in 9000 tokens."),
    "OpenAI by code": error("Your input is too much.", code="context_length_exceeded"),
    "OpenAI of late": error("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 3."),
    "Anthropic": error("prompt is too long: 210000 tokens > 200000 maximum"),
    "Anthropic with output": error("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    "Google": error("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    "Mistral": error("Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
    "vLLM": error("The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
    "vLLM of late": error(
        "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 "
        "tokens and your request has 1500 input tokens (1024 > 2048 - 1500)."
    ),
    "llama.cpp": error(
        "request (900 tokens) exceeds the available context size (512 tokens), try increasing it",
        type="exceed_context_size_error", code=400,
    ),
    "Ollama": error("the input length exceeds the context length"),
    "Groq": error("Please reduce the length of the messages or completion."),
    "xAI": error("This model's maximum prompt length is 131072 but the request contains 540000 tokens."),
    "Bedrock": error("Input is too long for requested model."),
    "Cohere": error("too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    "TGI": error("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193."),
    "Qwen": error("Range of input length should be [1, 30720]"),
    "Moonshot": error("Invalid request: Your request exceeded model token limit: 8192"),
    "LM Studio": error("Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded"),
    "LiteLLM": error("litellm.ContextWindowExceededError: litellm.BadRequestError: it did not fit"),
    "no error object": {"object": "error", "message": "the context window is full: context size exceeded", "code": 400},
}  # fmt: skip
