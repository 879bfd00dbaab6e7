"""Versions of sequences: people inside finish theirs or are moved; clocks and zones that jump change nothing."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.event import listen

from platform_app.db import owned, owned_update, session_scope, unscoped_update
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequence_scheduler, sequences
from platform_app.engine.sequences.sequences import DEFINITIONS, VersionMove
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.person import Identity, Tenant
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep, ExitReason, SequenceVersion
from platform_app.services.agents import agents
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads, merge_contacts
from platform_app.services.demo import demo_removal
from tests.sequencing import (
    MONDAY,
    a_lead,
    a_sequence,
    after,
    at,
    do,
    enrolled,
    lines,
    publish_anew,
    run_until,
    taken,
    way,
    ways,
    when,
    work,
)
from tests.talking import a_stage, add_agent, begin, call, events

A, B, C, D = (do(name, timing=after(1)) for name in "abcd")


def test_people_inside_finish_their_version(who: Identity) -> None:
    sequence = a_sequence(who, A, B)
    first, second = a_lead(who), a_lead(who)
    with at(MONDAY):
        enrolled(who, sequence, first)
        publish_anew(who, sequence, steps=[C, D])
        enrolled(who, sequence, second)
    run_until(who, MONDAY, MONDAY + timedelta(days=2), hours=6)
    old, new = ways(who)
    assert (old.version, taken(who, old.id)) == (1, [("a", "done"), ("b", "done")])
    assert (new.version, taken(who, new.id)) == (2, [("c", "done"), ("d", "done")])


def test_each_lands_where_the_preview_says(who: Identity) -> None:
    wait = {"id": "w", "kind": "await", "condition": when("lead.budget", "greater", "10"), "at_most": "9 days"}
    sequence = a_sequence(who, A, B, wait, C)
    at_a, at_b, at_w, paused = (a_lead(who) for _ in range(4))
    with at(MONDAY):
        (waits,) = enrolled(who, sequence, at_w)
        call(who, enrollments.skip, waits)
        call(who, enrollments.skip, waits)
        work(who)
        (second,) = enrolled(who, sequence, at_b)
        call(who, enrollments.skip, second)
        (first,) = enrolled(who, sequence, at_a)
        (stands,) = enrolled(who, sequence, paused)
        call(who, enrollments.pause, stands)
        publish_anew(who, sequence, steps=[do("a", timing=after(3)), wait, D])
        assert call(who, sequences.preview_version_moves, sequence) == [
            VersionMove("a", 1, "a", 2),
            VersionMove("b", 1, "w", 1),
            VersionMove("w", 1, "w", 1),
        ]
        assert way(who, first).version == 1  # a preview changes nothing
        assert call(who, sequences.move_to_newest_version, sequence) == 4
        assert (
            call(who, sequences.preview_version_moves, sequence) == []
            and call(who, sequences.move_to_newest_version, sequence) == 0
        )
    assert way(who, first).due_at == MONDAY + timedelta(days=3)
    assert (way(who, second).step_id, way(who, second).due_at) == ("w", MONDAY)
    assert (way(who, waits).since, way(who, waits).due_at) == (MONDAY, MONDAY + timedelta(days=9))
    assert way(who, stands).state == EnrollmentState.PAUSED
    run_until(who, MONDAY, MONDAY + timedelta(days=11), hours=6)
    assert taken(who, second) == [("a", "passed"), ("w", "done"), ("d", "done")]


def test_who_would_land_where_is_counted_without_a_lock(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = a_sequence(who, A, B)
    enrolled(who, sequence, *[a_lead(who) for _ in range(5)])
    call(who, enrollments.skip, ways(who)[0].id)
    publish_anew(who, sequence, steps=[A, C])
    asked: list[Any] = []
    with session_scope(who.tenant_id) as session:
        listen(session, "do_orm_execute", lambda state: asked.append(state.statement))
        found = sequences.preview_version_moves(session, who, sequence)
        assert not any(isinstance(row, Enrollment) for row in session)
    assert found == [VersionMove("a", 1, "a", 4), VersionMove("b", 1, "", 1)]
    assert asked and all(one._for_update_arg is None for one in asked)
    monkeypatch.setattr(sequences, "BATCH_SIZE", 2)
    counts = [call(who, sequences.move_to_newest_version, sequence) for _ in range(4)]
    assert counts == [2, 2, 1, 0] and {row.version for row in ways(who)} == {2}
    assert [row.state for row in ways(who)] == [EnrollmentState.FINISHED, *[EnrollmentState.ACTIVE] * 4]


def test_whoever_waits_has_the_new_ways_out(who: Identity) -> None:
    wait = {"id": "w", "kind": "await", "condition": when("lead.budget", "greater", "10"), "at_most": "9 days"}
    sequence = a_sequence(who, wait, leave_on_reply=True, leave_on_stage=False)
    (row,) = enrolled(who, sequence, a_lead(who))
    work(who)
    since = way(who).since
    publish_anew(who, sequence, leave_on_reply=False, leave_on_stage=True)
    call(who, sequences.move_to_newest_version, sequence)
    assert since is not None and way(who).since == since
    call(who, leads.move_to_stage, way(who).lead_id, a_stage(who))
    assert (way(who, row).state, way(who, row).leaving) == (EnrollmentState.LEFT, ExitReason.STAGE)


def test_whoever_stands_behind_the_new_end_has_finished(who: Identity) -> None:
    sequence = a_sequence(who, A, B)
    (row,) = enrolled(who, sequence, a_lead(who))
    call(who, enrollments.skip, row)
    publish_anew(who, sequence, steps=[A])
    assert call(who, sequences.preview_version_moves, sequence) == [VersionMove("b", 1, "", 1)]
    call(who, sequences.move_to_newest_version, sequence)
    assert way(who).state == EnrollmentState.FINISHED and "sequence_finished" in events(who)


def test_moved_into_the_past_nobody_gets_a_burst(who: Identity) -> None:
    sequence = a_sequence(who, do("a", timing=after(9)), pace=1, late="spread")
    with at(MONDAY):
        enrolled(who, sequence, *[a_lead(who) for _ in range(3)])
    start = MONDAY + timedelta(days=5)
    with at(start):
        publish_anew(who, sequence, steps=[A])
        call(who, sequences.move_to_newest_version, sequence)
    run_until(who, start, start + timedelta(minutes=3), hours=1 / 60)
    assert [line.taken_at for line in lines(who)] == [start + timedelta(minutes=number) for number in range(3)]


def test_copied_compared_and_restored(who: Identity) -> None:
    sequence = a_sequence(who, A, pace=7, name="First")
    publish_anew(who, sequence, steps=[B], pace=9)
    newest, oldest = call(who, DEFINITIONS.versions, sequence)
    assert (newest.number, oldest.number) == (2, 1)
    changed = {change.field for change in call(who, DEFINITIONS.compare_versions, sequence, oldest.id)}
    assert changed == {"steps", "pace"}
    assert call(who, DEFINITIONS.compare_versions, sequence, newest.id) == []
    copy = call(who, DEFINITIONS.duplicate, sequence)
    assert (copy.name, copy.enabled, copy.published_number, copy.draft["pace"]) == ("First (copy)", False, 0, 9)
    row = call(who, DEFINITIONS.restore_version, sequence, oldest.id)
    assert row.draft["pace"] == 7 and row.published["pace"] == 9
    with pytest.raises(NotFound):
        call(who, DEFINITIONS.restore_version, copy.id, oldest.id)
    with pytest.raises(Conflict):
        call(who, DEFINITIONS.switch, copy.id, enabled=True)


def test_holidays_move_what_comes_after_them(who: Identity) -> None:
    sequence = a_sequence(who, do("a", timing=after(1) | {"not_on_holidays": True}))
    tuesday = (MONDAY + timedelta(days=1)).date()
    held = call(who, sequences.add_holiday, tuesday, "  Day   off ")
    with pytest.raises(Conflict):
        call(who, sequences.add_holiday, tuesday, "")
    with at(MONDAY):
        enrolled(who, sequence, a_lead(who))
    assert way(who).due_at == MONDAY.replace(hour=21) + timedelta(days=1)  # Wednesday, 00:00 in Moscow
    assert [one.name for one in call(who, sequences.holidays)] == ["Day off"]
    call(who, sequences.remove_holiday, held.id)
    with at(MONDAY):
        enrolled(who, sequence, a_lead(who))
    assert ways(who)[-1].due_at == MONDAY + timedelta(days=1)
    assert isinstance(held.day, date)


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(hours=-1)], ids=["a day on", "an hour back"])
def test_a_clock_that_jumps_takes_nothing_twice_and_skips_nothing(who: Identity, jump: timedelta) -> None:
    sequence = a_sequence(who, *[do(name, timing=after(6, "hours")) for name in "abcdef"], late="spread", pace=600)
    with at(MONDAY):
        enrolled(who, sequence, *[a_lead(who) for _ in range(3)])
    run_until(who, MONDAY, MONDAY + timedelta(hours=13), hours=0.5)
    seen = MONDAY + timedelta(hours=13) + jump
    run_until(who, seen, seen + timedelta(minutes=20), hours=1 / 60)
    run_until(who, MONDAY + timedelta(hours=13), MONDAY + timedelta(hours=90), hours=0.5)  # and it is put right again
    for row in ways(who):
        assert taken(who, row.id) == [(name, "done") for name in "abcdef"]
        assert row.state == EnrollmentState.FINISHED
    assert all(line.taken_at >= line.due_at for line in lines(who))


def test_another_zone_of_the_tenant_counts_from_the_next_step_on(who: Identity) -> None:
    nine = {"periods": [{"days": [1, 2, 3, 4, 5, 6, 7], "start": "09:00", "end": "10:00"}]}
    sequence = a_sequence(who, do("a", timing=nine), do("b", timing=after(1) | nine))
    with at(MONDAY):
        enrolled(who, sequence, a_lead(who))
    planned = way(who).due_at
    with session_scope(reason="tests") as session:
        session.execute(unscoped_update(Tenant).values(time_zone="Asia/Vladivostok"))
    with at(MONDAY + timedelta(hours=1)):
        work(who)
    assert way(who).due_at == planned == MONDAY.replace(hour=6) + timedelta(days=1)
    run_until(who, MONDAY, MONDAY + timedelta(days=4), hours=0.5)
    assert [line.taken_at for line in lines(who)] == [planned, MONDAY.replace(hour=23) + timedelta(days=2)]


def merged(who: Identity) -> tuple[str, str]:
    """Write two contacts that are one person; return their ids."""
    one, two = (call(who, contacts.create, name="Anna").id for _ in range(2))
    return str(one), str(two)


def test_merged_contacts_go_on_as_one(who: Identity) -> None:
    first, second = a_sequence(who, A, name="One"), a_sequence(who, A, name="Two")
    kept, other = merged(who)
    (both,), (gone,), (moved,) = enrolled(who, first, kept), enrolled(who, first, other), enrolled(who, second, other)
    lead = call(who, leads.create, title="Bike", stage_id=stage_of(who), contact_id=other).id
    (of_lead,) = enrolled(who, second, lead)
    call(who, merge_contacts.merge, kept, other)
    assert (way(who, gone).state, way(who, both).state) == (EnrollmentState.LEFT, EnrollmentState.ACTIVE)
    assert (way(who, moved).contact_id, way(who, moved).subject_id) == (kept, kept)
    assert (way(who, of_lead).contact_id, way(who, of_lead).subject_id) == (kept, lead)
    talk = begin(who)
    call(who, conversations.set_test_context, talk, lead_id=None, contact_id=kept)
    call(who, conversations.receive, talk, "Hello")
    assert {row.state for row in ways(who)} == {EnrollmentState.LEFT}


def stage_of(who: Identity) -> str:
    lead = call(who, leads.get, a_lead(who, "Other"))
    return str(lead.stage_id)


def test_a_reply_in_a_talk_about_the_lead_takes_its_contact_out(who: Identity) -> None:
    sequence = a_sequence(who, A)
    lead = a_lead(who)
    enrolled(who, sequence, call(who, leads.get, lead).contact_id)
    talk = begin(who)
    call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=None)
    call(who, conversations.receive, talk, "Hello")
    assert way(who).state == EnrollmentState.LEFT


def test_whoever_failed_and_began_anew_is_inside_once(who: Identity) -> None:
    sequence = a_sequence(who, do("say", {"kind": "send_message", "text": "Hello"}), again="finished")
    lead = a_lead(who)
    (failed,) = enrolled(who, sequence, lead)
    work(who)
    publish_anew(who, sequence, steps=[A])
    (row,) = enrolled(who, sequence, lead)
    for act in (enrollments.retry, enrollments.skip):
        with pytest.raises(Conflict, match="already"):
            call(who, act, failed)
    call(who, enrollments.remove, row)
    call(who, enrollments.retry, failed)


def broken(who: Identity, sequence_id: str, steps: list[dict[str, Any]]) -> None:
    """Let the published versions hold what the platform does not know any more."""
    with session_scope(who.tenant_id) as session:
        for version in session.exec(owned(SequenceVersion, who.tenant_id)).all():
            version.content = version.content | {"steps": steps}
        row = DEFINITIONS.get(session, who, sequence_id)
        row.published = row.published | {"steps": steps}


UNKNOWN = [
    ([{"id": "a", "kind": "dance"}], "A step can’t be read."),
    ([{"id": "z", "kind": "do", "action": {"kind": "write_note", "text": "x"}}], "A step can’t be read."),
    ([{"id": "a", "kind": "do", "action": {"kind": "dance"}}], "An action can’t be read."),
]


@pytest.mark.parametrize(("steps", "sentence"), UNKNOWN)
def test_what_is_not_known_any_more_fails_in_words(
    who: Identity, other: Identity, steps: list[dict[str, Any]], sentence: str
) -> None:
    sequence = a_sequence(who, A, trigger="contact_created")
    theirs = a_sequence(other, A)
    with at(MONDAY):
        (row,) = enrolled(who, sequence, a_lead(who))
        enrolled(other, theirs, a_lead(other))
        work(who)
        waiting = len(ways(who))
        broken(who, sequence, steps)
        call(who, contacts.create, name="Late")
        work(who)
    with at(MONDAY + timedelta(days=1)):
        work(who)
    assert way(who, row).state == EnrollmentState.FAILED and waiting
    assert lines(who, row)[0].error == sentence
    assert way(other).state == EnrollmentState.FINISHED  # the drain goes on
    for act, given in (
        (sequences.preview_version_moves, sequence),
        (enrollments.history, row),
        (enrollments.retry, row),
    ):
        try:
            call(who, act, given)
        except (Conflict, Invalid) as error:
            assert error.sentence
    publish_anew(who, sequence, steps=[A, B])
    call(who, sequences.preview_version_moves, sequence)
    call(who, sequences.move_to_newest_version, sequence)


def test_a_step_that_nobody_foresaw_fails_alone(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = a_sequence(who, A)
    with at(MONDAY):
        first, second = enrolled(who, sequence, a_lead(who), a_lead(who))
    scene_of = sequence_scheduler.action_context

    def fails(session: Any, row: Enrollment) -> Any:
        if row.id == first:
            raise RuntimeError("out of the blue")
        return scene_of(session, row)

    monkeypatch.setattr(sequence_scheduler, "action_context", fails)
    with at(MONDAY + timedelta(days=1)):
        work(who)
    assert (way(who, first).state, lines(who, first)[0].error) == (EnrollmentState.FAILED, "Something went wrong.")
    assert way(who, second).state == EnrollmentState.FINISHED


def test_an_agent_that_is_deleted_lets_its_steps_fail_in_words(who: Identity) -> None:
    agent = add_agent(who)
    say = do("say", {"kind": "send_message", "text": "Hello"}, timing=after(1))
    sequence = a_sequence(who, say)
    talk = call(who, conversations.create, agent, is_live=True).id
    lead = a_lead(who)
    call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=None)
    with at(MONDAY):
        enrolled(who, sequence, lead)
        call(who, agents.delete, agent)
    with at(MONDAY + timedelta(days=1)):
        work(who)
    assert (way(who).state, lines(who)[0].error) == (
        EnrollmentState.FAILED,
        ("Agent not found. It may have been deleted."),
    )


def test_the_demo_goes_with_its_sequences_and_ways(who: Identity) -> None:
    agent, lead = add_agent(who), a_lead(who)
    own, bound = a_sequence(who, A, name="Own"), a_sequence(who, A, name="Of the agent")
    row = call(who, DEFINITIONS.get, bound)
    call(who, DEFINITIONS.save, bound, {"agent_id": agent}, revision=row.revision)
    enrolled(who, bound, a_lead(who))
    enrolled(who, own, lead)
    (stays,) = enrolled(who, own, a_lead(who))
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(agents.Agent, who.tenant_id).values(is_demo=True))
        gone = owned_update(leads.Lead, who.tenant_id).where(leads.Lead.id == lead)
        session.execute(gone.values(is_demo=True))
    call(who, demo_removal.remove)
    assert [one.id for one in ways(who)] == [stays]
    assert [one.name for one in call(who, DEFINITIONS.of_tenant)] == ["Own"]
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(EnrollmentStep, who.tenant_id)).all() == []
