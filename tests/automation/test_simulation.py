"""Simulation: the same instants as the engine's, and as those of a plain reference that searches for them."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from platform_app.automation.calendar import Calendar
from platform_app.automation.facts import Facts, catalogue
from platform_app.automation.sequences import compile_sequence
from platform_app.automation.simulation import SimulatedEvent, SimulationContext, SimulationEnd, simulate
from platform_app.db import session_scope
from platform_app.engine.sequences import sequence_backtest, sequence_trial
from platform_app.engine.sequences.sequence_trial import AssumedEvent
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Conflict, Invalid
from platform_app.models.person import Identity, Tenant
from platform_app.models.sequence import EnrollmentState
from platform_app.services.crm import leads
from tests.conftest import FULL
from tests.sequencing import (
    MONDAY,
    a_lead,
    a_sequence,
    after,
    at,
    do,
    enrolled,
    lines,
    taken,
    way,
    when,
    work,
)
from tests.talking import a_stage, call

ZONES = ["Asia/Vladivostok", "Europe/Moscow", "America/New_York", "Europe/Kyiv"]
CHANGES = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 29), (10, 25), (11, 1), (6, 1))]
HOLIDAYS = frozenset([date(2026, 3, 9), date(2026, 10, 26), date(2026, 6, 3)])
UNITS = {"minutes": 1, "hours": 60, "days": 1_440, "weeks": 10_080}


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def a_timing(chance: random.Random) -> dict[str, Any]:
    """Return a timing of chance whose hours begin and end at half hours."""
    periods = []
    for _ in range(chance.choice([0, 0, 1, 2])):
        start = chance.randrange(0, 46) * 30
        end = min(start + chance.choice([30, 120, 480]), 1_440)
        days = sorted(chance.sample(range(1, 8), chance.randint(2, 7)))
        periods.append({"days": days, "start": clock(start), "end": clock(end)})
    kind = chance.choice(["none", "span", "until"])
    unit = chance.choice(list(UNITS))
    delay = {"kind": kind, "count": chance.randint(1, 3 if unit == "weeks" else 40), "unit": unit}
    delay |= {"time": clock(chance.randrange(0, 48) * 30), "may_be_today": chance.random() < 0.5}
    delay["days"] = sorted(chance.sample(range(1, 8), chance.randint(1, 7)))
    own = {"delay": delay, "periods": periods, "not_on_holidays": chance.random() < 0.4}
    return own | {"zone": chance.choice(["tenant", "contact", "fixed"]), "fixed_zone": chance.choice(ZONES)}


def some_steps(chance: random.Random, count: int, prefix: str = "s") -> list[dict[str, Any]]:
    """Return steps of chance, some of them dividing people."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        step_id = f"{prefix}{number}"
        if chance.random() < 0.2 and len(prefix) < 5:
            parts = {part: some_steps(chance, chance.randint(0, 2), f"{step_id}{part}") for part in "ab"}
            step = {"id": step_id, "kind": "split", "percent": chance.choice([0, 100])} | parts
        else:
            step = do(step_id)
        found.append(step | {"timing": a_timing(chance)})
    return found


def plain_due(own: dict[str, Any], arrived: datetime, zone: ZoneInfo) -> datetime:
    """Return when a step is due, by the plainest means: half hour after half hour."""
    delay, free = own["delay"], HOLIDAYS if own["not_on_holidays"] else frozenset()
    moment = arrived
    if delay["kind"] == "span" and delay["unit"] in ("minutes", "hours"):
        moment += timedelta(minutes=delay["count"] * UNITS[delay["unit"]])
    elif delay["kind"] == "span":
        there = arrived.astimezone(zone).replace(tzinfo=None)
        there += timedelta(minutes=delay["count"] * UNITS[delay["unit"]])
        moment = there.replace(tzinfo=zone, fold=0).astimezone(UTC)
    elif delay["kind"] == "until":
        day = arrived.astimezone(zone).date() + timedelta(days=0 if delay["may_be_today"] else 1)
        while True:
            moment = datetime.fromisoformat(f"{day} {delay['time']}").replace(tzinfo=zone).astimezone(UTC)
            if day.isoweekday() in delay["days"] and day not in free and moment >= arrived:
                break
            day += timedelta(days=1)
    while not open_at(own, moment.astimezone(zone), free):
        moment = moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0) + timedelta(minutes=30)
    return moment


def open_at(own: dict[str, Any], there: datetime, free: frozenset[date]) -> bool:
    if there.date() in free:
        return False
    return not own["periods"] or any(
        there.isoweekday() in one["days"] and one["start"] <= there.strftime("%H:%M") < one["end"]
        for one in own["periods"]
    )


def plain_way(steps: list[dict[str, Any]], arrived: datetime, zones: dict[str, str]) -> tuple[list[Any], datetime]:
    """Return the steps taken with their moments, and when the last was."""
    found = []
    for step in steps:
        own = step["timing"]
        arrived = plain_due(own, arrived, ZoneInfo(own["fixed_zone"] if own["zone"] == "fixed" else zones[own["zone"]]))
        found.append((step["id"], arrived))
        if step["kind"] == "split":
            inner, arrived = plain_way(step["a"] if step["percent"] == 100 else step["b"], arrived, zones)
            found += inner
    return found, arrived


def world(zones: dict[str, str], *happens: SimulatedEvent) -> SimulationContext:
    return SimulationContext(
        Calendar(zones["tenant"], zones["contact"], HOLIDAYS), {}, lambda moment: Facts({}), happens
    )


def test_the_simulation_finds_the_instants_of_a_plain_search() -> None:
    chance = random.Random(11)
    for _ in range(10_000 if FULL else 2_000):
        zones = {"tenant": chance.choice(ZONES), "contact": chance.choice(ZONES)}
        steps = some_steps(chance, chance.randint(1, 4))
        entered = chance.choice(CHANGES) + timedelta(seconds=chance.randrange(-3 * 86_400, 3 * 86_400))
        found = simulate(compile_sequence({"steps": steps}), entered, "key", world(zones))
        assert ([(line.step_id, line.at) for line in found.steps], found.ended_at) == plain_way(steps, entered, zones)


@pytest.mark.parametrize("seed", range(6))
def test_the_engine_keeps_the_instants_of_the_simulation(who: Identity, seed: int) -> None:
    chance = random.Random(seed)
    zones = {"tenant": chance.choice(ZONES), "contact": chance.choice(ZONES)}
    with session_scope(reason="tests") as session:
        session.get(Tenant, who.tenant_id).time_zone = zones["tenant"]  # type: ignore[union-attr]
    steps = some_steps(chance, 4)
    entered = CHANGES[seed % len(CHANGES)] + timedelta(seconds=chance.randrange(-86_400, 86_400))
    with at(entered - timedelta(days=1)):
        sequence = a_sequence(who, *steps)
        lead = a_lead(who, time_zone=zones["contact"])
    with at(entered):
        enrolled(who, sequence, lead)
        tried = call(who, sequence_trial.try_sequence, sequence, at=entered, subject_id=lead)
        work(who)
    while (due := way(who).due_at) is not None:
        with at(due):
            work(who)
    assert [(line.step_id, line.taken_at) for line in lines(who)] == [
        (one.step_id, one.at) for one in tried.simulation.steps
    ]
    assert way(who).state == EnrollmentState.FINISHED and way(who).ended_at == tried.simulation.ended_at


def test_what_if_they_reply_or_the_stage_changes(who: Identity) -> None:
    fork = {"id": "fork", "kind": "fork", "timing": after(2), "condition": when("lead.stage", "empty")}
    sequence = a_sequence(who, do("one", timing=after(1)), fork | {"yes": [do("still")], "no": [do("moved")]})
    stage, lead = a_stage(who), a_lead(who)
    row = call(who, DEFINITIONS.get, sequence)
    condition = when("lead.stage", "equals", stage)
    call(
        who,
        DEFINITIONS.save,
        sequence,
        {"steps": [do("one"), fork | {"condition": condition, "yes": [do("there")]}]},
        revision=row.revision,
    )
    tried = call(who, sequence_trial.try_sequence, sequence, at=MONDAY, subject_id=lead)
    assert [line.step_id for line in tried.simulation.steps] == ["one", "fork"] and tried.previews["one"][2] is True
    moved = [AssumedEvent(timedelta(days=1), "stage", stage)]
    tried = call(who, sequence_trial.try_sequence, sequence, at=MONDAY, subject_id=lead, assumed=moved)
    assert [line.step_id for line in tried.simulation.steps] == ["one", "fork", "there"]
    replied = [AssumedEvent(timedelta(days=1), "reply")]
    tried = call(who, sequence_trial.try_sequence, sequence, at=MONDAY, subject_id=lead, assumed=replied)
    assert (tried.simulation.end, tried.simulation.ended_at, tried.simulation.stopped_before) == (
        SimulationEnd.REPLIED,
        MONDAY + timedelta(days=1),
        "fork",
    )
    assert taken(who) == []
    with pytest.raises(Invalid):
        call(
            who,
            sequence_trial.try_sequence,
            sequence,
            at=MONDAY,
            assumed=[AssumedEvent(timedelta(days=1), "stage", "none")],
        )


def test_a_wait_is_over_when_something_meets_it() -> None:
    waits = {"id": "wait", "kind": "await", "condition": when("lead.title", "contains", "x"), "at_most": "3 days"}
    facts = {"lead.title": "y"}
    made = compile_sequence({"steps": [waits | {"then": "leave"}, do("end")], "leave_on_reply": False})

    def known(moment: datetime) -> Facts:
        return Facts({"lead.title": "x"} if moment >= MONDAY + timedelta(days=1) else dict(facts))

    happens = [SimulatedEvent(MONDAY + timedelta(hours=1)), SimulatedEvent(MONDAY + timedelta(days=1), is_reply=True)]
    own = SimulationContext(Calendar(), catalogue([]), known, happens)
    found = simulate(made, MONDAY, "key", own)
    assert [(line.step_id, line.at) for line in found.steps] == [
        (one, MONDAY + timedelta(days=1)) for one in ("wait", "end")
    ]
    never = SimulationContext(Calendar(), catalogue([]), lambda moment: Facts(dict(facts)), happens)
    found = simulate(made, MONDAY, "key", never)
    assert (found.end, found.ended_at) == (SimulationEnd.AWAITED, MONDAY + timedelta(days=3))


def test_the_past_is_gone_through_as_it_was(who: Identity) -> None:
    sequence = a_sequence(
        who,
        do("one", timing=after(1)),
        do("two", timing=after(1)),
        trigger="lead_created",
        again="never",
        condition=when("lead.title", "contains", "bike"),
        leave_on_stage=True,
        name="Past",
    )
    call(who, DEFINITIONS.switch, sequence, enabled=False)
    with at(MONDAY):
        stays, moves, other = a_lead(who, "A bike"), a_lead(who, "My bike"), a_lead(who, "Boat")
    with at(MONDAY + timedelta(hours=30)):
        call(who, leads.move_to_stage, moves, a_stage(who))
    with at(MONDAY + timedelta(days=5)):
        found = call(who, sequence_backtest.backtest, sequence, days=7)
        with pytest.raises(Invalid):
            call(who, sequence_backtest.backtest, sequence, days=0)
    assert (found.events, found.entered, dict(found.refused)) == (3, 2, {"condition": 1})
    assert dict(found.ends) == {"finished": 1, "stage": 1} and dict(found.steps) == {"one": 2, "two": 1}
    assert [(one.subject_id, one.simulation.end) for one in found.samples] == [
        (stays, SimulationEnd.FINISHED),
        (moves, SimulationEnd.STAGE),
    ]
    assert other and not lines(who)
    by_hand = a_sequence(who, do("one"))
    with pytest.raises(Conflict):
        call(who, sequence_backtest.backtest, by_hand, days=7)
