"""Media reading: asks models for the text of one recording or picture, and records what was asked for the trace."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

import structlog

from platform_app.channels import bot_requests, media_headers
from platform_app.channels.media_kinds import MediaType, media_type
from platform_app.errors import PlatformError
from platform_app.llm import catalogue, client, model_limitations, picture_description, transcription
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest, ModelResult, Provider
from platform_app.llm.reply_text import to_storable
from platform_app.models.channel import AttachmentKind
from platform_app.services.chat.attached_media import MediaText
from platform_app.services.chat.model_calls import DESCRIPTION, TRANSCRIPT, ModelCall
from platform_app.services.chat.reply_context import ReplyContext

log = structlog.get_logger()
MAX_BYTES = 25_000_000  # of a file
MAX_CHARS = 4_000  # of a text
MAX_SECONDS = 60.0  # that a description may take
MAX_LENGTH = 600.0  # seconds of a recording; more than this is not reserved in budgets
TOO_LONG = "The recording is longer than 10 minutes."
TOO_LARGE = "The file is too large to be turned into text."
NOT_FETCHED = "The file couldn’t be fetched."
NO_MEDIA = "The file isn’t a picture or recording of a known kind."
NO_WORDS = "No words were recognized."


class FetchedFile(Protocol):
    """A file that was fetched."""

    @property
    def content(self) -> bytes:
        """Its bytes."""


class Unreadable(Exception):
    """There is no text of a file; `problem` is a message id."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


_fetchers: list[Callable[[str, str], FetchedFile]] = []


def register_fetch(fetch: Callable[[str, str], FetchedFile]) -> None:
    """Register the function that fetches an attachment, by its tenant and id, and raises PlatformError."""
    _fetchers[:] = [fetch]


async def read_file(work: ReplyContext, file: MediaText, language: str) -> tuple[str, str]:
    """Return the text of a recording or picture, and the model that made it; a description is in a language.

    The agent's models are asked in their order, from the present one on. Raises Unreadable if none gives a text.
    """
    content, kind = await asyncio.to_thread(_fetch, work.tenant_id, file)
    problem = ""
    for provider in [choice.provider for choice in work.choices[work.choice :] if choice.provider is not None]:
        try:
            if file.kind == AttachmentKind.RECORDING:
                text, model = await _transcribe(work, provider, kind, content)
            else:
                text, model = await _describe(work, provider, (kind, content), language)
        except ModelFailure as failure:
            log.info("a model read no attachment", attachment_id=file.id, fault=failure.reason.name)
            is_large = failure.reason == FailureReason.TOO_LONG  # the request, with the file
            problem = problem or (TOO_LARGE if is_large else failure.reason.value)
            continue
        if text:
            return text[:MAX_CHARS], model
        problem = NO_WORDS
    raise Unreadable(problem or FailureReason.REMOVED.value)


def _fetch(tenant_id: str, file: MediaText) -> tuple[bytes, MediaType]:
    """Return the content of a file and what it is by its first bytes. Raises Unreadable."""
    if not _fetchers:
        raise Unreadable(NOT_FETCHED)
    try:
        content = _fetchers[0](tenant_id, file.id).content
    except PlatformError as error:
        raise Unreadable(TOO_LARGE if error.sentence == bot_requests.TOO_LARGE else NOT_FETCHED) from error
    kind = media_type(content)
    if len(content) > MAX_BYTES:
        raise Unreadable(TOO_LARGE)
    if kind is None or kind.kind != file.kind:
        raise Unreadable(NO_MEDIA)
    if kind.kind == AttachmentKind.RECORDING and (media_headers.read_seconds(content) or 0.0) > MAX_LENGTH:
        raise Unreadable(TOO_LONG)
    return content, kind


async def _transcribe(work: ReplyContext, provider: Provider, kind: MediaType, content: bytes) -> tuple[str, str]:
    """Return what was said in a recording, and the model. Raises ModelFailure if the provider has none or fails."""
    model = await transcription.find_model(provider)
    if not model:
        raise ModelFailure(FailureReason.NO_TRANSCRIPTION)
    result, failed = ModelResult(), None
    try:
        await transcription.transcribe(provider, model, f"recording.{kind.ending}", content, result=result)
        if result.seconds is None and result.prompt_tokens is None:  # the provider counts neither
            result.seconds = media_headers.read_seconds(content)
    except ModelFailure as failure:
        failed = failure.reason
        raise
    finally:
        work.calls.append(ModelCall(TRANSCRIPT, provider, model, result, failed))
    return to_storable(result.text).strip(), model


async def _describe(
    work: ReplyContext, provider: Provider, picture: tuple[MediaType, bytes], language: str
) -> tuple[str, str]:
    """Return what a picture shows, and the model. Raises ModelFailure if it does not look at pictures or fails."""
    model = await _chat_model(work, provider)
    known = model_limitations.known_limitations(provider, model)
    if provider.is_offline or not model or known.no_images:
        raise ModelFailure(FailureReason.NO_PICTURES)
    (kind, content), result, failed = picture, ModelResult(), None
    request = ModelRequest(
        model=model,
        messages=picture_description.build_messages(kind.content_type, content, language),
        temperature=0.0,
        max_tokens=picture_description.MAX_TOKENS,
        max_chars=picture_description.MAX_CHARS,
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            # the stream is annotated as an iterator and is a generator
            async with aclosing(client.stream_reply(request, provider, result)) as pieces:  # type: ignore[type-var]
                async for _ in pieces:
                    pass
    except TimeoutError:
        failed = FailureReason.TIMEOUT
    except ModelFailure as failure:
        failed = failure.reason
    shown = picture_description.shown_messages(len(content), language)
    result.messages = shown if result.messages else []  # without the picture, which would be counted as text
    work.calls.append(ModelCall(DESCRIPTION, provider, model, result, failed, messages=shown))
    if failed == FailureReason.NO_PICTURES:
        model_limitations.remember(provider, model, replace(known, no_images=True))
    if failed is not None:
        raise ModelFailure(failed)
    return to_storable(result.text).strip(), model


async def _chat_model(work: ReplyContext, provider: Provider) -> str:
    """Return the name of the model that an agent's choice names at a provider, "" if there is none."""
    choice = next(choice for choice in work.choices[work.choice :] if choice.provider is provider)
    return await catalogue.resolve_model(provider, choice.model)
