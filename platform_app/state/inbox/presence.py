"""Presence: which other members have the open conversation open or write in it, and whether the contact writes."""

import asyncio
from contextlib import suppress
from time import monotonic

import reflex as rx

from platform_app.errors import PlatformError
from platform_app.hub import Update
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.chat import conversation_rows
from platform_app.services.inbox import presence
from platform_app.services.inbox.presence import CONTACT_ID, Activity, Present
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe

TICK_SECONDS = 3.0  # between two renewals, each of which also removes who has left
TYPING_SECONDS = 1.0  # more frequent reports of a tab are ignored
MAX_SHOWN = 4
_SENTENCES = {
    Activity.REPLYING: "{name} is writing a reply…",
    Activity.NOTING: "{name} is writing a note…",
    Activity.VIEWING: "{name} is viewing this",
}
_MODES = {"reply": Activity.REPLYING, "note": Activity.NOTING}


class PresenceState(rx.State):
    """Who else is in the conversation in the address."""

    words: list[str] = []  # a sentence for each
    _conversation_id: str = ""
    _typed_at: float = 0.0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Leave the conversation that was open, and enter the one in the query of the address."""
        who = await current_identity(self)
        wanted, left = self.router.url.query_parameters.get("c", "")[:32], self._conversation_id
        if left and left != wanted:
            await asyncio.to_thread(presence.end, who, left)
        self._conversation_id, self.words = "", []
        if wanted:
            with suppress(PlatformError):  # the conversation says that it is gone
                self._conversation_id = (await fetch(self, conversation_rows.get, wanted)).id
        if self._conversation_id:
            present = await asyncio.to_thread(_renew_and_list, who, self._conversation_id)
            self.words = _sentences(present, (await current_user(self)).language)

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Renew the member's own presence, and show that of others as it changes."""

        def concerns(update: Update) -> bool:
            return update.subject_id == self._conversation_id

        async for _ in subscribe(self, presence.TOPIC, every=TICK_SECONDS, concerns=concerns):
            async with self:
                who, open_id = await current_identity(self), self._conversation_id
            if not open_id:
                continue
            present = await asyncio.to_thread(_renew_and_list, who, open_id)
            async with self:
                words = _sentences(present, (await current_user(self)).language)
                if self._conversation_id == open_id and self.words != words:
                    self.words = words

    @handler(Role.OPERATOR)
    async def typing(self, mode: str) -> None:
        """Store that the member is writing: a reply or a note."""
        if mode not in _MODES or not self._conversation_id or monotonic() - self._typed_at < TYPING_SECONDS:
            return
        self._typed_at = monotonic()
        who = await current_identity(self)
        await asyncio.to_thread(presence.renew, who, self._conversation_id, _MODES[mode])


def _renew_and_list(who: Identity, conversation_id: str) -> list[Present]:
    presence.renew(who, conversation_id, Activity.VIEWING)
    return presence.list_present(who.tenant_id, conversation_id, without=who.user_id)


def _sentences(present: list[Present], language: str) -> list[str]:
    """Return a sentence for each person, those who write first."""
    ranked = sorted(present, key=lambda person: (person.activity == Activity.VIEWING, person.name))
    return [_sentence(person, language) for person in ranked[:MAX_SHOWN]]


def _sentence(person: Present, language: str) -> str:
    if person.user_id == CONTACT_ID:
        return translate(language, "The contact is writing…")
    return translate(language, _SENTENCES[person.activity], name=person.name)
