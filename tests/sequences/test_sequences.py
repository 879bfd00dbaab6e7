"""Sequences: people come in, their steps are taken when they are due, each once, and they leave when they should."""

from datetime import timedelta

import pytest

from platform_app.automation import sequence_templates, steps
from platform_app.automation.input_fields import input_fields
from platform_app.db import session_scope
from platform_app.engine.enrollments import enrollments
from platform_app.engine.enrollments.enrollment_entry import EntryResult
from platform_app.engine.sequences import sequence_scheduler
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Conflict, NotFound, PlatformError
from platform_app.i18n import translate
from platform_app.jobs import KINDS
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.sequence import EnrollmentState, ExitReason, StepState
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads, tasks
from platform_app.state.feed import dashboard
from platform_app.state.jobs import jobs
from platform_app.state.sequences import sequence_words as w
from tests.rules.test_rules import a_rule
from tests.sequencing import (
    MONDAY,
    a_lead,
    a_sequence,
    after,
    at,
    do,
    enrolled,
    lines,
    run_until,
    taken,
    way,
    ways,
    when,
    work,
)
from tests.talking import a_stage, begin, call, conversation, events, say

WEEKDAYS = {"periods": [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "17:00"}]}


def test_the_reference_keeps_its_appointments(who: Identity) -> None:
    """Monday 18:00, two days and a window, two days: Thursday 09:00, Saturday 09:00."""
    sequence = a_sequence(who, do("mail", timing=after(2) | WEEKDAYS), do("push", timing=after(2)))
    with at(MONDAY):
        lead = a_lead(who)
        enrolled(who, sequence, lead)
    assert way(who).due_at.isoformat() == "2026-11-26T06:00:00+00:00"
    run_until(who, MONDAY, MONDAY + timedelta(days=6), hours=0.5)
    assert [(line.step_id, line.taken_at.isoformat()) for line in lines(who)] == [
        ("mail", "2026-11-26T06:00:00+00:00"),
        ("push", "2026-11-28T06:00:00+00:00"),
    ]
    assert way(who).state == EnrollmentState.FINISHED and events(who)[-1] == "sequence_finished"


def test_comes_in_by_its_event_when_the_condition_holds(who: Identity) -> None:
    a_sequence(
        who, do("one", timing=after(1)), trigger="lead_created", condition=when("lead.title", "contains", "bike")
    )
    a_lead(who, "Boat")
    lead = a_lead(who, "A bike")
    work(who)
    assert [(row.lead_id, row.state) for row in ways(who)] == [(lead, EnrollmentState.ACTIVE)]
    assert way(who).proof["holds"] is True and way(who).event_id


def test_whoever_replies_leaves_at_once(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)))
    lead = a_lead(who)
    enrolled(who, sequence, lead)
    talk = begin(who)
    call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=call(who, leads.get, lead).contact_id)
    say(who, talk)
    assert (way(who).state, way(who).leaving) == (EnrollmentState.LEFT, ExitReason.REPLIED)
    with at(way(who).entered_at + timedelta(days=2)):
        assert sequence_scheduler.run_due_steps() == 0
    assert taken(who) == [] and conversation(who, talk).lead_id == lead


def test_a_stage_takes_out_when_the_sequence_says_so(who: Identity) -> None:
    stays = a_sequence(who, do("one", timing=after(1)), leave_on_stage=False)
    leaves = a_sequence(who, do("one", timing=after(1)), leave_on_stage=True)
    lead = a_lead(who)
    (first,), (second,) = enrolled(who, stays, lead), enrolled(who, leaves, lead)
    call(who, leads.move_to_stage, lead, a_stage(who))
    assert way(who, first).state == EnrollmentState.ACTIVE
    assert (way(who, second).state, way(who, second).leaving) == (EnrollmentState.LEFT, ExitReason.STAGE)


def test_a_condition_takes_out_and_a_goal_ends_at_once(who: Identity) -> None:
    leaves = a_sequence(who, do("one", timing=after(1)), leave_if=when("lead.budget", "less", "10"))
    reaches = a_sequence(who, do("one", timing=after(1)), goal=when("lead.budget", "less", "10"))
    lead = a_lead(who)
    call(who, leads.save, lead, {"budget": "100"})
    (first,), (second,) = enrolled(who, leaves, lead), enrolled(who, reaches, lead)
    work(who)
    assert way(who, first).state == way(who, second).state == EnrollmentState.ACTIVE
    call(who, leads.save, lead, {"budget": "5"})
    work(who)
    assert (way(who, first).leaving, way(who, second).state) == (ExitReason.CONDITION, EnrollmentState.GOAL)
    assert way(who, first).proof["of"][0]["actual"] == "5.00"


def test_branches_and_what_is_passed_by(who: Identity) -> None:
    rich = {"id": "fork", "kind": "fork", "condition": when("lead.budget", "greater", "10")}
    sequence = a_sequence(
        who,
        rich | {"yes": [do("y")], "no": [do("n")]},
        do("only", only_if=when("lead.title", "contains", "nothing")),
        do("end"),
    )
    poor, wealthy = a_lead(who), a_lead(who)
    call(who, leads.save, wealthy, {"budget": "50"})
    (first, second) = enrolled(who, sequence, poor, wealthy)
    work(who)
    assert taken(who, first) == [("fork", "done"), ("n", "done"), ("only", "skipped"), ("end", "done")]
    assert taken(who, second) == [("fork", "done"), ("y", "done"), ("only", "skipped"), ("end", "done")]
    assert lines(who, second)[0].branch == "yes" and lines(who, second)[0].proof["holds"] is True


@pytest.mark.parametrize(("then", "state"), [("on", EnrollmentState.FINISHED), ("leave", EnrollmentState.LEFT)])
def test_waits_until_something_is_so_or_time_is_over(who: Identity, then: str, state: EnrollmentState) -> None:
    waits = {"id": "wait", "kind": "await", "condition": when("lead.budget", "greater", "10"), "at_most": "2 days"}
    sequence = a_sequence(who, waits | {"then": then}, do("end"))
    comes, never = a_lead(who), a_lead(who)
    with at(MONDAY):
        first, second = enrolled(who, sequence, comes, never)
        work(who)
        assert taken(who) == [] and way(who, first).since == MONDAY
    with at(MONDAY + timedelta(hours=5)):
        call(who, leads.save, comes, {"budget": "50"})
        work(who)
        assert way(who, first).state == EnrollmentState.FINISHED
        assert way(who, second).state == EnrollmentState.ACTIVE
    with at(MONDAY + timedelta(days=2, seconds=1)):
        work(who)
    assert way(who, second).state == state
    assert taken(who, second) == [("wait", "done"), *([("end", "done")] if then == "on" else [])]


def test_a_part_is_the_same_each_time(who: Identity) -> None:
    split = {"id": "split", "kind": "split", "percent": 30, "a": [do("a")], "b": [do("b")]}
    sequence = a_sequence(who, split, again="finished")
    people = [call(who, contacts.create, name=f"P{number}").id for number in range(60)]
    for _ in range(2):
        enrolled(who, sequence, *people)
        work(who)
    parts: dict[str, list[str]] = {}
    for row in ways(who):
        parts.setdefault(row.subject_id, []).append(lines(who, row.id)[0].branch)
    assert all(len(found) == 2 and len(set(found)) == 1 for found in parts.values())
    assert 5 <= sum(found[0] == "a" for found in parts.values()) <= 35


@pytest.mark.parametrize(("again", "counts"), [("never", (1, 1, 1)), ("finished", (1, 1, 2)), ("always", (1, 2, 3))])
def test_coming_again(who: Identity, again: str, counts: tuple[int, int, int]) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), again=again)
    lead = a_lead(who)
    with at(MONDAY):
        enrolled(who, sequence, lead)
        first = len(ways(who))
        enrolled(who, sequence, lead)
        second = len(ways(who))
    with at(MONDAY + timedelta(days=1, minutes=5)):
        work(who)
        enrolled(who, sequence, lead)
    assert (first, second, len(ways(who))) == counts
    assert sum(row.state == EnrollmentState.ACTIVE for row in ways(who)) <= 1


def test_pause_resume_skip_remove(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), do("two", timing=after(1)), do("three", timing=after(1)))
    lead = a_lead(who)
    with at(MONDAY):
        (row,) = enrolled(who, sequence, lead)
        call(who, enrollments.pause, row)
    with at(MONDAY + timedelta(days=3)):
        work(who)
        assert taken(who) == []
        call(who, enrollments.resume, row)
        work(who)
        assert taken(who) == [("one", "done")]
        call(who, enrollments.skip, row)
        assert taken(who)[-1] == ("two", "passed") and way(who).due_at == MONDAY + timedelta(days=4)
        call(who, enrollments.remove, row)
        assert way(who).leaving == ExitReason.REMOVED
        for act in (enrollments.pause, enrollments.resume, enrollments.skip, enrollments.remove, enrollments.retry):
            with pytest.raises(Conflict):
                call(who, act, row)


def test_switched_off_everybody_stands_still(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1, "minutes")))
    lead = a_lead(who)
    with at(MONDAY):
        enrolled(who, sequence, lead)
        call(who, DEFINITIONS.switch, sequence, enabled=False)
        with pytest.raises(Conflict):
            enrolled(who, sequence, a_lead(who))
    with at(MONDAY + timedelta(minutes=5)):
        work(who)
        assert taken(who) == [] and way(who).state == EnrollmentState.HELD
        call(who, DEFINITIONS.switch, sequence, enabled=True)
        work(who)
    assert taken(who) == [("one", "done")]


@pytest.mark.parametrize("delete", [False, True])
def test_whoever_came_in_while_it_was_switched_off_is_held(who: Identity, delete: bool) -> None:
    sequence = a_sequence(who, do("a"), do("b", timing=after(1)))
    (row,) = enrolled(who, sequence, a_lead(who))
    if delete:
        call(who, DEFINITIONS.delete, sequence)
    else:
        call(who, DEFINITIONS.switch, sequence, enabled=False)
    with session_scope(who.tenant_id) as session:  # written by somebody who saw it switched on
        enrollments.get(session, who, row, lock=True).state = EnrollmentState.ACTIVE
    work(who)
    assert (way(who, row).state, way(who, row).step_id, lines(who)) == (EnrollmentState.HELD, "a", [])
    if delete:
        call(who, DEFINITIONS.restore, sequence)
    call(who, DEFINITIONS.switch, sequence, enabled=True)
    work(who)
    assert (way(who, row).step_id, taken(who, row)) == ("b", [("a", "done")])


def test_a_step_that_fails_is_shown_and_can_be_tried_again(who: Identity) -> None:
    sequence = a_sequence(who, do("say", {"kind": "send_message", "text": "Hello"}), do("end"))
    lead = a_lead(who)
    (row,) = enrolled(who, sequence, lead)
    work(who)
    assert way(who).state == EnrollmentState.FAILED and taken(who) == [("say", "failed")]
    assert lines(who)[0].error == "No conversation with this lead or contact."
    talk = begin(who)
    call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=None)
    call(who, enrollments.retry, row)
    work(who)
    assert way(who).state == EnrollmentState.FINISHED and taken(who) == [("say", "done"), ("end", "done")]


def test_rules_let_in_and_take_out(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)))
    a_rule(who, "lead_created", {"kind": "start_sequence", "sequence_id": sequence})
    lead = a_lead(who)
    work(who)
    assert way(who).state == EnrollmentState.ACTIVE and way(who).depth == 1
    a_rule(who, "lead_updated", {"kind": "stop_sequence", "sequence_id": sequence})
    call(who, leads.save, lead, {"budget": "7"})
    work(who)
    assert way(who).leaving == ExitReason.STOPPED


def test_a_sequence_starts_another_again_once_it_has_ended(who: Identity) -> None:
    inner = a_sequence(who, do("note"), again="finished", name="Inner")
    start = {"kind": "start_sequence", "sequence_id": inner}
    again = do("again", start, timing=after(1))
    outer = a_sequence(who, do("first", start), again, trigger="lead_created", name="Outer")
    with at(MONDAY):
        a_lead(who)
        work(who)
    with at(MONDAY + timedelta(days=1)):
        work(who)
    assert [row.state for row in ways(who) if row.sequence_id == outer] == [EnrollmentState.FINISHED]
    found = [row for row in ways(who) if row.sequence_id == inner]
    assert [(row.state, row.depth) for row in found] == [(EnrollmentState.FINISHED, 1)] * 2


def test_sequences_that_start_each_other_stop(who: Identity) -> None:
    sequence = a_sequence(who, do("one"), again="always", trigger="task_created")
    row = call(who, DEFINITIONS.get, sequence)
    call(
        who,
        DEFINITIONS.save,
        sequence,
        {"steps": [do("one", {"kind": "create_task", "text": "Again"})]},
        revision=row.revision,
    )
    call(who, DEFINITIONS.publish, sequence)
    call(who, tasks.create, text="First", lead_id=a_lead(who))
    work(who)
    assert [found.depth for found in ways(who)] == [0, 1, 2, 3, 4]


def test_of_another_tenant_there_is_none(who: Identity, other: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)))
    (row,) = enrolled(who, sequence, a_lead(who))
    theirs = a_sequence(other, do("one"))
    for act in (
        enrollments.get,
        enrollments.pause,
        enrollments.resume,
        enrollments.skip,
        enrollments.remove,
        enrollments.retry,
        enrollments.history,
    ):
        with pytest.raises(NotFound):
            call(other, act, row)
    for act in (DEFINITIONS.get, DEFINITIONS.publish, DEFINITIONS.delete, DEFINITIONS.versions, DEFINITIONS.duplicate):
        with pytest.raises(NotFound):
            call(other, act, sequence)
    with pytest.raises(PlatformError):
        call(other, enrollments.enroll, sequence, [a_lead(other)])
    assert call(other, enrollments.preview, theirs, [a_lead(who)]) and not call(
        other, enrollments.enroll, theirs, [a_lead(who)]
    )


def test_everything_that_a_sequence_is_made_of_has_its_russian() -> None:
    spoken = [
        words
        for table in (
            w.ZONES,
            w.UNITS,
            w.DELAYS,
            w.EXIT_REASONS,
            w.ENDS,
            w.BRANCHES,
        )
        for words in table.values()
    ]
    spoken += [words for table in (w.STATES, w.STEP_STATES, w.ENTRIES) for words, _ in table.values()]
    spoken += [*w.SHORT_DAYS.values(), *DEFINITIONS.messages.done.values()]
    spoken += [steps.label(kind) for kind in steps.STEPS]
    spoken += [one.label for step in steps.STEPS.values() for one in input_fields(step)]
    spoken += [template.name for template in sequence_templates.TEMPLATES.values()]
    spoken += [*jobs.KIND_LABELS.values(), *(words for _, words in dashboard.KINDS.values())]
    assert not [said for said in spoken if translate("ru", said) == said and said != "Test"]


def test_every_kind_is_named() -> None:
    assert set(jobs.KIND_LABELS) == set(KINDS) and set(dashboard.KINDS) == set(ActivityKind)
    assert set(w.STATES) == set(EnrollmentState) and set(w.EXIT_REASONS) == set(ExitReason)
    assert set(w.STEP_STATES) == set(StepState) and set(w.ENTRIES) == set(EntryResult)
    assert set(w.ICONS) == set(steps.STEPS)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", list(sequence_templates.TEMPLATES))
def test_every_template_can_be_published(who: Identity, name: str, language: str) -> None:
    row = call(who, DEFINITIONS.create, name=name, draft=sequence_templates.draft(name, language))
    assert call(who, lambda session, who: DEFINITIONS.problems(session, who, row)) == {}
    call(who, DEFINITIONS.publish, row.id)
    call(who, DEFINITIONS.switch, row.id, enabled=True)
    enrolled(who, row.id, a_lead(who))
    run_until(who, MONDAY, MONDAY, 1)
