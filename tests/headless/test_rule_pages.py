"""Rules' pages: a viewer sees and cannot change; what is forged is refused; bad input is said at its field."""

from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.engine.rules import rule_runs, rules
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.services.crm import contacts, leads
from platform_app.state.feed.event import EventState
from platform_app.state.feed.events import EventsState
from platform_app.state.rules.rule import RuleState
from platform_app.state.rules.rule_trial import RuleTrialState
from platform_app.state.rules.rules import RulesState
from platform_app.state.rules.run import RunPageState as RunPage
from platform_app.state.rules.runs import RunsState
from tests.conftest import make_member, make_tenant
from tests.headless.harness import Tab, sign_in
from tests.rules.test_rules import a_rule, is_rich, runs
from tests.talking import a_stage, call, run_jobs

CHANGES_OF_ROWS: tuple[Any, ...] = (
    RuleState.set_limit("daily_cap", True),
    RuleState.set_cooldown_count("5"),
    RuleState.set_cooldown_unit("days"),
    RuleState.copy_condition("0"),
    RuleState.insert_action(0, "hand_off"),
    RuleState.copy_action(0),
)


def seen(tab: Tab, state: Any, name: str) -> Any:
    """Return a variable as the browser holds it, or nothing before it came."""
    try:
        return tab.get(state, name)
    except KeyError:
        return None


def stored(who: Identity) -> list[dict[str, Any]]:
    """Return the rules as they are kept."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Rule, who.tenant_id).order_by(Rule.id)
        return [row.model_dump() for row in session.exec(query).all()]


def changes(rule: str, failing: str, lead: str) -> tuple[Any, ...]:
    """Return every event of the rules' pages that would change something."""
    return (
        RulesState.create(""),
        RulesState.create("night"),
        RulesState.switch(rule, False),
        RulesState.move(failing, True),
        RulesState.drop(failing, rule),
        RulesState.duplicate(rule),
        RulesState.copy_to(rule, "none"),
        RulesState.delete(rule),
        RulesState.undo,
        RuleState.save("name", "Mine"),
        RuleState.toggle_day(1, True),
        RuleState.set_stop_after(True),
        RuleState.publish,
        RuleState.switch(False),
        RuleState.run_by_hand(lead),
        RuleState.restore("x"),
        RuleState.add_condition("", False),
        RuleState.remove_condition("0"),
        RuleState.move_condition("0", True),
        RuleState.drop_condition("0", ""),
        RuleState.set_match("", "any"),
        RuleState.set_fact("0", "lead.title"),
        RuleState.set_operator("0", "empty"),
        RuleState.set_value("0", "9"),
        RuleState.add_value("0", "9"),
        RuleState.toggle_option("0", "9", True),
        RuleState.add_action("hand_off"),
        RuleState.remove_action(0),
        RuleState.move_action(0, False),
        RuleState.drop_action("0", "1"),
        RuleState.set_action_field(1, "tag", "mine"),
        RuleState.select_action_field(1, "tag", "mine"),
        RunPage.retry,
        *CHANGES_OF_ROWS,
    )


async def test_a_viewer_sees_all_of_it_and_changes_nothing(database: str) -> None:
    who = make_tenant("acme")
    viewer = make_member(who, Role.VIEWER)
    actions = ({"kind": "change_stage", "stage_id": a_stage(who)}, {"kind": "add_tag", "tag": "x"})
    rule = a_rule(who, "contact_created", *actions, condition=is_rich("1"))
    failing = a_rule(who, "contact_created", *actions)
    call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who))
    run_jobs(who)
    failed = next(run for run in runs(who) if run.state == RunState.FAILED)
    before = stored(who)
    async with Tab(sign_in(viewer)) as tab:
        for path, state, name in (
            ("rules", RulesState, "rows"),
            (f"rules/{rule}", RuleState, "sentence"),
            ("rules/runs", RunsState, "rows"),
            (f"rules/runs/{failed.id}", RunPage, "view"),
            ("events", EventsState, "rows"),
            (f"events/{failed.event_id}?rule={rule}", EventState, "trial"),
        ):
            await tab.goto(f"/manage/acme/{path}", settle=False)
            await tab.until(lambda state=state, name=name: seen(tab, state, name))
        await tab.goto(f"/manage/acme/rules/{rule}", settle=False)
        await tab.until(lambda: seen(tab, RuleState, "form_key") and seen(tab, RuleTrialState, "events"))
        await tab.send(RuleTrialState.dry_run_event(failed.event_id), settle=False)
        await tab.until(lambda: seen(tab, RuleTrialState, "result").words)
        for event in changes(rule, failing, lead.id):
            await tab.send(event, settle=False)
        await tab.goto("/manage/acme/rules/runs", settle=False)
        await tab.until(lambda: seen(tab, RunsState, "rows"))
    assert stored(who) == before
    assert next(run for run in runs(who) if run.id == failed.id).state == RunState.FAILED


async def test_what_is_forged_is_refused_and_bad_input_said_at_its_field(who: Identity, other: Identity) -> None:
    theirs = call(other, rules.DEFINITIONS.create, name="Theirs", draft={"trigger": "contact_created"})
    mine = call(who, rules.DEFINITIONS.create, name="Mine", draft={"trigger": "contact_created"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/rules/{theirs.id}", settle=False)
        await tab.send(RuleState.save("name", "Mine now"), settle=False)
        await tab.send(RulesState.delete(theirs.id), settle=False)
        await tab.goto(f"/manage/acme/rules/{mine.id}", settle=False)
        await tab.until(lambda: seen(tab, RuleState, "form_key"))
        for name in ("tenant_id", "id", "published", "enabled", "position", "draft", "is_demo"):
            await tab.send(RuleState.save(name, other.tenant_id), settle=False)
        for name, value in (("minutes", "many"), ("cooldown_minutes", "-1"), ("daily_cap", "1e9"), ("name", "  ")):
            await tab.send(RuleState.save(name, value), settle=False)
            await tab.until(lambda name=name: name in seen(tab, RuleState, "problems"))
        await tab.send(RuleState.add_action("change_stage"), settle=False)
        await tab.until(lambda: seen(tab, RuleState, "action_lines"))
        await tab.send(RuleState.set_action_field(0, "stage_id", a_stage(other)), settle=False)
        gone = "This item was deleted. Choose another."
        await tab.until(lambda: seen(tab, RuleState, "problems").get("action.0.stage_id") == gone)
        await tab.send(RuleState.publish, settle=False)
        await tab.until(lambda: "Complete the rule first." in tab.scripts())
    kept = call(who, rules.DEFINITIONS.get, mine.id)
    assert (kept.tenant_id, kept.enabled, kept.published, kept.name) == (who.tenant_id, False, {}, "Mine")
    assert call(other, rules.DEFINITIONS.get, theirs.id).name == "Theirs"


async def test_the_log_and_the_events_are_filtered_and_turned(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_runs, "PAGE_SIZE", 2)
    one = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    a_rule(who, "tag_added", {"kind": "create_task", "text": "Call", "user_id": "", "days": ""})
    for name in ("Anna", "Boris", "Clara"):
        call(who, contacts.create, name=name)
    run_jobs(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/rules/runs?rule={one}", settle=False)
        await tab.until(lambda: len(seen(tab, RunsState, "rows") or []) == 2)
        await tab.send(RunsState.go_to_page(2), settle=False)
        await tab.until(lambda: len(seen(tab, RunsState, "rows")) == 1)
        await tab.until(lambda: '"page": "2"' in tab.scripts().replace("\\", ""))
        await tab.send(RunsState.filter_rule("all"), settle=False)
        await tab.send(RunsState.filter_kind("tag_added"), settle=False)
        await tab.until(lambda: {row.trigger for row in seen(tab, RunsState, "rows")} == {"Tag added"})
        await tab.goto("/manage/acme/events?kind=task_created&led=rules", settle=False)
        await tab.until(lambda: len(seen(tab, EventsState, "rows") or []) == 3)
        await tab.send(EventsState.filter_cause("people"), settle=False)
        await tab.until(lambda: seen(tab, EventsState, "rows") == [])
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(RuleRun, who.tenant_id)).all()) == 6
