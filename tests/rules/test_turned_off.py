"""Turned off: an action of a rule or a step of a sequence is kept, shown as turned off, and performed by nothing."""

from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.engine.actions.send_forecasts import sending_actions
from platform_app.engine.rules import dry_run, rule_runs, rules
from platform_app.engine.sequences import sequence_backtest, sequence_trial
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid
from platform_app.models.person import Identity
from platform_app.models.sequence import StepState
from platform_app.services.crm import contacts, leads
from platform_app.state.rules.rule_words import describe_actions
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import a_lead, a_sequence, after, at, do, enrolled, lines, way, when, work
from tests.talking import a_stage, call, run_jobs

ONE, TWO = {"kind": "add_tag", "tag": "one"}, {"kind": "add_tag", "tag": "two"}
FAULTY = {"kind": "add_tag", "tag": ""}


def off(data: dict[str, object]) -> dict[str, object]:
    return data | {"off": True}


def test_an_action_that_is_turned_off_is_logged_and_not_performed(who: Identity) -> None:
    rule = a_rule(who, "contact_created", off(ONE), TWO, off(FAULTY))
    row = call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert call(who, contacts.get, row.id).tags == ["two"]
    (run,) = runs(who)
    assert [line["state"] for line in run.actions] == [rule_runs.OFF, "done", rule_runs.OFF]
    tried = call(who, dry_run.dry_run, rule, run.event_id, draft=False)
    assert [(action.is_off, action.possible) for action in tried.actions] == [(True, True), (False, True), (True, True)]
    words = describe_actions([off(ONE), TWO], "en", {})
    assert words == "add a tag: “one” (turned off); add a tag: “two”"
    assert sending_actions([off({"kind": "send_message", "text": "Hi"})]) == []


def test_a_run_that_failed_does_not_perform_it_when_tried_again(who: Identity) -> None:
    a_rule(who, "contact_created", off(ONE), {"kind": "change_stage", "stage_id": a_stage(who)})
    row = call(who, contacts.create, name="Anna")
    run_jobs(who)
    call(who, rule_runs.retry, runs(who)[0].id)
    run_jobs(who)
    assert [line["state"] for line in runs(who)[0].actions] == [rule_runs.OFF, "failed"]
    assert call(who, contacts.get, row.id).tags == []


def test_something_has_to_be_left_to_do(who: Identity) -> None:
    rule = call(who, rules.DEFINITIONS.create, name="R", draft={"trigger": "contact_created", "actions": [off(ONE)]})
    assert call(who, rules.problems, rule) == {"actions": "All actions are turned off. Turn one on."}
    sequence = call(who, DEFINITIONS.create, name="S", draft={"steps": [off(do("a"))]})
    assert call(who, DEFINITIONS.problems, sequence) == {"steps": "All steps are turned off. Turn one on."}
    with pytest.raises(Invalid):
        call(who, DEFINITIONS.publish, sequence.id)


def test_a_step_that_is_turned_off_is_passed_when_it_is_due_with_its_branches(who: Identity) -> None:
    inner = do("y", {"kind": "add_tag", "tag": "inner"})
    fork = {"id": "f", "kind": "fork", "condition": when("lead.title", "contains", "bike"), "yes": [inner], "no": []}
    steps = (off(do("a", FAULTY, timing=after(1))), off(fork), do("z", timing=after(1)))
    sequence = a_sequence(who, *steps)
    lead = a_lead(who, "A bike")
    enrolled(who, sequence, lead)
    entered = way(who).entered_at
    with at(entered + timedelta(days=3)):
        work(who)
    assert [(line.step_id, line.state) for line in lines(who)] == [
        ("a", StepState.OFF),
        ("f", StepState.OFF),
        ("z", StepState.DONE),
    ]
    assert call(who, leads.get, lead).tags == [] and way(who).step_id == ""
    simulated = call(who, sequence_trial.try_sequence, sequence, at=now(), subject_id=lead)
    assert [(line.step_id, line.decision.is_off) for line in simulated.simulation.steps] == [
        ("a", True),
        ("f", True),
        ("z", False),
    ]
    assert list(simulated.previews) == ["z"]


def test_a_backtest_counts_no_step_that_is_turned_off(who: Identity) -> None:
    sequence = a_sequence(who, off(do("a")), do("z"), trigger="lead_created")
    a_lead(who)
    work(who)
    result = call(who, sequence_backtest.backtest, sequence, days=7)
    assert (result.entered, dict(result.steps)) == (1, {"z": 1})
