"""Runs: the log of what became of events at rules."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.values import whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine import log, rules
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RuleRun
from platform_app.services import event_log
from platform_app.state.address import keep_in_address
from platform_app.state.base import handler, look, person, who
from platform_app.state.chat_view import Choice
from platform_app.state.hub import hub
from platform_app.state.rule_words import STATES, TRIGGERS

SHOWN = ("done", "running", "failed", "retrying", "uncertain", "condition", "cooldown", "capped", "stopped")
SHOWN += ("too_deep", "cancelled", "broken")


@dataclass
class RunRow:
    """A run as the log shows it."""

    id: str
    rule: str
    rule_id: str
    trigger: str
    event_id: str
    subject: str
    words: str
    colour: str
    took: str
    when: str
    exact: str


class RunsState(rx.State):
    """The log of the tenant's rules."""

    rows: list[RunRow] = []
    rules: list[Choice] = []
    rule: str = "all"
    state: str = "all"
    kind: str = "all"
    page: int = 1
    has_more: bool = False
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the filters from the address, and fetch."""
        asked = self.router.url.query_parameters
        self.rule, self.page = asked.get("rule", "all")[:32], whole(asked.get("page", ""), 10_000) or 1
        self.kind = asked.get("kind", "all") if asked.get("kind") in TRIGGERS else "all"
        self.state = asked.get("state", "all") if asked.get("state") in (*SHOWN, "fired") else "all"
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the runs while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, self.router.session.client_token):
            if update.topic in ("run", "*"):
                async with self:
                    await self._fetch()

    @handler(Role.VIEWER)
    async def filter_rule(self, rule: str) -> Any:
        """Show the runs of one rule."""
        self.rule, self.page = rule[:32], 1
        return await self._changed()

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show the runs that ended in one way."""
        self.state, self.page = (state if state in (*SHOWN, "fired") else "all"), 1
        return await self._changed()

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the runs on events of one kind."""
        self.kind, self.page = (kind if kind in TRIGGERS else "all"), 1
        return await self._changed()

    @handler(Role.VIEWER)
    async def turn(self, page: int) -> Any:
        """Turn to a page."""
        self.page = max(1, min(page, 10_000))
        return await self._changed()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether a filter hides some runs."""
        return self.rule != "all" or self.state != "all" or self.kind != "all"

    async def _changed(self) -> Any:
        await self._fetch()
        page = "" if self.page == 1 else str(self.page)
        return keep_in_address(rule=self.rule, state=self.state, kind=self.kind, page=page)

    async def _fetch(self) -> None:
        identity, language = await who(self), (await person(self)).language
        filters = {"rule_id": self.rule, "state": self.state, "kind": self.kind}
        asked = {name: "" if value == "all" else value for name, value in filters.items()}
        found, subjects, listed = await look(self, _read, asked, self.page)
        self.rules, self.has_more = listed, len(found) > log.PAGE_SIZE
        self.rows = [
            run_row(run, event, name, subject=subjects[event.id], identity=identity, language=language)
            for run, event, name in found[: log.PAGE_SIZE]
        ]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, str], page: int
) -> tuple[list[tuple[RuleRun, Event, str]], dict[str, str], list[Choice]]:
    found = log.runs(session, who, page=page, **asked)
    listed = [Choice(row.id, row.name) for row in rules.DEFINITIONS.of_tenant(session, who)]
    return found, event_log.subjects(session, who, [event for _, event, _ in found]), listed


def run_row(run: RuleRun, event: Event, name: str, *, subject: str, identity: Identity, language: str) -> RunRow:
    """Return a run as lists show it."""
    words, colour = STATES[run.state.value]
    return RunRow(
        id=run.id,
        rule=name,
        rule_id=run.rule_id,
        trigger=translate(language, TRIGGERS[event.kind.value]),
        event_id=event.id,
        subject=subject,
        words=translate(language, words),
        colour=colour,
        took=took(run.milliseconds, language) if run.fired else "",
        when=relative_time(language, run.at, now()),
        exact=exact_time(language, run.at, identity.time_zone),
    )


def took(milliseconds: int, language: str) -> str:
    """Return how long something took."""
    return translate(language, "{count} ms", count=milliseconds)
