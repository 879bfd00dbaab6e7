"""Rules: fire on events, in their order, once; say why; obey cooldown, cap, depth and switch."""

import re
from pathlib import Path
from typing import Any

import pytest

from platform_app.automation import rule_templates
from platform_app.automation.conditions import parse_conditions
from platform_app.automation.input_fields import input_fields
from platform_app.automation.rules import parse_rule
from platform_app.db import owned, session_scope
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS
from platform_app.engine.rules import rule_runs, rules
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.i18n import translate
from platform_app.models.event import Activity, Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from platform_app.services.crm import contacts, leads
from platform_app.state.rules import rule_words
from platform_app.state.rules import run as run_state
from tests.talking import a_stage, call, run_jobs


def a_rule(who: Identity, trigger: str, *actions: dict[str, Any], **more: Any) -> str:
    """Write a rule, publish it and switch it on; return its id."""
    draft = {"trigger": trigger, "actions": list(actions)} | more
    row = call(
        who,
        rules.DEFINITIONS.create,
        name=more.pop("name", "Rule"),
        draft={k: v for k, v in draft.items() if k != "name"},
    )
    call(who, rules.DEFINITIONS.publish, row.id)
    call(who, rules.DEFINITIONS.switch, row.id, enabled=True)
    return str(row.id)


def runs(who: Identity) -> list[RuleRun]:
    """Return every run, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(RuleRun, who.tenant_id).order_by(RuleRun.at, RuleRun.place)).all())


def is_rich(amount: str) -> dict[str, Any]:
    """Return a condition on the budget."""
    leaf = {"kind": "condition", "fact": "lead.budget", "operator": "greater", "value": amount}
    return {"kind": "group", "match": "all", "of": [leaf]}


def test_fires_and_says_why_it_did_or_did_not(who: Identity) -> None:
    stage = a_stage(who)
    a_rule(who, "lead_created", {"kind": "add_tag", "tag": "big"}, condition=is_rich("1000"))
    small = call(who, leads.create, title="Small", stage_id=stage, budget="10")
    large = call(who, leads.create, title="Large", stage_id=stage, budget="5000")
    run_jobs(who)
    assert call(who, leads.get, small.id).tags == []
    assert call(who, leads.get, large.id).tags == ["big"]
    first, second = runs(who)
    assert (first.state, first.fired, second.state, second.fired) == (RunState.CONDITION, False, RunState.DONE, True)
    assert first.proof["of"][0]["actual"] == "10.00" and first.proof["of"][0]["expected"] == "1000"
    assert first.change[0]["fact"] == "lead.budget" and first.change[0]["is_to_hold"]
    assert second.actions[0]["state"] == "done" and second.actions[0]["values"] == {"text": "big"}


def sentences(who: Identity) -> list[str]:
    """Return the recent updates, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.sentence for row in session.exec(owned(Activity, who.tenant_id).order_by(Activity.id)).all()]


def test_in_order_until_one_lets_none_run_after_it(who: Identity) -> None:
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "one"})
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "two"}, stop_after=True)
    last = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "three"})
    row = call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert call(who, contacts.get, row.id).tags == ["one", "two"]
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.DONE, RunState.STOPPED]
    call(who, rules.DEFINITIONS.move, last, up=True, among=[one.id for one in call(who, rules.DEFINITIONS.of_tenant)])
    row = call(who, contacts.create, name="Boris")
    run_jobs(who)
    assert call(who, contacts.get, row.id).tags == ["one", "three", "two"]


def test_an_action_that_fails_stops_its_rule_alone_and_can_be_tried_again(who: Identity) -> None:
    a_rule(
        who,
        "contact_created",
        {"kind": "add_tag", "tag": "before"},
        {"kind": "change_stage", "stage_id": a_stage(who)},
        {"kind": "add_tag", "tag": "after"},
    )
    a_rule(who, "contact_created", {"kind": "create_task", "text": "Call {{ contact.name }}", "days": "2"})
    row = call(who, contacts.create, name="Anna")
    run_jobs(who)
    failed, done = runs(who)
    assert failed.state == RunState.FAILED and done.state == RunState.DONE
    assert [line["state"] for line in failed.actions] == ["done", "failed", "waiting"]
    assert failed.actions[1]["error"] == "The event has no lead."
    assert call(who, contacts.get, row.id).tags == ["before"]
    assert "Rule “{name}” failed: {reason}" in sentences(who)
    call(who, rule_runs.retry, failed.id)
    run_jobs(who)
    assert runs(who)[0].actions[0]["state"] == "done" and runs(who)[0].state == RunState.FAILED
    with pytest.raises(Conflict):
        call(who, rule_runs.retry, done.id)


def test_cooldown_for_one_lead_or_contact_and_a_cap_for_the_day(who: Identity) -> None:
    a_rule(who, "tag_added", {"kind": "create_task", "text": "Calm"}, cooldown_minutes=60)
    a_rule(who, "tag_added", {"kind": "create_task", "text": "Capped"}, daily_cap=2)
    anna, boris = (call(who, contacts.create, name=name) for name in ("Anna", "Boris"))
    for row in (anna, boris, anna, boris):
        held = call(who, contacts.get, row.id).tags
        call(who, contacts.save, row.id, {"tags": [*held, f"tag {len(held)}"]})
        run_jobs(who)
    states = {(run.place, run.state.value) for run in runs(who)}
    assert states == {(0, "done"), (0, "cooldown"), (1, "done"), (1, "capped")}
    fired = [run for run in runs(who) if run.fired]
    assert sorted(run.place for run in fired) == [0, 0, 1, 1]


def test_rules_that_feed_each_other_stop_at_depth_five_and_say_so(who: Identity) -> None:
    a_rule(who, "tag_added", {"kind": "remove_tag", "tag": "ping"}, {"kind": "add_tag", "tag": "ping"})
    call(who, contacts.create, name="Anna", tags="ping")
    run_jobs(who)
    assert [run.state.value for run in runs(who)] == ["done"] * 5 + ["too_deep"]
    with session_scope(who.tenant_id, read_only=True) as session:
        depths = session.exec(owned(Event, who.tenant_id).where(Event.kind == EventKind.TAG_ADDED)).all()
    assert sorted(event.depth for event in depths) == [0, 1, 2, 3, 4, 5]
    assert "Rule “{name}” was stopped: rules triggered each other 5 times" in sentences(who)


def test_switched_off_takes_effect_on_what_waits(who: Identity) -> None:
    rule = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    row = call(who, contacts.create, name="Anna")
    call(who, rules.DEFINITIONS.switch, rule, enabled=False)
    run_jobs(who)
    assert call(who, contacts.get, row.id).tags == [] and runs(who) == []
    call(who, rules.DEFINITIONS.switch, rule, enabled=True)
    other = call(who, contacts.create, name="Boris")
    run_jobs(who)
    assert call(who, contacts.get, other.id).tags == ["x"]


def test_a_draft_is_published_when_it_is_complete_and_comes_back_from_its_versions(who: Identity) -> None:
    row = call(who, rules.DEFINITIONS.create, name="Rule")
    with pytest.raises(Invalid):
        call(who, rules.DEFINITIONS.publish, row.id)
    with pytest.raises(Conflict):
        call(who, rules.DEFINITIONS.switch, row.id, enabled=True)
    wrong = {"actions": [{"kind": "send_message", "text": "{{ nobody }}"}, {"kind": "change_stage", "stage_id": ""}]}
    row = call(who, rules.DEFINITIONS.save, row.id, wrong, revision=row.revision)
    found = call(who, rules.problems, row)
    assert set(found) == {"action.0.text", "action.1.stage_id"}
    row = call(who, rules.DEFINITIONS.save, row.id, {"actions": [{"kind": "hand_off"}]}, revision=row.revision)
    version = call(who, rules.DEFINITIONS.publish, row.id)
    row = call(who, rules.DEFINITIONS.save, row.id, {"daily_cap": 3, "name": "Other"}, revision=row.revision)
    (change,) = call(who, rules.DEFINITIONS.compare_versions, row.id, version.id)
    assert (change.field, change.before, change.after) == ("daily_cap", 0, 3)
    call(who, rules.DEFINITIONS.restore_version, row.id, version.id)
    assert call(who, rules.DEFINITIONS.get, row.id).draft["daily_cap"] == 0
    with pytest.raises(Conflict):
        call(who, rules.DEFINITIONS.save, row.id, {"daily_cap": 5}, revision=0)
    with pytest.raises(Invalid):
        call(
            who,
            rules.DEFINITIONS.save,
            row.id,
            {"tenant_id": "x"},
            revision=call(who, rules.DEFINITIONS.get, row.id).revision,
        )


def test_of_another_tenant_there_is_none(who: Identity, other: Identity) -> None:
    rule = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    call(other, contacts.create, name="Theirs")
    call(who, contacts.create, name="Mine")
    run_jobs(other)
    run_jobs(who)
    (run,) = runs(who)
    assert runs(other) == []
    for act, given, named in (
        (rules.DEFINITIONS.get, (rule,), {}),
        (rules.DEFINITIONS.save, (rule, {"name": "x"}), {"revision": 0}),
        (rules.DEFINITIONS.publish, (rule,), {}),
        (rules.DEFINITIONS.switch, (rule,), {"enabled": False}),
        (rules.DEFINITIONS.delete, (rule,), {}),
        (rules.DEFINITIONS.restore, (rule,), {}),
        (rules.DEFINITIONS.duplicate, (rule,), {}),
        (rules.DEFINITIONS.versions, (rule,), {}),
        (rule_runs.get, (run.id,), {}),
        (rule_runs.retry, (run.id,), {}),
    ):
        with pytest.raises(NotFound):
            call(other, act, *given, **named)
    assert call(other, rules.DEFINITIONS.of_tenant) == [] and call(other, rule_runs.list_runs) == []


def test_everything_that_a_rule_is_made_of_has_its_russian() -> None:
    said = [*rule_words.TRIGGERS.values(), *(words for words, _ in rule_words.STATES.values())]
    said += [*run_state.ACTION_STATES.values(), *BUILT_IN_FIELDS.values()]
    said += [template.name for template in rule_templates.TEMPLATES.values()]
    said += [sentence for _, sentence in rule_runs._SENTENCES.values()]
    for kind in actions.ACTIONS:
        said += [
            actions.label(kind),
            actions.note(kind),
            *(one.label for one in input_fields(actions.ACTIONS[kind])),
        ]
    source = "".join(path.read_text() for path in Path(actions.__file__).parent.glob("*.py"))
    said += re.findall(r'ActionPlan\(\s*"([^"]+)"', source) + re.findall(r'SureFailure\("([^"]+)"', source)
    lacking = [words for words in said if translate("ru", words) == words]
    assert lacking == []
    for name in rule_templates.TEMPLATES:
        for language in ("ru", "en"):
            draft = parse_rule(rule_templates.draft(name, language))
            assert parse_conditions(draft.condition) is not None
            assert {one["kind"] for one in draft.actions} <= actions.ACTIONS.keys()
