"""Rule: the builder: trigger, conditions, actions and limits, saved as a draft while one edits, then published."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.rules import definition
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine import log, rules
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule, RuleRun, RuleVersion
from platform_app.services import agent_list, leads, webhooks
from platform_app.state.agent import Change
from platform_app.state.agent_stages import worded
from platform_app.state.base import call, handler, look, person, say, say_error, who
from platform_app.state.chat_view import Choice
from platform_app.state.condition_tree import Tree
from platform_app.state.conditions import Conditions
from platform_app.state.proof_view import reader_of
from platform_app.state.rule_actions import RuleActions
from platform_app.state.rule_words import OFFERED, STATES, TRIGGERS, action_of, condition_of, names_of, sentence_of

ALL = "all"
FIELD_WORDS = {
    "trigger": "When",
    "minutes": "Minutes of silence",
    "time": "Time of day",
    "weekdays": "Days",
    "webhook_id": "Webhook",
    "condition": "Condition",
    "actions": "Actions",
    "stop_after": "No rule after it runs",
    "cooldown_minutes": "Pause for one lead or contact, in minutes",
    "daily_cap": "At most a day",
}
NUMBERS = ("minutes", "cooldown_minutes", "daily_cap")


@dataclass
class VersionLine:
    """A published version."""

    id: str
    number: str
    when: str
    author: str


@dataclass
class RunLine:
    """A run of the rule."""

    id: str
    event_id: str
    words: str
    colour: str
    when: str
    exact: str


@dataclass
class _Found:
    rule: Rule
    problems: dict[str, str]
    versions: list[RuleVersion]
    runs: list[tuple[RuleRun, Event, str]]
    agents: list[Choice]
    leads: list[Choice]
    webhooks: list[Choice]
    names: dict[str, str]


class RuleState(Conditions, RuleActions, rx.State):
    """The rule that the address names."""

    rule_key: str = ""  # grows with every load: fields are drawn anew then, and only then
    name: str = ""
    agent: str = ALL
    agents: list[Choice] = []
    leads: list[Choice] = []
    trigger: str = ""
    initial: dict[str, str] = {}
    weekdays: list[int] = []
    webhook: str = ALL
    webhooks: list[Choice] = []
    stop_after: bool = False
    enabled: bool = False
    published: str = ""
    differs: bool = False
    sentence: str = ""
    problems: dict[str, str] = {}
    conflict: bool = False
    saved: str = ""
    versions: list[VersionLine] = []
    runs: list[RunLine] = []
    changes: list[Change] = []
    compared: str = ""
    _of_events: bool = True
    _revision: int = 0
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the rule and draw its fields."""
        self.rule_key, self.conflict, self.compared = "", False, ""
        await self._draw()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save one field as it is typed; what does not fit is said at the field."""
        if field in NUMBERS:
            if not (value.strip().isdecimal() and len(value) < 9):
                await self._wrong_at(field, "Enter a number.")
                return
            await self._save({field: int(value)})
        elif field in ("name", "trigger", "time", "agent_id", "webhook_id"):
            await self._save({field: "" if value == ALL else value})
        else:
            raise Invalid("This value cannot be taken.")

    @handler(Role.OPERATOR)
    async def choose_day(self, day: int, chosen: bool) -> None:
        """Let a schedule run on a day of the week, or not."""
        days = {*self.weekdays, day} if chosen else {*self.weekdays} - {day}
        await self._save({"weekdays": sorted(one for one in days if 1 <= one <= 7)})

    @handler(Role.OPERATOR)
    async def set_stop(self, stop: bool) -> None:
        """Let no rule run after this one, or let them."""
        await self._save({"stop_after": stop})

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Make the draft the version that runs."""
        try:
            version = await call(self, rules.DEFINITIONS.publish, self._id())
        except PlatformError as error:
            await self._refresh()
            return await say_error(self, error)
        await self._refresh()
        return await say(self, "Version {number} is published.", number=version.number)

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> Any:
        """Switch the rule on or off."""
        try:
            await call(self, rules.DEFINITIONS.switch, self._id(), enabled=enabled)
        except PlatformError as error:
            await self._refresh()
            return await say_error(self, error)
        await self._refresh()
        return None

    @handler(Role.OPERATOR)
    async def run_by_hand(self, lead_id: str) -> Any:
        """Run the published rule for a lead now; it waits for being run by hand."""
        await call(self, rules.run_by_hand, self._id(), lead_id)
        return await say(self, "The rule is on its way. See its runs.")

    @handler(Role.VIEWER)
    async def take_theirs(self) -> None:
        """Show the rule as somebody else left it."""
        self.conflict = False
        await self._draw()

    @handler(Role.VIEWER)
    async def compare(self, version_id: str) -> None:
        """Show what the draft has otherwise than a version."""
        reader, named = await reader_of(self), await look(self, names_of)
        found = await look(self, rules.DEFINITIONS.difference, self._id(), version_id)
        self.changes = []
        for change in found:
            before, after = change.before, change.after
            if change.field == "condition":
                before, after = (condition_of(side or {}, reader, named) for side in (before, after))
            if change.field == "actions":
                before, after = (
                    "; ".join(action_of(one, reader.language, named) for one in side or []) for side in (before, after)
                )
            words = translate(reader.language, FIELD_WORDS[change.field])
            self.changes.append(Change(words, worded(before, named)[:400], worded(after, named)[:400], []))
        self.compared = version_id

    @handler(Role.OPERATOR)
    async def restore(self, version_id: str) -> Any:
        """Put a version into the draft."""
        await call(self, rules.DEFINITIONS.restore_version, self._id(), version_id)
        await self._draw()
        return await say(self, "The draft is as that version was.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _save(self, changes: dict[str, Any]) -> None:
        try:
            row = await call(self, rules.DEFINITIONS.save, self._id(), changes, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            await self._wrong_at(error.field or next(iter(changes)), error.sentence, **error.values)
            return
        self._revision = row.revision
        await self._refresh()

    async def _wrong_at(self, field: str, sentence: str, **values: object) -> None:
        self.problems = self.problems | {field: translate((await person(self)).language, sentence, **values)}

    async def _draw(self) -> None:
        row = await look(self, rules.DEFINITIONS.get, self._id())
        rule = definition(row.draft)
        self.initial = {name: str(getattr(rule, name)) for name in (*NUMBERS, "time")} | {"name": row.name}
        await self._take_tree(rule.condition)
        await self._take_actions(rule.actions)
        await self._refresh()
        self._loads += 1
        self.rule_key = f"{row.id}-{self._loads}"

    async def _refresh(self) -> None:
        """Show how the rule stands; fields stay as they are typed."""
        identity, reader = await who(self), await reader_of(self)
        found, language = await look(self, _read, self._id()), reader.language
        row, rule = found.rule, definition(found.rule.draft)
        self.name, self.agent, self.trigger = row.name, row.agent_id or ALL, rule.trigger
        self.weekdays, self.stop_after = rule.weekdays, rule.stop_after
        self.webhook, self.webhooks = rule.webhook_id or ALL, found.webhooks
        self.enabled, self._revision = row.enabled, row.revision
        self.differs = row.draft != row.published
        number = row.published_number
        self.published = translate(language, "version {number}", number=number) if number else ""
        self.sentence = sentence_of(rule, reader, found.names)
        self.agents, self.leads, self.problems = found.agents, found.leads, found.problems
        clock = exact_time(language, row.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=clock)
        self.versions = [
            VersionLine(
                one.id, str(one.number), exact_time(language, one.published_at, identity.time_zone), one.published_by
            )
            for one in found.versions
        ]
        self.runs = [run_line(run, identity, language) for run, _, _ in found.runs[:10]]
        await self._draw_actions(found.problems)

    async def _keep_tree(self, tree: Tree) -> None:
        await self._save({"condition": tree})

    async def _keep_actions(self, listed: list[dict[str, Any]]) -> None:
        await self._save({"actions": listed})


def run_line(run: RuleRun, identity: Identity, language: str) -> RunLine:
    """Return a run as lists show it."""
    words, colour = STATES[run.state.value]
    return RunLine(
        run.id,
        run.event_id,
        translate(language, words),
        colour,
        relative_time(language, run.at, now()),
        exact_time(language, run.at, identity.time_zone),
    )


def _read(session: Transaction, who: Identity, rule_id: str) -> _Found:
    row = rules.DEFINITIONS.get(session, who, rule_id)
    agents, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    found, _ = leads.find(session, who, page_size=50)
    return _Found(
        row,
        rules.problems(session, who, row),
        rules.DEFINITIONS.versions(session, who, rule_id),
        log.runs(session, who, rule_id=rule_id),
        [Choice(one.id, one.name) for one in agents],
        [Choice(one.id, one.title) for one in found],
        [Choice(one.id, one.name) for one in webhooks.of_tenant(session, who)],
        names_of(session, who),
    )


__all__ = ["OFFERED", "TRIGGERS", "RuleState", "run_line"]
