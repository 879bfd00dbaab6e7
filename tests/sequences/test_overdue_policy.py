"""Late steps: after a stop of days each setting does what it says, and nothing is late while a worker lives."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import overdue_policy, sequence_scheduler, sequences
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Conflict
from platform_app.models.person import Identity
from platform_app.models.sequence import EnrollmentState
from platform_app.services.crm import contacts
from tests.conftest import make_tenant
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
from tests.talking import activities, call

HOURS: dict[str, Any] = {"periods": [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "17:00"}]}
NINE = MONDAY.replace(hour=6)  # of Monday in Moscow
TOLD = "Steps of “{name}” were due while nothing ran: they go out one after another"


def people(who: Identity, count: int) -> list[str]:
    """Write contacts; return their ids."""
    return [str(call(who, contacts.create, name=f"P{number}").id) for number in range(count)]


def minutes(who: Identity, since: Any) -> list[float]:
    """Return how many minutes after a moment each step was taken, in order."""
    return sorted((line.taken_at - since).total_seconds() / 60 for line in lines(who))


def test_they_go_out_one_after_another_at_their_pace(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), late="spread", pace=4)
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 10))
    start = MONDAY + timedelta(days=4)  # the stop was three days long
    run_until(who, start, start + timedelta(minutes=5), hours=1 / 240)
    assert minutes(who, start) == [number / 4 for number in range(10)]
    assert all(line.due_at == MONDAY + timedelta(days=1) for line in lines(who))
    assert activities(who).count(TOLD) == 1


def test_they_go_out_within_their_windows(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1, "hours") | HOURS), late="spread", pace=1)
    with at(NINE):
        enrolled(who, sequence, *people(who, 7))
    start = NINE + timedelta(days=4, hours=7, minutes=57)  # Friday, three minutes before the window closes
    run_until(who, start, start + timedelta(minutes=6), hours=1 / 60)
    monday = NINE + timedelta(days=7)
    run_until(who, monday - timedelta(minutes=2), monday + timedelta(minutes=6), hours=1 / 60)
    assert minutes(who, start) == [0, 1, 2, *[(monday - start).total_seconds() / 60 + number for number in range(4)]]


def test_a_late_step_leaves_the_distance_to_the_next_as_it_is(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), do("two", timing=after(1)), late="spread", pace=60)
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 2))
    start = MONDAY + timedelta(days=4)
    with at(start + timedelta(seconds=1)):
        work(who)
    with at(start + timedelta(seconds=3)):
        work(who)
    assert [row.due_at for row in ways(who)] == [
        start + timedelta(days=1, seconds=1),
        start + timedelta(days=1, seconds=2),
    ]


def test_two_stops_keep_the_distance_too(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), late="spread", pace=1)
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 4))
    start = MONDAY + timedelta(days=4)
    with at(start):
        work(who)  # the first goes out, the others are given their moments, and then nothing runs again
    again = start + timedelta(days=2)
    with at(again):
        work(who)
    assert [row.planned_at for row in ways(who)[1:]] == [None] * 3  # it is done
    assert len(lines(who)) == 4


def test_left_out_the_timetable_goes_on_as_planned(who: Identity) -> None:
    sequence = a_sequence(who, *[do(name, timing=after(1)) for name in ("a", "b", "c", "d", "e")], late="skip")
    with at(MONDAY):
        enrolled(who, sequence, a_lead(who))
    with at(MONDAY + timedelta(days=3, hours=3)):
        work(who)
        assert taken(who) == [("a", "late"), ("b", "late"), ("c", "late")]
        assert way(who).due_at == MONDAY + timedelta(days=4)
    run_until(who, MONDAY + timedelta(days=4), MONDAY + timedelta(days=5), hours=6)
    assert taken(who)[3:] == [("d", "done"), ("e", "done")]
    assert sum("they are left out" in said for said in activities(who)) == 1


def test_steps_that_only_divide_are_not_left_out(who: Identity) -> None:
    rich = when("lead.budget", "greater", "10")
    fork = {"id": "fork", "kind": "fork", "condition": rich, "yes": [do("y")], "no": [do("n", timing=after(9))]}
    sequence = a_sequence(who, do("a", timing=after(1)), fork, late="skip")
    with at(MONDAY):
        enrolled(who, sequence, a_lead(who))
    with at(MONDAY + timedelta(days=4)):
        work(who)
    assert taken(who) == [("a", "late"), ("fork", "done")]
    assert (way(who).step_id, way(who).due_at) == ("n", MONDAY + timedelta(days=10))


@pytest.mark.parametrize("late", ["spread", "skip"])
def test_nothing_is_late_when_a_worker_only_drains_slowly(
    who: Identity, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), late=late, pace=1)
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 5))
    take = sequence_scheduler.run_enrollment
    with time_machine.travel(MONDAY + timedelta(days=1, seconds=2), tick=False) as clock:

        def slowly(*given: Any) -> None:
            take(*given)
            clock.shift(timedelta(minutes=10))

        monkeypatch.setattr(sequence_scheduler, "run_enrollment", slowly)
        work(who)
    assert {line.state for line in lines(who)} == {"done"} and len(lines(who)) == 5
    assert minutes(who, MONDAY + timedelta(days=1)) == [pytest.approx(2 / 60 + 10 * number) for number in range(5)]
    assert not [said for said in activities(who) if "while nothing ran" in said]


def test_a_short_stop_makes_nothing_late(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), late="skip")
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 3))
    with at(MONDAY + timedelta(days=1) + overdue_policy.OVERDUE_AFTER):
        work(who)
    assert {line.state for line in lines(who)} == {"done"}


def test_a_short_stop_over_the_end_of_the_window_waits_for_the_next(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(2, "hours") | HOURS), late="skip")
    with at(NINE + timedelta(hours=5, minutes=55)):
        enrolled(who, sequence, *people(who, 1))
    with at(NINE + timedelta(hours=8, minutes=2)):  # due at 16:55, and now it is 17:02
        work(who)
        assert lines(who) == [] and way(who).due_at == NINE + timedelta(days=1)
    with at(NINE + timedelta(days=1)):
        work(who)
    assert taken(who) == [("one", "done")]


def test_switched_on_again_nobody_gets_a_burst(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), late="spread", pace=2)
    with at(MONDAY):
        enrolled(who, sequence, *people(who, 4))
        call(who, DEFINITIONS.switch, sequence, enabled=False)
    start = MONDAY + timedelta(days=4)
    with at(start):
        call(who, DEFINITIONS.switch, sequence, enabled=True)
    run_until(who, start, start + timedelta(minutes=3), hours=1 / 120)
    assert minutes(who, start) == [0, 0.5, 1, 1.5]


def test_tenants_wait_for_themselves_alone(who: Identity) -> None:
    other = make_tenant("globex")
    for one in (who, other):
        sequence = a_sequence(one, do("one", timing=after(1)), late="spread", pace=1)
        with at(MONDAY):
            enrolled(one, sequence, *people(one, 2))
    start = MONDAY + timedelta(days=4)
    with at(start):
        work(who)
    assert len(lines(who)) == len(lines(other)) == 1


def test_resumed_it_waits_for_its_window_and_is_not_late(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1) | HOURS), late="skip")
    with at(MONDAY):
        (row,) = enrolled(who, sequence, *people(who, 1))
        call(who, enrollments.pause, row)
    with at(MONDAY + timedelta(days=2)):  # Wednesday, 18:00
        work(who)
        call(who, enrollments.resume, row)
        work(who)
        assert lines(who) == [] and way(who).due_at == NINE + timedelta(days=3)
    with at(NINE + timedelta(days=3)):
        work(who)
    assert taken(who) == [("one", "done")]


def test_a_window_that_never_opens_is_said(who: Identity) -> None:
    mondays = {"periods": [{"days": [1], "start": "00:00", "end": "24:00"}], "not_on_holidays": True}
    sequence = a_sequence(who, do("one", timing=after(1)))
    with at(MONDAY):
        (row,) = enrolled(who, sequence, *people(who, 1))
        for week in range(1, 120):
            call(who, sequences.add_holiday, (MONDAY + timedelta(weeks=week)).date(), "")
        publish_anew(who, sequence, steps=[do("one", timing=mondays | after(1))])
        call(who, sequences.move_to_newest_version, sequence)
        assert way(who).state == EnrollmentState.FAILED
        assert any("{reason}" in said for said in activities(who))
    with at(MONDAY + timedelta(days=1)), pytest.raises(Conflict, match="never opens"):
        call(who, enrollments.retry, row)
    assert (way(who).state, way(who).due_at) == (EnrollmentState.FAILED, None)
