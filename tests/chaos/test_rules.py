"""Rules under fire: workers die, every rule runs once for every event, and what goes outside arrives once."""

import time
from collections import Counter, defaultdict

from sqlalchemy import func

from platform_app.db import owned, session_scope
from platform_app.engine.rules import rules
from platform_app.models.event import Event, EventKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from platform_app.services.crm import contacts
from tests.chaos.conftest import NewWorker, OwnRedis, Sink, size
from tests.conftest import wait_for
from tests.talking import call

EVENTS = int(size("EVENTS", 40, 80))
RULES = int(size("RULES", 4, 4))
PEOPLE = 20
PATIENCE = 240  # seconds for a worker to come up and take over on a machine with other work
EVERY = size("EVERY", 2, 2)  # seconds between kills


def write_rules(who: Identity, address: str) -> None:
    """Write rules that listen to tags; every second one calls outside."""
    for number in range(RULES):
        inside = {"kind": "create_task", "text": f"{number} {{{{ event.tag }}}}", "user_id": "", "days": ""}
        outside = {"kind": "call_webhook", "url": address, "body": "{{ event.tag }}"}
        listed = [inside, outside] if number % 2 else [inside]
        row = call(
            who, rules.DEFINITIONS.create, name=f"Rule {number}", draft={"trigger": "tag_added", "actions": listed}
        )
        call(who, rules.DEFINITIONS.publish, row.id)
        call(who, rules.DEFINITIONS.switch, row.id, enabled=True)


def handled(who: Identity) -> int:
    """Return how many events have been handled to their end, without reading the runs."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).where(Job.state == JobState.DONE)
        return int(session.exec(query.with_only_columns(func.count())).one())


def test_each_event_and_rule_once(own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink) -> None:
    write_rules(who, sink.address)
    people = [call(who, contacts.create, name=f"Person {number}").id for number in range(PEOPLE)]
    worker = new_worker("worker", PLATFORM_LEASE_SECONDS="2", PLATFORM_EGRESS_ALLOW="127.0.0.1/32")
    for number in range(EVENTS):
        held = call(who, contacts.get, people[number % PEOPLE]).tags[-20:]
        call(who, contacts.save, people[number % PEOPLE], {"tags": [*held, f"tag {number}"]})
    kills, started = 0, time.monotonic()
    while (held := handled(who)) < EVENTS:
        wait_for(lambda before=held: handled(who) > before, PATIENCE, 0.1)
        end, enough = time.monotonic() + EVERY, held + EVENTS // 5
        wait_for(lambda end=end, enough=enough: time.monotonic() > end or handled(who) >= enough, EVERY + 30, 0.1)
        if handled(who) < EVENTS:
            worker.kill()
            kills += 1
            worker.start()
    with session_scope(who.tenant_id, read_only=True) as session:
        what = (
            RuleRun.state,
            RuleRun.event_id,
            RuleRun.rule_id,
            RuleRun.subject_id,
            RuleRun.place,
            RuleRun.finished_at,
        )
        runs = session.execute(owned(RuleRun, who.tenant_id).with_only_columns(*what)).all()
        heard = owned(Event, who.tenant_id).where(Event.kind == EventKind.TAG_ADDED)
        at = dict(session.execute(heard.with_only_columns(Event.id, Event.at)).all())
    took = round(time.monotonic() - started)
    print("events", EVENTS, "rules", RULES, "kills", kills, "requests", sum(sink.requests.values()), "seconds", took)
    assert kills
    assert Counter(run.state for run in runs) == {RunState.DONE: EVENTS * RULES}
    assert len({(run.event_id, run.rule_id) for run in runs}) == EVENTS * RULES
    assert len(sink.requests) == EVENTS * (RULES // 2)  # distinct keys: one effect each
    of_event, of_subject = defaultdict(list), defaultdict(list)
    for run in runs:
        of_event[run.event_id].append((run.place, run.finished_at))
        of_subject[run.subject_id].append((at[run.event_id], run.place, run.finished_at))
    assert all([end for _, end in sorted(found)] == sorted(end for _, end in found) for found in of_event.values())
    assert all([end for *_, end in sorted(found)] == sorted(end for *_, end in found) for found in of_subject.values())
