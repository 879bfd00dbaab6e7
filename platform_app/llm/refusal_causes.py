"""Refusal causes: classifies the error texts of providers."""

import re
from enum import StrEnum


class RefusalCause(StrEnum):
    """Why a provider refused a request, by the text of its error."""

    TOO_LONG = "too long"
    QUOTA = "quota"
    KEY = "key"
    REGION = "region"
    FILTERED = "filtered"
    NOT_CHAT = "not chat"
    MODEL = "model"
    ADDRESS = "address"
    BUSY = "busy"
    NO_IMAGES = "no images"
    ROLES = "roles"
    SYSTEM = "system"


# Wordings of OpenAI, Azure, Anthropic, Google, Mistral, DeepSeek, Groq, xAI, Cohere, Bedrock, Qwen, Moonshot,
# OpenRouter, LiteLLM, vLLM, llama.cpp, Ollama, LM Studio, TGI; the first match counts
_PATTERNS: list[tuple[RefusalCause, str]] = [
    (
        RefusalCause.NO_IMAGES,
        r"image_url is only supported|unknown variant `?image_url|not a multimodal model|no image support"
        r"|(not|n't) support[^.;]{0,30}\b(images?|vision|multimodal|image_url)\b"
        r"|(images?|vision|multimodal|image_url)\b[^.;]{0,40}\b(not|n't) (be )?(supported|enabled|available|allowed)"
        r"|no endpoints found that support image|missing data required for image|content must be a string",
    ),
    (
        RefusalCause.TOO_LONG,
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
        RefusalCause.QUOTA,
        r"insufficient_quota|exceeded your current quota|insufficient (balance|credit|funds)|credit balance|billing"
        r"|not enough (credit|balance|funds)|more credits|(run|ran) out of (credit|money|fund)|out of credits"
        r"|payment required|arrear|quota[^.;]{0,30}(exhausted|used up)|key limit exceeded|spend(ing)? limit"
        r"|budget[ _](has been )?exceeded",
    ),
    (
        RefusalCause.REGION,
        r"(country|region|territory|location)[^.;]{0,40}not (supported|available|allowed)|unsupported_country",
    ),
    (
        RefusalCause.FILTERED,
        r"content_filter|content_policy|content management policy|content policy|inspection_failed"
        r"|responsible ?ai|flagged|moderation|safety system",
    ),
    (
        RefusalCause.NOT_CHAT,
        r"not a chat model|not support(ed)?[^;]{0,40}chat[ /]completions?|chat[ /]completions?[^.;]{0,40}not support"
        r"|only supported in v1/(responses|completions)|does not support (chat|generate|text generation)"
        r"|model_not_chat",
    ),
    (
        RefusalCause.SYSTEM,
        r"system (role|message|prompt|instruction)s?[^.;]{0,30}not (be )?(supported|allowed|enabled)"
        r"|(not support|unsupported|invalid|unknown)[^.;]{0,30}\bsystem\b|developer instruction is not enabled"
        r"|input should be 'user' or 'assistant'|role 'system'",
    ),
    (
        RefusalCause.ROLES,
        r"alternat(e|es|ing)\b|roles? must|(first|last)[^.;]{0,20} message[^.;]{0,40}(must|should|has to)"
        r"|must (start|begin|end) with"
        r"|(should|must) be (a |from )?(the )?'?\"?user|expected last role|consecutive"
        r"|multiple (user|assistant) messages",
    ),
    (
        RefusalCause.MODEL,
        r"model_not_found|modelnotfound|deploymentnotfound|invalid model|unknown model|no such model"
        r"|unsupported model"
        r"|model not exist|not a valid model|no (endpoints|model)\b[^.;]{0,30} found|model_decommissioned"
        r"|(model|deployment)\b.{0,120}?"
        r"(not found|does ?n.t exist|not exist|deprecated|retired|decommissioned|shut ?down"
        r"|no longer|not available|unavailable|is not supported|not have access|try pulling)",
    ),
    (
        RefusalCause.KEY,
        r"(invalid|incorrect|wrong|missing|expired|no)\b[^.;]{0,20}api[ _-]?key"
        r"|api[ _-]?key[^.;]{0,20}(not valid|invalid)",
    ),
    (
        RefusalCause.ADDRESS,
        r"\A\W*<|<html|<!doctype|invalid url|unknown (url|endpoint|route|path)|no route|cannot (post|get)\b"
        r"|page not found"
        r"|unexpected endpoint|method not allowed|\"not found\"|(file|resource) not found|\A\W*(404\W*)?not found\W*\Z"
        r"|(endpoint|url|path|route)[^.;]{0,60}(not found|does ?n.t exist|not exist)",
    ),
    (RefusalCause.BUSY, r"overloaded|rate.?limit|too many requests|throttl|server is busy|at capacity|try again later"),
]
_COMPILED = [(refusal, re.compile(words, re.IGNORECASE | re.DOTALL)) for refusal, words in _PATTERNS]
_RATE_QUOTA = re.compile(r"per (minute|second|day|hour)|\b[rt]p[md]\b|retry in|retrydelay", re.IGNORECASE)
PARAMETERS = ("stream_options", "max_completion_tokens", "max_tokens", "temperature", "reasoning_effort")
_ALIASES = {
    "reasoning.effort": "reasoning_effort",
    "include_usage": "stream_options",
    "max_output_tokens": "max_tokens",
    "max_new_tokens": "max_tokens",
}
_ALLOWED_TOKENS = re.compile(
    r"(?:at most|up to|less than or equal to|maximum(?: allowed)?(?: value)?(?: is| of|:)?|<=|\[\d+, ?)"
    r"\D{0,15}(\d{2,7})",
    re.IGNORECASE,
)


def classify_refusal(status: int, text: str) -> RefusalCause | None:
    """Return the cause that an error text names, or None if no known wording matches."""
    text = text[:4000]
    if text.lstrip(' "\n\ufeff').startswith("<"):
        return RefusalCause.ADDRESS
    for refusal, words in _COMPILED:
        if not words.search(text):
            continue
        if refusal == RefusalCause.QUOTA and status == 429 and _RATE_QUOTA.search(text):
            return RefusalCause.BUSY  # a quota of requests per minute is a rate limit
        if refusal == RefusalCause.TOO_LONG and status in (401, 402, 403):
            continue
        if refusal == RefusalCause.MODEL and refused_parameter("", text):
            return None  # a parameter is refused, not the model
        if refusal == RefusalCause.TOO_LONG and status == 429:
            return RefusalCause.BUSY
        return refusal
    return None


def refused_parameter(named: str, text: str) -> str:
    """Return the parameter that a refusal is about: by its field `param`, else by its text; empty if unknown."""
    for name in (*PARAMETERS, *_ALIASES):
        if named == name or named.startswith(f"{name}."):
            return _ALIASES.get(name, name)
    matches = [
        (match.start(), name)
        for name in (*PARAMETERS, *_ALIASES)
        if (match := re.search(rf"(?<![a-z_]){name}(?![a-z_])", text, re.IGNORECASE))
    ]
    first = min(matches)[1] if matches else ""
    return _ALIASES.get(first, first)


def allowed_tokens(text: str) -> int | None:
    """Return the maximum of output tokens that an error text names, or None."""
    match = _ALLOWED_TOKENS.search(text)
    return int(match[1]) if match else None
