"""Events: the list of events of the tenant."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.services.feed import event_log
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.log_list import LogList
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.crm.history import describe_event
from platform_app.state.rules.rule_words import TRIGGERS

CAUSES = ("rules", "people")


@dataclass
class EventRow:
    """An event in the list."""

    id: str = ""
    kind: str = ""
    words: str = ""
    subject: str = ""
    depth: str = ""
    when: str = ""
    exact: str = ""


class EventsState(LogList, rx.State):
    """The list of events."""

    rows: list[EventRow] = []
    agents: list[Option] = []
    kind: str = "all"
    agent: str = "all"
    led: str = "all"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when something happens while the first page is open."""
        async for _ in subscribe(self, "activity", "run", "contact", "lead", "task", "conversation"):
            async with self:
                if self.page == 1:
                    await self._fetch()

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the events of a kind, or all."""
        return await self._set_filter("kind", kind)

    @handler(Role.VIEWER)
    async def filter_agent(self, agent: str) -> Any:
        """Show the events of an agent, or all."""
        return await self._set_filter("agent", agent)

    @handler(Role.VIEWER)
    async def filter_cause(self, led: str) -> Any:
        """Show the events that were caused by rules, or the others, or all."""
        return await self._set_filter("led", led)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether filters are set."""
        return self.kind != "all" or self.agent != "all" or self.led != "all"

    def _filters(self) -> dict[str, Container[str] | None]:
        return {"kind": TRIGGERS, "agent": None, "led": CAUSES}

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked = self._filter_arguments(kind="kind", agent_id="agent", led="led")
        found, subjects, self.agents = await fetch(self, _read, asked, self.page)
        self.has_more = len(found) > event_log.PAGE_SIZE
        shown = found[: event_log.PAGE_SIZE]
        self.rows = [event_row(one, subjects[one.id], identity, language=language) for one in shown]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, Any], page: int
) -> tuple[list[Event], dict[str, str], list[Option]]:
    found = event_log.list_events(session, who, page=page, **asked)
    return found, event_log.subject_names(session, who, found), agent_options(session, who)


def event_row(event: Event, subject: str, identity: Identity, *, language: str) -> EventRow:
    """Return the row of an event."""
    return EventRow(
        id=event.id,
        kind=translate(language, TRIGGERS[event.kind.value]),
        words=describe_event(event, language)[:200],
        subject=subject,
        depth=str(event.depth) if event.depth else "",
        when=relative_time(language, event.at, now(), identity.time_zone),
        exact=exact_time(language, event.at, identity.time_zone),
    )
