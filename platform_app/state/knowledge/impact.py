"""Impact: which questions lose or gain an answer when the source of the page is removed or its draft is published."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.services.chat import conversations
from platform_app.services.chat.conversation_rows import link_of
from platform_app.services.knowledge import impact
from platform_app.services.knowledge.impact import Change, Effect, Impact, Replay
from platform_app.state.console import browser
from platform_app.state.console.base import current_identity, current_user, fetch, handler

AT_ONCE = 10  # questions between two steps of the progress
SECTION = "impact"  # the id of the section that shows it
GROUPS = {  # in the order in which they are shown
    Effect.LOST: ("Loses its support: {count}", "red"),
    Effect.GAINED: ("Gains an answer: {count}", "green"),
    Effect.REPLACED: ("Answered from other sources: {count}", ""),
    Effect.ADDED: ("Answered also from this article: {count}", ""),
}


@dataclass
class ImpactRow:
    """A question that a change concerns."""

    question: str
    link: str  # path of the conversation below the tenant's
    when: str
    exact: str
    sources: str  # titles of the other sources that answer it


@dataclass
class ImpactGroup:
    """The questions to which a change does the same."""

    label: str
    colour: str
    rows: list[ImpactRow]


class ImpactState(rx.State):
    """What a change of the source in the address does to the questions of the last days."""

    change: str = ""  # the one that was checked, "" before
    running: bool = False
    progress: int = 0  # per cent
    checked_words: str = ""
    groups: list[ImpactGroup] = []
    without_vectors: bool = False
    _check_number: int = 0  # of the check whose results are shown

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Forget what was checked on another page; check the removal if the address asks for it."""
        self._begin("")
        asked = self.router.url.query_parameters.get("change", "")
        may_change = (await current_identity(self)).role.includes(Role.OPERATOR)
        return (
            browser.call_handler(ImpactState.check, Change.REMOVAL.value)
            if asked == Change.REMOVAL and may_change
            else None
        )

    @handler(Role.OPERATOR, background=True, supersedes=True)
    async def check(self, change: Change) -> Any:
        """Search for the questions again as if the change were made, and show for which of them that matters."""
        async with self:
            self._begin(change)
            number, identity, source_id = self._check_number, await current_identity(self), self._id()
        try:
            replay = await asyncio.to_thread(impact.prepare, identity, source_id, change)
            impacts = await self._replay(replay, number)
        finally:
            async with self:
                if self._check_number == number:
                    self.running = False
        async with self:
            if self._check_number != number:
                return None
            await self._show(impacts)
        return browser.focus(SECTION)

    def _begin(self, change: str) -> None:
        self._check_number += 1
        self.change, self.running, self.progress, self.without_vectors = change, bool(change), 0, False
        self.checked_words, self.groups = "", []

    async def _replay(self, replay: Replay, number: int) -> list[Impact]:
        """Return what the change does to each question; stop when another check or page replaces this one."""
        impacts: list[Impact] = []
        for start in range(0, len(replay.questions), AT_ONCE):
            part = replay.questions[start : start + AT_ONCE]
            impacts += await asyncio.to_thread(impact.evaluate, replay, part)
            async with self:
                if self._check_number != number:
                    break
                self.progress = round(100 * len(impacts) / len(replay.questions))
        return impacts

    async def _show(self, impacts: list[Impact]) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        changed = [one for one in impacts if one.effect]
        links = await fetch(self, _links, [one.question.conversation_id for one in changed])
        self.without_vectors = any(one.is_degraded for one in impacts)
        self.checked_words = plural(language, "{count} question checked", "{count} questions checked", len(impacts))
        self.groups = []
        for effect, (label, colour) in GROUPS.items():
            rows = [_row(one, links, identity, language) for one in changed if one.effect == effect]
            if rows:
                self.groups.append(ImpactGroup(translate(language, label, count=len(rows)), colour, rows))

    def _id(self) -> str:
        source_id = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        if len(source_id) > 32:
            raise NotFound("Source not found. It may have been deleted.")
        return source_id


def _links(session: Transaction, who: Identity, conversation_ids: list[str]) -> dict[str, str]:
    """Return the paths of conversations by their ids."""
    return {row.id: link_of(row) for row in conversations.some(session, who, conversation_ids)}


def _row(row: Impact, links: dict[str, str], identity: Identity, language: str) -> ImpactRow:
    question = row.question
    return ImpactRow(
        question=question.text,
        link=links.get(question.conversation_id, ""),
        when=relative_time(language, question.asked_at, now(), identity.time_zone),
        exact=exact_time(language, question.asked_at, identity.time_zone),
        sources=", ".join(row.sources),
    )
