"""Refusal causes: the causes of refused requests, from the many wordings of providers."""

import re
from enum import StrEnum


class Refusal(StrEnum):
    """The cause of a refused request, as far as the provider's words tell."""

    TOO_LONG = "too long"
    QUOTA = "quota"
    KEY = "key"
    REGION = "region"
    FILTERED = "filtered"
    NOT_CHAT = "not chat"
    MODEL = "model"
    ADDRESS = "address"
    BUSY = "busy"
    ROLES = "roles"
    SYSTEM = "system"


# Wordings of OpenAI, Azure, Anthropic, Google, Mistral, DeepSeek, Groq, xAI, Cohere, Bedrock, Qwen, Moonshot,
# OpenRouter, LiteLLM, vLLM, llama.cpp, Ollama, LM Studio, TGI; the first that fits counts
_WORDS: list[tuple[Refusal, str]] = [
    (
        Refusal.TOO_LONG,
        r"context_length_exceeded|exceed_context_size|contextwindowexceeded|request_too_large|string_above_max_length"
        r"|max(imum)? (model |prompt |context |input )?(context |prompt |input )?(length|size|window) (is|of)\b"
        r"|(context|prompt|input|sequence|history)[^.;]{0,60}\b(too long|too large|too many|longer than)"
        r"|(exceed|greater than|larger than|over)\w*[^.;]{0,60}"
        r"\b(context|maximum number of (input )?tokens|token limit)"
        r"|context (length|size|window|limit)[^.;]{0,40}\b(exceed|reached|full|overflow)|context[^.;]{0,20}overflow"
        r"|input tokens exceed|too many (input |total )?tokens"
        r"|reduce (the )?(length|size|your (prompt|message|input))"
        r"|tokens? (count|limit)[^.;]{0,40}exceed|range of input length|prompt 超长|too large for model"
        r"|inputs` tokens|input is too long|shorten (your|the) (input|prompt|message|conversation)",
    ),
    (
        Refusal.QUOTA,
        r"insufficient_quota|exceeded your current quota|insufficient (balance|credit|funds)|credit balance|billing"
        r"|not enough (credit|balance|funds)|more credits|(run|ran) out of (credit|money|fund)|out of credits"
        r"|payment required|arrear|quota[^.;]{0,30}(exhausted|used up)|key limit exceeded|spend(ing)? limit"
        r"|budget[ _](has been )?exceeded",
    ),
    (
        Refusal.REGION,
        r"(country|region|territory|location)[^.;]{0,40}not (supported|available|allowed)|unsupported_country",
    ),
    (
        Refusal.FILTERED,
        r"content_filter|content_policy|content management policy|content policy|inspection_failed"
        r"|responsible ?ai|flagged|moderation|safety system",
    ),
    (
        Refusal.NOT_CHAT,
        r"not a chat model|not support(ed)?[^;]{0,40}chat[ /]completions?|chat[ /]completions?[^.;]{0,40}not support"
        r"|only supported in v1/(responses|completions)|does not support (chat|generate|text generation)"
        r"|model_not_chat",
    ),
    (
        Refusal.SYSTEM,
        r"system (role|message|prompt|instruction)s?[^.;]{0,30}not (be )?(supported|allowed|enabled)"
        r"|(not support|unsupported|invalid|unknown)[^.;]{0,30}\bsystem\b|developer instruction is not enabled"
        r"|input should be 'user' or 'assistant'|role 'system'",
    ),
    (
        Refusal.ROLES,
        r"alternat(e|es|ing)\b|roles? must|(first|last)[^.;]{0,20} message[^.;]{0,40}(must|should|has to)"
        r"|must (start|begin|end) with"
        r"|(should|must) be (a |from )?(the )?'?\"?user|expected last role|consecutive"
        r"|multiple (user|assistant) messages",
    ),
    (
        Refusal.MODEL,
        r"model_not_found|modelnotfound|deploymentnotfound|invalid model|unknown model|no such model"
        r"|unsupported model"
        r"|model not exist|not a valid model|no (endpoints|model)\b[^.;]{0,30} found|model_decommissioned"
        r"|(model|deployment)\b.{0,120}?"
        r"(not found|does ?n.t exist|not exist|deprecated|retired|decommissioned|shut ?down"
        r"|no longer|not available|unavailable|is not supported|not have access|try pulling)",
    ),
    (
        Refusal.KEY,
        r"(invalid|incorrect|wrong|missing|expired|no)\b[^.;]{0,20}api[ _-]?key"
        r"|api[ _-]?key[^.;]{0,20}(not valid|invalid)",
    ),
    (
        Refusal.ADDRESS,
        r"\A\W*<|<html|<!doctype|invalid url|unknown (url|endpoint|route|path)|no route|cannot (post|get)\b"
        r"|page not found"
        r"|unexpected endpoint|method not allowed|\"not found\"|(file|resource) not found|\A\W*(404\W*)?not found\W*\Z"
        r"|(endpoint|url|path|route)[^.;]{0,60}(not found|does ?n.t exist|not exist)",
    ),
    (Refusal.BUSY, r"overloaded|rate.?limit|too many requests|throttl|server is busy|at capacity|try again later"),
]
_COMPILED = [(refusal, re.compile(words, re.IGNORECASE | re.DOTALL)) for refusal, words in _WORDS]
_RATE = re.compile(r"per (minute|second|day|hour)|\b[rt]p[md]\b|retry in|retrydelay", re.IGNORECASE)
PARAMETERS = ("stream_options", "max_completion_tokens", "max_tokens", "temperature")
_OTHER_NAMES = {"include_usage": "stream_options", "max_output_tokens": "max_tokens", "max_new_tokens": "max_tokens"}
_MOST_TOKENS = re.compile(
    r"(?:at most|up to|less than or equal to|maximum(?: allowed)?(?: value)?(?: is| of|:)?|<=|\[\d+, ?)"
    r"\D{0,15}(\d{2,7})",
    re.IGNORECASE,
)


def read(status: int, text: str) -> Refusal | None:
    """Return the cause of a refusal, or None if its words are unknown."""
    text = text[:4000]
    if text.lstrip(' "\n\ufeff').startswith("<"):
        return Refusal.ADDRESS
    for refusal, words in _COMPILED:
        if not words.search(text):
            continue
        if refusal == Refusal.QUOTA and status == 429 and _RATE.search(text):
            return Refusal.BUSY  # a quota of requests a minute is a limit of speed
        if refusal == Refusal.TOO_LONG and status in (401, 402, 403):
            continue
        if refusal == Refusal.MODEL and parameter("", text):
            return None  # it is not the model that is refused
        if refusal == Refusal.TOO_LONG and status == 429:
            return Refusal.BUSY
        return refusal
    return None


def parameter(named: str, text: str) -> str:
    """Return the parameter that a refusal names, else the one its words describe, else ""."""
    for name in PARAMETERS:
        if named == name or named.startswith(f"{name}."):
            return name
    found = [
        (match.start(), name)
        for name in (*PARAMETERS, *_OTHER_NAMES)
        if (match := re.search(rf"(?<![a-z_]){name}(?![a-z_])", text, re.IGNORECASE))
    ]
    first = min(found)[1] if found else ""
    return _OTHER_NAMES.get(first, first)


def most_tokens(text: str) -> int | None:
    """Return the maximum of output tokens that a refusal allows, or None."""
    match = _MOST_TOKENS.search(text)
    return int(match[1]) if match else None
