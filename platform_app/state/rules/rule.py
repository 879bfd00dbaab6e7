"""Rule: the editor of a rule: trigger, conditions, actions and limits."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.rules import RULE_FORM, parse_rule
from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.actions import window_checks
from platform_app.engine.definitions import Definitions
from platform_app.engine.rules import rule_runs, rules
from platform_app.errors import Invalid
from platform_app.form_fields import Control, field_labels
from platform_app.i18n import exact_time, relative_time, sentence_case, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule, RuleRun, RuleVersion
from platform_app.services.crm import leads
from platform_app.services.webhooks import incoming_webhooks
from platform_app.state.console.base import call, current_identity, fetch, handler, success_toast
from platform_app.state.console.browser import focus
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.condition_tree import Tree
from platform_app.state.rules.conditions import ConditionBuilder
from platform_app.state.rules.definition_editor import ALL, DefinitionEditor
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.row_focus import focus_faulty_condition
from platform_app.state.rules.rule_actions import ADD_ACTION, ActionBuilder
from platform_app.state.rules.rule_words import (
    STATES,
    TRIGGER_CODES,
    TRIGGERS,
    describe_actions,
    describe_conditions,
    describe_rule,
)

COOLDOWN_UNITS = {"minutes": 1, "hours": 60, "days": 1_440}  # minutes of each
USUAL_LIMITS = {"daily_cap": 5, "cooldown_minutes": 30}
WEEKDAYS_ID = "weekday-1"  # of the first day
_MOST_MINUTES = 60 * 24 * 365
NUMBER_FIELDS = tuple(name for name, shown in RULE_FORM.items() if shown.control == Control.NUMBER)


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
class _PageData:
    rule: Rule
    problems: dict[str, str]
    warnings: dict[str, str]  # of actions that a channel may hold back
    versions: list[RuleVersion]
    runs: list[tuple[RuleRun, Event, str]]
    agents: list[Option]
    leads: list[Option]
    webhooks: list[Option]
    names: dict[str, str]


class RuleState(DefinitionEditor, ConditionBuilder, ActionBuilder, rx.State):
    """The rule in the address."""

    leads: list[Option] = []
    weekdays: list[int] = []
    webhook: str = ALL
    agent_name: str = ""
    webhooks: list[Option] = []
    stop_after: bool = False
    daily_cap: int = 0
    has_cooldown: bool = False
    cooldown_count: str = ""  # of units, as typed
    cooldown_unit: str = "minutes"
    runs: list[RunLine] = []
    _has_event: bool = True

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save a field, or show the problem at the field. Raises Invalid if the field is unknown."""
        if field in NUMBER_FIELDS:
            if not (value.strip().isdecimal() and len(value) < 9):
                await self._show_problem(field, RULE_FORM[field].problem)
                return
            await self._save({field: int(value)})
        elif field in ("name", "trigger", "time", "agent_id", "webhook_id"):
            await self._save({field: "" if value == ALL else value})
        else:
            raise Invalid("This value isn’t allowed.")

    @handler(Role.OPERATOR)
    async def toggle_day(self, day: int, selected: bool) -> None:
        """Add a day of the week, 1 is Monday, to the schedule, or take it out."""
        days = {*self.weekdays, day} if selected else {*self.weekdays} - {day}
        await self._save({"weekdays": sorted(weekday for weekday in days if 1 <= weekday <= 7)})

    @handler(Role.OPERATOR)
    async def set_stop_after(self, stop: bool) -> None:
        """Set whether later rules are skipped after this one."""
        await self._save({"stop_after": stop})

    @handler(Role.OPERATOR)
    async def set_limit(self, name: str, on: bool) -> None:
        """Turn the daily limit or the cooldown on with its usual value, or off. Raises Invalid for another field."""
        if name not in USUAL_LIMITS:
            raise Invalid("This value isn’t allowed.")
        if name == "cooldown_minutes":
            self.cooldown_count, self.cooldown_unit = in_units(USUAL_LIMITS[name])
        await self._save({name: USUAL_LIMITS[name] if on else 0})

    @handler(Role.OPERATOR)
    async def set_cooldown_count(self, count: str) -> None:
        """Set the number of units of the cooldown, or show the problem."""
        await self._save_cooldown(count.strip(), self.cooldown_unit)

    @handler(Role.OPERATOR)
    async def set_cooldown_unit(self, unit: str) -> None:
        """Set the unit of the cooldown. Raises Invalid if it is unknown."""
        if unit not in COOLDOWN_UNITS:
            raise Invalid("This value isn’t allowed.")
        await self._save_cooldown(self.cooldown_count, unit)

    async def _save_cooldown(self, count: str, unit: str) -> None:
        self.cooldown_count, self.cooldown_unit = count[:10], unit
        number = parse_whole(count, _MOST_MINUTES // COOLDOWN_UNITS[unit])
        if number is None:
            await self._show_problem("cooldown_minutes", RULE_FORM["cooldown_minutes"].problem)
            return
        await self._save({"cooldown_minutes": number * COOLDOWN_UNITS[unit]})

    @handler(Role.OPERATOR)
    async def run_by_hand(self, lead_id: str) -> Any:
        """Run the published rule for a lead now; it waits for being run by hand."""
        await call(self, rules.run_manually, self._id(), lead_id)
        return await success_toast(self, "Rule started. See its run history.")

    def _definitions(self) -> Definitions[Any, Any]:
        return rules.DEFINITIONS

    def _field_labels(self) -> dict[str, str]:
        return field_labels(RULE_FORM)

    def _describe_field(self, field: str, value: Any, context: ViewContext, named: dict[str, str]) -> Any:
        if field == "condition":
            return sentence_case(describe_conditions(value or {}, context, named))
        if field == "actions":
            return sentence_case(describe_actions(value or [], context.language, named))
        return value

    async def _fill_form(self, row: Rule) -> None:
        rule = parse_rule(row.draft)
        self.initial = {name: str(getattr(rule, name)) for name in (*NUMBER_FIELDS, "time")} | {"name": row.name}
        self.cooldown_count, self.cooldown_unit = in_units(rule.cooldown_minutes or USUAL_LIMITS["cooldown_minutes"])
        await self._load_tree(rule.condition)
        await self._load_actions(rule.actions)

    async def _refresh(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        page = await fetch(self, _read, self._id())
        rule = parse_rule(page.rule.draft)
        await self._set_status(page.rule, page.versions)
        self.weekdays, self.stop_after, self.daily_cap = rule.weekdays, rule.stop_after, rule.daily_cap
        self.has_cooldown = rule.cooldown_minutes > 0
        self.agent_name = page.names.get(page.rule.agent_id or "", "")
        self.webhook, self.webhooks = rule.webhook_id or ALL, page.webhooks
        if rule.webhook_id and rule.webhook_id not in {option.id for option in page.webhooks}:
            self.webhooks = [*page.webhooks, Option(rule.webhook_id, translate(context.language, "Deleted webhook"))]
        self.sentence = describe_rule(rule, context, page.names)
        self.agents, self.leads, self.problems = page.agents, page.leads, page.problems
        self.runs = [run_line(run, identity, context.language) for run, _, _ in page.runs[:10]]
        await self._draw_actions(page.problems, page.warnings, page.names)

    async def _reveal_problems(self) -> None:
        self._quiet = set()
        await self._reveal_conditions()

    async def _show_problem_place(self) -> Any:
        for name, place in (("weekdays", WEEKDAYS_ID), ("webhook_id", "webhook_id")):
            if name in self.problems:
                return focus(place)
        if "condition" in self.problems:
            return focus_faulty_condition(self._area(), self.tree_key)
        return focus(ADD_ACTION) if "actions" in self.problems else await self._show_faulty_action()

    async def _save_tree(self, tree: Tree) -> None:
        await self._save({"condition": tree})

    async def _save_actions(self, listed: list[dict[str, Any]]) -> None:
        await self._save({"actions": listed})


def in_units(minutes: int) -> tuple[str, str]:
    """Return minutes, at least one, as a number of the largest unit that measures them."""
    unit = max((unit for unit, size in COOLDOWN_UNITS.items() if minutes % size == 0), key=COOLDOWN_UNITS.__getitem__)
    return str(minutes // COOLDOWN_UNITS[unit]), unit


def run_line(run: RuleRun, identity: Identity, language: str) -> RunLine:
    """Return the line of a run."""
    words, colour = STATES[run.state.value]
    return RunLine(
        run.id,
        run.event_id,
        translate(language, words),
        colour,
        relative_time(language, run.at, now(), identity.time_zone),
        exact_time(language, run.at, identity.time_zone),
    )


def _read(session: Transaction, who: Identity, rule_id: str) -> _PageData:
    row = rules.DEFINITIONS.get(session, who, rule_id)
    listed, _ = leads.list_leads(session, who, page_size=50)
    return _PageData(
        row,
        rules.problems(session, who, row),
        window_checks.rule_warnings(session, who, str(row.draft["trigger"]), row.draft["actions"]),
        rules.DEFINITIONS.versions(session, who, rule_id),
        rule_runs.list_runs(session, who, rule_id=rule_id),
        agent_options(session, who),
        [Option(lead.id, lead.title) for lead in listed],
        [Option(webhook.id, webhook.name) for webhook in incoming_webhooks.list_webhooks(session, who)],
        names_by_id(session, who),
    )


__all__ = ["TRIGGER_CODES", "TRIGGERS", "RuleState", "run_line"]
