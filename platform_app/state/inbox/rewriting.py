"""Rewriting: the menu that has the model rewrite the text in the composer, its progress, and the way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import reflex as rx
from babel import Locale

from platform_app.api.token_bucket import TokenBuckets
from platform_app.errors import Invalid, LimitReached, PlatformError
from platform_app.i18n import translate
from platform_app.llm.rewriting import LANGUAGES, Style
from platform_app.models.person import Role
from platform_app.services.inbox import rewriting
from platform_app.services.inbox.rewriting import Rewriting
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.inbox.conversation import InboxState

PER_MINUTE, BURST = 20, 10  # texts of one member, in one process
MAX_UNDO = 20
FLUSH_SECONDS = 0.1  # between two updates of the growing text
_limits = TokenBuckets()


class RewritingState(rx.State):
    """The text of the composer that the model rewrites."""

    conversation_id: str = ""
    is_available: bool = True
    is_running: bool = False
    live_text: str = ""  # as it grows
    text: str = ""  # that takes the place of the text in the field
    count: int = 0  # incremented when `text` is to take it
    can_undo: bool = False
    sent_mark: int = 0  # InboxState.sent_count at the last rewriting: a text that was sent is not put back
    problem: str = ""
    contact_language: str = ""  # its name, "" if it is uncertain
    languages: list[Option] = []
    _contact_language: str = ""
    _texts: list[str] = []  # before each rewriting
    _run: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> AsyncIterator[None]:
        """Reset the menu for the conversation in the query of the address."""
        language = (await current_user(self)).language
        self.conversation_id = self.router.url.query_parameters.get("c", "")[:32]
        self._run += 1
        self.is_running = self.can_undo = False
        self.live_text = self.problem = self.contact_language = self._contact_language = ""
        self._texts = []
        self.is_available = True
        named = [Option(code, _language_name(code, language)) for code in LANGUAGES]
        self.languages = sorted(named, key=lambda option: option.name)
        yield  # the first detection of a language takes a while
        if self.conversation_id:
            with suppress(PlatformError):  # the conversation says that it is gone
                self.is_available = await fetch(self, rewriting.is_available, self.conversation_id)
                self._contact_language = await fetch(self, rewriting.contact_language, self.conversation_id)
        self.contact_language = _language_name(self._contact_language, language)

    @handler(Role.OPERATOR, background=True)
    async def rewrite(self, choice: str, text: str) -> None:
        """Have the model rewrite a text: `choice` is a Style, or the code of a language to translate it into."""
        async with self:
            self._run += 1
            run, self.problem = self._run, ""
            try:
                work = await self._prepare(choice[:20], text)
            except PlatformError as error:
                return await self._show_problem(error)
            self.is_running, self.live_text = True, ""
        try:
            await self._follow(work, run)
        except PlatformError as error:
            async with self:
                if self._run == run:
                    self.is_running = False
                    await self._show_problem(error)
        return None

    @handler(Role.OPERATOR)
    async def stop(self) -> None:
        """Stop the rewriting; the text in the field stays as it was."""
        self._run += 1
        self.is_running = False

    @handler(Role.OPERATOR)
    async def undo(self) -> None:
        """Put the text before the last rewriting back."""
        if self._texts:
            self._replace(self._texts.pop())
            self.can_undo = bool(self._texts)

    @handler(Role.OPERATOR)
    async def explain(self) -> None:
        """Say why the menu cannot be used."""
        self.problem = translate((await current_user(self)).language, rewriting.OFFLINE)

    async def _prepare(self, choice: str, text: str) -> Rewriting:
        """Return what is to be done. Raises LimitReached if it is asked for too often."""
        who = await current_identity(self)
        style, language = _parse_choice(choice, self._contact_language)
        work = await fetch(self, rewriting.prepare, self.conversation_id, text, style=style, language=language)
        if not _limits.get(f"{who.tenant_id}:{who.user_id}", PER_MINUTE / 60, BURST).take():
            raise LimitReached("Too many requests. Wait a moment and try again.")
        return work

    async def _follow(self, work: Rewriting, run: int) -> None:
        """Show the text as it grows, then let it take the place of the one in the field.

        Raises Unavailable if the model fails.
        """
        reader = asyncio.create_task(rewriting.run(work))
        try:
            while not reader.done():
                await asyncio.wait({reader}, timeout=FLUSH_SECONDS)
                async with self:
                    if self._run != run:
                        return
                    if self.live_text != work.rewritten:
                        self.live_text = work.rewritten
            reader.result()
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        async with self:
            if self._run == run:
                self._texts = [*self._texts, work.text][-MAX_UNDO:]
                self.is_running, self.can_undo = False, True
                self.sent_mark = (await self.get_state(InboxState)).sent_count
                self._replace(work.rewritten)

    def _replace(self, text: str) -> None:
        self.text, self.count = text, self.count + 1

    async def _show_problem(self, error: PlatformError) -> None:
        self.problem = translate((await current_user(self)).language, error.sentence, **error.values)


def _parse_choice(choice: str, contact_language: str) -> tuple[Style, str]:
    """Return the style and language that a choice of the menu names. Raises Invalid if it names none."""
    if choice == Style.TRANSLATE:
        return Style.TRANSLATE, contact_language
    if choice in LANGUAGES:
        return Style.TRANSLATE, choice
    if choice in list(Style):
        return Style(choice), ""
    raise Invalid("This value isn’t allowed.")


def _language_name(code: str, language: str) -> str:
    return str(Locale.parse(code).get_display_name(language)) if code else ""
