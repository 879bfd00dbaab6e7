"""Runs: the log of what became of events at rules, and one run with its proof and actions."""

from dataclasses import dataclass, field
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
from platform_app.state.base import call, handler, look, person, say, who
from platform_app.state.chat_view import Choice
from platform_app.state.hub import hub
from platform_app.state.proof_view import ProofLine, Reader, change_of, lines_of, reader_of
from platform_app.state.rule_words import STATES, TRIGGERS, told

SHOWN = ("done", "running", "failed", "retrying", "uncertain", "condition", "cooldown", "capped", "stopped")
SHOWN += ("too_deep", "cancelled", "broken")
MARKS = {"done": "green", "failed": "red", "retrying": "amber", "uncertain": "amber", "waiting": "", "cancelled": ""}
ACTION_STATES = {
    "done": "Done",
    "failed": "Failed",
    "retrying": "Will be tried again",
    "uncertain": "Not known whether it arrived",
    "waiting": "Not done",
    "cancelled": "Not done",
}


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


@dataclass
class DoneLine:
    """An action of a run."""

    number: str
    title: str
    words: str
    state: str
    colour: str
    error: str
    took: str


@dataclass
class CausedLine:
    """An event that followed from a run."""

    id: str
    words: str


@dataclass
class RunView:
    """A run with its reasons."""

    proof: list[ProofLine] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    actions: list[DoneLine] = field(default_factory=list)
    caused: list[CausedLine] = field(default_factory=list)
    version: str = ""
    can_retry: bool = False


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
            _row(run, event, name, subject=subjects[event.id], identity=identity, language=language)
            for run, event, name in found[: log.PAGE_SIZE]
        ]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, str], page: int
) -> tuple[list[tuple[RuleRun, Event, str]], dict[str, str], list[Choice]]:
    found = log.runs(session, who, page=page, **asked)
    listed = [Choice(row.id, row.name) for row in rules.of_tenant(session, who)]
    return found, event_log.subjects(session, who, [event for _, event, _ in found]), listed


def _row(run: RuleRun, event: Event, name: str, *, subject: str, identity: Identity, language: str) -> RunRow:
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
        took=_took(run.milliseconds, language) if run.fired else "",
        when=relative_time(language, run.at, now()),
        exact=exact_time(language, run.at, identity.time_zone),
    )


def _took(milliseconds: int, language: str) -> str:
    return translate(language, "{count} ms", count=milliseconds)


class RunState(rx.State):
    """The run that the address names."""

    head: RunRow = RunRow("", "", "", "", "", "", "", "", "", "", "")
    view: RunView = RunView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the run."""
        self.head = RunRow("", "", "", "", "", "", "", "", "", "", "")
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the run while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, self.router.session.client_token):
            if update.topic in ("run", "*"):
                async with self:
                    await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self) -> Any:
        """Try the action that failed again."""
        await call(self, log.retry, self.head.id)
        await self._fetch()
        return await say(self, "It is tried again.")

    async def _fetch(self) -> None:
        identity, reader = await who(self), await reader_of(self)
        run_id = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        (run, event, rule), subject, caused = await look(self, _read_one, run_id)
        self.head = _row(run, event, rule.name, subject=subject, identity=identity, language=reader.language)
        self.view = RunView(
            proof=lines_of(run.proof, reader),
            change=[change_of(one, reader) for one in run.change],
            actions=[_done(place, one, reader.language) for place, one in enumerate(run.actions)],
            caused=[CausedLine(one.id, translate(reader.language, TRIGGERS[one.kind.value])) for one in caused],
            version=translate(reader.language, "version {number}", number=run.version),
            can_retry=run.state.value in ("failed", "uncertain"),
        )


def _read_one(session: Transaction, who: Identity, run_id: str) -> Any:
    found = log.get(session, who, run_id)
    event = found[1]
    return found, event_log.subjects(session, who, [event])[event.id], log.caused(session, who, run_id)


def _done(place: int, one: dict[str, Any], language: str) -> DoneLine:
    state = str(one["state"])
    sentence = told(str(one["sentence"]), one.get("values", {}), language) if one.get("sentence") else ""
    error = translate(language, str(one["error"]), **one.get("error_values", {})) if one.get("error") else ""
    return DoneLine(
        number=str(place + 1),
        title=translate(language, log.title(str(one["kind"]))),
        words=sentence,
        state=translate(language, ACTION_STATES.get(state, state)),
        colour=MARKS.get(state, ""),
        error=error if state != "done" else "",
        took=_took(int(one["ms"]), language) if "ms" in one else "",
    )


__all__ = ["Reader", "RunState", "RunsState"]
