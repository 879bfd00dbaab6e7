"""Sequences' pages: kept as typed, tried on somebody, followed with their numbers, acted on one by one and all."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.models.person import Identity, Role
from platform_app.state.sequences.enrollment import EnrollmentPageState
from platform_app.state.sequences.enrollments import EnrollmentsState
from platform_app.state.sequences.sequence import SequenceState
from platform_app.state.sequences.sequence_calendar import SequenceCalendarState
from platform_app.state.sequences.sequence_statistics import SequenceStatisticsState
from platform_app.state.sequences.sequence_trial import SequenceTrialState
from platform_app.state.sequences.sequences import SequencesState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.sequencing import a_lead, a_sequence, after, do, enrolled, publish_anew, way, ways, when, work
from tests.talking import call


async def opened(tab: Tab, path: str, state: Any, name: str = "loaded") -> None:
    """Open a page and wait until it is drawn."""
    await tab.goto(f"/manage/acme/{path}", settle=False)
    await tab.until(lambda: seen(tab, state, name))


async def test_the_list_finds_switches_copies_deletes_and_brings_back(who: Identity) -> None:
    first = a_sequence(who, do("a"), name="Alpha")
    a_sequence(who, do("a"), name="Beta")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "sequences?q=alp", SequencesState)
        assert ([row.name for row in tab.get(SequencesState, "rows")], tab.get(SequencesState, "total")) == (
            ["Alpha"],
            2,
        )
        await tab.send(SequencesState.set_search(""), settle=False)
        await tab.until(lambda: len(seen(tab, SequencesState, "rows")) == 2)
        await tab.send(SequencesState.switch(first, False), settle=False)
        await tab.until(lambda: not seen(tab, SequencesState, "rows")[0].enabled)
        await tab.send(SequencesState.duplicate(first), settle=False)
        await tab.until(lambda: [row.name for row in seen(tab, SequencesState, "rows")][2:] == ["Alpha (copy)"])
        await tab.send(SequencesState.delete(first), settle=False)
        await tab.until(lambda: len(seen(tab, SequencesState, "rows")) == 2)
        await tab.send(SequencesState.undo, settle=False)
        await tab.until(lambda: seen(tab, SequencesState, "rows")[0].name == "Alpha")
        await tab.send(SequencesState.create("no such template"), settle=False)
        await tab.send(SequencesState.create("come_back"), settle=False)
        await tab.until(lambda: "/manage/acme/sequences/" in tab.scripts())
    made = call(who, DEFINITIONS.of_tenant)
    assert [row.name for row in made] == ["Alpha", "Beta", "Alpha (copy)", "Win-back"]
    assert [row.enabled for row in made] == [False, True, False, False]


async def test_the_builder_keeps_what_is_typed_and_says_what_does_not_fit(who: Identity, other: Identity) -> None:
    theirs = a_sequence(other, do("a"), name="Theirs")
    mine = a_sequence(who, do("a"), name="Mine")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{mine}", SequenceState, "form_key")
        for name, value in (("pace", "many"), ("name", " "), ("pace", "0")):
            await tab.send(SequenceState.save(name, value), settle=False)
            await tab.until(lambda name=name: name in seen(tab, SequenceState, "problems"))
        for name in ("tenant_id", "steps", "published", "enabled", "is_demo", "leave_on_reply"):
            await tab.send(SequenceState.save(name, other.tenant_id), settle=False)
        await tab.send(SequenceState.save("late", "skip"), settle=False)
        await tab.send(SequenceState.set_leave_switch("leave_on_stage", True), settle=False)
        await tab.send(SequenceState.set_leave_switch("enabled", True), settle=False)
        await tab.send(SequenceState.add_step("", "do:add_tag"), settle=False)
        await tab.until(lambda: len(seen(tab, SequenceState, "steps")) == 2 and seen(tab, SequenceState, "field_lines"))
        await tab.send(SequenceState.publish, settle=False)
        await tab.until(lambda: "Complete the sequence first." in tab.scripts())
        await tab.send(SequenceState.set_action_field("tag", "warm"), settle=False)
        await tab.until(lambda: "warm" in seen(tab, SequenceState, "sentence"))
        await tab.send(SequenceState.publish, settle=False)
        await tab.until(lambda: seen(tab, SequenceState, "published") == "version 2")
        oldest = tab.get(SequenceState, "versions")[-1].id
        await tab.send(SequenceState.compare(oldest), settle=False)
        await tab.until(lambda: {one.field for one in seen(tab, SequenceState, "changes")} >= {"Steps", "Late steps"})
        await tab.send(SequenceState.restore(oldest), settle=False)
        await tab.until(lambda: len(seen(tab, SequenceState, "steps")) == 1)
        await opened(tab, f"sequences/{theirs}", SequenceState, "sentence")
        await tab.send(SequenceState.save("name", "Mine now"), settle=False)
    row = call(who, DEFINITIONS.get, mine)
    assert (row.name, row.draft["late"], len(row.draft["steps"]), len(row.published["steps"])) == (
        "Mine",
        "spread",
        1,
        2,
    )
    assert (row.published["late"], row.published["leave_on_stage"], row.published["pace"]) == ("skip", True, 10)
    assert call(other, DEFINITIONS.get, theirs).name == "Theirs"


async def test_the_open_step_is_removed_alone_or_with_its_branch(who: Identity) -> None:
    fork = {"id": "f", "kind": "fork", "condition": when("lead.budget", "greater", "10"), "yes": [do("y")], "no": []}
    sequence = a_sequence(who, do("a"), fork, do("z"))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceState, "form_key")
        for inner, gone, left in (("a", "a", ["f", "y", "z"]), ("y", "f", ["z"])):
            await tab.send(SequenceState.open_step(inner), settle=False)
            await tab.until(lambda inner=inner: seen(tab, SequenceState, "opened") == inner)
            await tab.send(SequenceState.remove_step(gone), settle=False)
            await tab.until(lambda left=left: steps_of(tab) == left and seen(tab, SequenceState, "opened") == "")
        await tab.send(SequenceState.add_step("", "do:write_note"), settle=False)
        await tab.until(lambda: len(steps_of(tab)) == 2 and seen(tab, SequenceState, "opened"))
        assert "isn’t allowed" not in tab.scripts() and tab.errors == []


def steps_of(tab: Tab) -> list[str]:
    """Return the ids of the steps that a page shows."""
    return [line.id for line in seen(tab, SequenceState, "steps") if not line.is_branch]


async def test_simulated_for_nobody_and_for_somebody_with_what_ifs(who: Identity) -> None:
    sequence = a_sequence(who, do("a"), do("b", timing=after(3)), leave_on_reply=True)
    lead = a_lead(who)
    given = {"at": "2026-11-23T18:00", "lead": "", "reply_day": "", "stage_day": "", "stage": ""}
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceTrialState, "leads")
        await tab.send(SequenceTrialState.simulate(given), settle=False)
        await tab.until(lambda: len(seen(tab, SequenceTrialState, "calendar")) == 2)
        days = tab.get(SequenceTrialState, "calendar")
        assert [day.when for day in days] == ["Mon, Nov 23, 18:00", "Thu, Nov 26, 18:00"]
        assert [day.result for day in days] == ["", ""], "of nobody it cannot be said what a step would do"
        await tab.send(SequenceTrialState.simulate(given | {"lead": lead, "reply_day": "2"}), settle=False)
        await tab.until(lambda: len(seen(tab, SequenceTrialState, "calendar")) == 1)
        assert tab.get(SequenceTrialState, "calendar")[0].result
        assert "Wed, Nov 25, 18:00" in tab.get(SequenceTrialState, "end")
        for wrong, said in (
            ({"at": "tomorrow"}, "Enter a date and a time of day."),
            ({"reply_day": "soon"}, "Enter a number of days."),
            ({"stage_day": "1"}, "Choose a stage."),
        ):
            await tab.send(SequenceTrialState.simulate(given | wrong), settle=False)
            await tab.until(lambda said=said: seen(tab, SequenceTrialState, "problem") == said)
    assert ways(who) == []


async def test_numbers_name_every_step_taken_or_not(who: Identity) -> None:
    fork = {"id": "f", "kind": "fork", "condition": when("lead.budget", "greater", "10"), "yes": [do("y")], "no": []}
    sequence = a_sequence(who, do("a"), fork, do("z", timing=after(9)))
    enrolled(who, sequence, a_lead(who))
    work(who)
    publish_anew(who, sequence, steps=[do("new")])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}/numbers", SequenceStatisticsState)
        steps = tab.get(SequenceStatisticsState, "steps")
        cards = {one.words: one.count for one in tab.get(SequenceStatisticsState, "cards")}
    assert [step.version + step.taken for step in steps] == ["11", "11", "10", "10", "20"]
    assert "new" in steps[-1].words
    assert "10" in steps[1].words and "Add a note" not in steps[1].words
    assert steps[1].branch == "No"
    assert (cards["Enrolled"], cards["Active"]) == ("1", "1")


async def test_ways_are_acted_on_one_by_one_and_all(who: Identity) -> None:
    sequence = a_sequence(who, do("a", timing=after(1)), do("b", timing=after(1)))
    one, two, three = enrolled(who, sequence, a_lead(who, "One"), a_lead(who, "Two"), a_lead(who, "Three"))
    viewer = make_member(who, Role.VIEWER)
    async with Tab(sign_in(viewer)) as tab:
        await opened(tab, "sequences/enrollments", EnrollmentsState)
        assert len(tab.get(EnrollmentsState, "rows")) == 3
        await tab.send(EnrollmentsState.act("remove", True), settle=False)
        await opened(tab, f"sequences/enrollments/{one}", EnrollmentPageState)
        await tab.send(EnrollmentPageState.act("remove"), settle=False)
        await opened(tab, "sequences/calendar", SequenceCalendarState)
    assert {row.state.value for row in ways(who)} == {"active"}
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/enrollments?sequence={sequence}", EnrollmentsState)
        await tab.send(EnrollmentsState.select_row(one, True), settle=False)
        await tab.send(EnrollmentsState.act("pause", False), settle=False)
        await tab.until(lambda: "1 enrollment changed" in tab.scripts())
        await tab.send(EnrollmentsState.act("resume", True), settle=False)
        await tab.until(lambda: "1 enrollment changed. 2 left as they were" in tab.scripts())
        await tab.send(EnrollmentsState.act("pause", True), settle=False)
        await tab.until(lambda: "3 enrollments changed" in tab.scripts())
        await tab.send(EnrollmentsState.filter_by("state", "paused"), settle=False)
        await tab.until(lambda: len(seen(tab, EnrollmentsState, "rows")) == 3)
        await tab.send(EnrollmentsState.act("erase", True), settle=False)
        await opened(tab, f"sequences/enrollments/{two}", EnrollmentPageState)
        await tab.send(EnrollmentPageState.act("resume"), settle=False)
        await tab.until(lambda: seen(tab, EnrollmentPageState, "can_pause"))
        await tab.send(EnrollmentPageState.act("skip"), settle=False)
        await tab.until(lambda: len(seen(tab, EnrollmentPageState, "history")) == 1)
        await opened(tab, f"sequences/enrollments/{three}", EnrollmentPageState)
        await tab.send(EnrollmentPageState.act("remove"), settle=False)
        await tab.until(lambda: not seen(tab, EnrollmentPageState, "can_remove"))
    assert [way(who, row).state.value for row in (one, two, three)] == ["paused", "active", "left"]
    assert way(who, two).step_id == "b"


async def test_all_that_the_filters_show_are_acted_on_batch_by_batch(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = a_sequence(who, do("a", timing=after(1)))
    rows = [enrolled(who, sequence, a_lead(who))[0] for _ in range(7)]
    call(who, enrollments.pause, rows[3])
    monkeypatch.setattr(enrollments, "BATCH_SIZE", 2)
    monkeypatch.setattr(enrollments, "PAGE_SIZE", 3)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "sequences/enrollments", EnrollmentsState)
        assert (len(tab.get(EnrollmentsState, "rows")), tab.get(EnrollmentsState, "total")) == (3, 7)
        await tab.send(EnrollmentsState.act("pause", True), settle=False)
        await tab.until(lambda: "6 enrollments changed. 1 left as it was" in tab.scripts())
        assert {row.state.value for row in ways(who)} == {"paused"}
        await opened(tab, "sequences/enrollments?state=paused", EnrollmentsState)
        await tab.send(EnrollmentsState.act("resume", True), settle=False)
        await tab.until(lambda: "7 enrollments changed" in tab.scripts())
    assert {row.state.value for row in ways(who)} == {"active"}


async def test_holidays_are_added_and_taken_away_and_what_is_due_is_listed(who: Identity) -> None:
    sequence = a_sequence(who, do("a", timing=after(3)))
    enrolled(who, sequence, a_lead(who, "Bike"))
    day = (now() + timedelta(days=1)).date().isoformat()
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "sequences/calendar", SequenceCalendarState)
        found = [line for one in tab.get(SequenceCalendarState, "days") for line in one.steps]
        assert [line.subject for line in found] == ["Bike"]
        await tab.send(SequenceCalendarState.add_holiday({"day": "someday", "name": "x"}), settle=False)
        await tab.until(lambda: seen(tab, SequenceCalendarState, "problem") == "Enter a date.")
        await tab.send(SequenceCalendarState.add_holiday({"day": day, "name": "Rest"}), settle=False)
        await tab.until(lambda: [one.name for one in seen(tab, SequenceCalendarState, "holidays")] == ["Rest"])
        holiday = tab.get(SequenceCalendarState, "holidays")[0].id
        await tab.send(SequenceCalendarState.remove_holiday(holiday), settle=False)
        await tab.until(lambda: seen(tab, SequenceCalendarState, "holidays") == [])
