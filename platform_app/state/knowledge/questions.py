"""Questions: the list of questions that no reply could answer."""

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
from platform_app.services.knowledge import unanswered_questions
from platform_app.services.knowledge.unanswered_questions import QuestionGroup
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.undo import SoftDelete, Undo

SHOWN_WORDINGS = 3


@dataclass
class QuestionRow:
    """Questions that ask for the same."""

    id: str  # of the question that was asked last
    question: str
    others: list[str]
    count: str
    when: str
    exact: str
    link: str  # path of the conversation below the tenant's


class QuestionsState(Undo, rx.State):
    """The questions that wait for an answer, in groups."""

    rows: list[QuestionRow] = []
    total_words: str = ""
    loaded: bool = False
    _groups: dict[str, list[str]] = {}  # by id of a row: the ids of its questions

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the questions."""
        self.undo_sentence = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the questions again when another one was stored."""
        async for _ in subscribe(self, "question"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def write_article(self, question_id: str) -> Any:
        """Create the draft of an article for a group of questions and open it."""
        article = await call(self, unanswered_questions.write_article, self._ids(question_id))
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/knowledge/articles/{article.id}")

    @handler(Role.OPERATOR)
    async def dismiss(self, question_id: str) -> Any:
        """Take a group of questions out of the list and offer to undo it."""
        await call(self, unanswered_questions.dismiss, self._ids(question_id))
        await self._fetch()
        expire = await self._offer_undo(question_id, "")
        self.undo_sentence = translate((await current_user(self)).language, "Question dismissed.")
        return expire

    def _ids(self, question_id: str) -> list[str]:
        if question_id not in self._groups:
            raise NotFound("Question not found. It may have been dismissed or answered.")
        return self._groups[question_id]

    def _soft_delete(self) -> SoftDelete:
        groups = self._groups
        return SoftDelete(
            lambda session, who, row_id: unanswered_questions.dismiss(session, who, groups.get(row_id, [])),
            lambda session, who, row_id: unanswered_questions.restore(session, who, groups.get(row_id, [])),
        )

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        listed = await fetch(self, unanswered_questions.list_open)
        groups = await asyncio.to_thread(unanswered_questions.group, listed)
        links = await fetch(self, _links, [group.last.conversation_id for group in groups])
        self._groups = self._groups | {group.last.id: [row.id for row in group.questions] for group in groups}
        self.rows = [_row(group, links, identity, language) for group in groups]
        self.total_words = plural(language, "{count} question", "{count} questions", len(listed))
        self.loaded = True


def _links(session: Transaction, who: Identity, conversation_ids: list[str]) -> dict[str, str]:
    """Return the paths of conversations by their ids."""
    return {row.id: link_of(row) for row in conversations.some(session, who, conversation_ids)}


def _row(group: QuestionGroup, links: dict[str, str], identity: Identity, language: str) -> QuestionRow:
    return QuestionRow(
        id=group.last.id,
        question=group.last.question,
        others=group.others[:SHOWN_WORDINGS],
        count=str(len(group.questions)),
        when=relative_time(language, group.last_asked, now(), identity.time_zone),
        exact=exact_time(language, group.last_asked, identity.time_zone),
        link=links.get(group.last.conversation_id, ""),
    )
