"""Runs: the log of rule runs."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.rules import rule_runs, rules
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RuleRun
from platform_app.services.feed import event_log
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.log_list import LogList
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.rule_words import STATES, TRIGGERS

FILTER_STATES: tuple[str, ...] = (
    "done",
    "running",
    "failed",
    "retrying",
    "uncertain",
    "condition",
    "cooldown",
    "capped",
    "stopped",
)
FILTER_STATES = (*FILTER_STATES, "too_deep", "cancelled", "broken")


@dataclass
class RunRow:
    """A run in the log."""

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


class RunsState(LogList, rx.State):
    """The log of rule runs."""

    rows: list[RunRow] = []
    rules: list[Option] = []
    rule: str = "all"
    state: str = "all"
    kind: str = "all"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the log again when a rule runs."""
        async for _ in subscribe(self, "run"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_rule(self, rule: str) -> Any:
        """Show the runs of a rule, or all."""
        return await self._set_filter("rule", rule)

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show the runs in a state, or all."""
        return await self._set_filter("state", state)

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the runs on events of a kind, or all."""
        return await self._set_filter("kind", kind)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether filters are set."""
        return self.rule != "all" or self.state != "all" or self.kind != "all"

    def _filters(self) -> dict[str, Container[str] | None]:
        return {"rule": None, "state": (*FILTER_STATES, "fired"), "kind": TRIGGERS}

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked = self._filter_arguments(rule_id="rule", state="state", kind="kind")
        listed_runs, subjects, listed = await fetch(self, _read, asked, self.page)
        self.rules, self.has_more = listed, len(listed_runs) > rule_runs.PAGE_SIZE
        self.rows = [
            run_row(run, event, name, subject=subjects[event.id], identity=identity, language=language)
            for run, event, name in listed_runs[: rule_runs.PAGE_SIZE]
        ]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, str], page: int
) -> tuple[list[tuple[RuleRun, Event, str]], dict[str, str], list[Option]]:
    listed_runs = rule_runs.list_runs(session, who, page=page, **asked)
    listed = [Option(row.id, row.name) for row in rules.DEFINITIONS.list_names(session, who)]
    return listed_runs, event_log.subject_names(session, who, [event for _, event, _ in listed_runs]), listed


def run_row(run: RuleRun, event: Event, name: str, *, subject: str, identity: Identity, language: str) -> RunRow:
    """Return the row of a run."""
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
        took=format_duration(run.milliseconds, language) if run.fired else "",
        when=relative_time(language, run.at, now(), identity.time_zone),
        exact=exact_time(language, run.at, identity.time_zone),
    )


def format_duration(milliseconds: int, language: str) -> str:
    """Return a duration in milliseconds as text."""
    return translate(language, "{count} ms", count=milliseconds)
