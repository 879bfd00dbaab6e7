"""Event: an event with its payload, its facts, and the runs of rules on it."""

import json
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.automation.values import as_json
from platform_app.db import Transaction
from platform_app.engine.rules import dry_run, rule_runs, rules
from platform_app.fact_snapshots import event_facts
from platform_app.i18n import translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RuleRun
from platform_app.services.chat import conversation_rows
from platform_app.services.feed import event_log
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import replace_query
from platform_app.state.feed.events import EventRow, event_row
from platform_app.state.rules.proof_view import ViewContext, describe_actual, fact_label, view_context
from platform_app.state.rules.rule_trial import DryRunView, dry_run_view
from platform_app.state.rules.rule_words import STATES


@dataclass
class RuleRunLine:
    """A run of a rule on the event."""

    run_id: str
    rule: str
    words: str
    colour: str


@dataclass
class FactLine:
    """A fact that was known when the event happened."""

    words: str
    value: str


@dataclass
class EventView:
    """The details of an event."""

    payload: str = ""
    facts: list[FactLine] = field(default_factory=list)
    cause_id: str = ""
    lead_id: str = ""
    contact_id: str = ""
    conversation_path: str = ""  # of its page, below that of the tenant
    rule_runs: list[RuleRunLine] = field(default_factory=list)


class EventState(rx.State):
    """The page of the event whose id is in the address: what it did, and why a rule ran on it or not."""

    head: EventRow = EventRow()
    view: EventView = EventView()
    rules: list[Option] = []
    rule: str = ""
    draft: bool = False
    trial: DryRunView = DryRunView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the event, and the explanation for the rule in the address."""
        self.head, self.trial = EventRow(), DryRunView()
        identity, language = await current_identity(self), (await current_user(self)).language
        (event, subject, path), runs, listed = await fetch(self, _read_event, self._id())
        self.rules = listed
        self.view = _event_view(event, path, runs, await view_context(self))
        self.head = event_row(event, subject, identity, language=language)
        asked = self.router.url.query_parameters
        self.rule, self.draft = asked.get("rule", "")[:32], asked.get("draft") == "1"
        await self._explain()

    @handler(Role.VIEWER)
    async def select_rule(self, rule_id: str) -> Any:
        """Show why a rule ran on the event or why not."""
        self.rule = rule_id[:32]
        await self._explain()
        return replace_query(rule=self.rule, draft="1" if self.draft else "")

    @handler(Role.VIEWER)
    async def set_use_draft(self, draft: bool) -> Any:
        """Evaluate the draft of the rule or its published version."""
        self.draft = draft
        await self._explain()
        return replace_query(rule=self.rule, draft="1" if self.draft else "")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _explain(self) -> None:
        if self.rule not in {one.id for one in self.rules}:
            self.trial = DryRunView()
            return
        found = await fetch(self, dry_run.dry_run, self.rule, self._id(), draft=self.draft)
        self.trial = dry_run_view(found, await view_context(self))


def _read_event(
    session: Transaction, who: Identity, event_id: str
) -> tuple[tuple[Event, str, str], list[tuple[RuleRun, Event, str]], list[Option]]:
    """Return the event with the name of its subject and the path of its conversation, its runs, and the rules."""
    event = event_log.get(session, who, event_id)
    listed = [Option(row.id, row.name) for row in rules.DEFINITIONS.list_names(session, who)]
    runs = sorted(rule_runs.list_runs(session, who, event_id=event.id), key=lambda found: found[0].place)
    subject = event_log.subject_names(session, who, [event])[event.id]
    return (event, subject, conversation_rows.find_link(session, who, event.conversation_id)), runs, listed


def _event_view(
    event: Event, conversation_path: str, runs: list[tuple[RuleRun, Event, str]], context: ViewContext
) -> EventView:
    rule_runs = [
        RuleRunLine(run.id, name, translate(context.language, STATES[run.state.value][0]), STATES[run.state.value][1])
        for run, _, name in runs
    ]
    payload = {"before": event.before, "after": event.after}
    return EventView(
        payload=json.dumps(payload, ensure_ascii=False, indent=2),
        facts=_facts(event, context),
        cause_id=event.cause_id or "",
        lead_id=event.lead_id or "",
        contact_id=event.contact_id or "",
        conversation_path=conversation_path,
        rule_runs=rule_runs,
    )


def _facts(event: Event, context: ViewContext) -> list[FactLine]:
    """Return what was known then, in words; a fact that is not in the catalogue any more by its name."""
    known = event_facts(event).values
    return [
        FactLine(
            fact_label(context.known.get(name), name, context.language),
            describe_actual({"fact": name, "actual": as_json(value)}, context),
        )
        for name, value in known.items()
        if value not in (None, ())
    ]
