"""Jobs that cannot be read end dead with their reason, free their key, and say it where people look for it."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from platform_app.db import engine, owned, session_scope
from platform_app.engine import callback_registry
from platform_app.errors import Conflict
from platform_app.files.tenant_files import StoredFile
from platform_app.jobs import PAYLOAD_CLASSES, IndexSource, enqueue
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.services.jobs import job_list, ledger
from platform_app.services.knowledge import sources
from tests.jobs.test_ledger import put, row
from tests.talking import activities, call
from worker.ledger_writer import LedgerWriter
from worker.runner import Runner
from worker.tasks import HANDLERS

callback_registry.register_callbacks()
OBJECT = "The data of this job isn’t a JSON object."
LACKS = "The data of this job lacks the field “{field}”."
WRONG = "The field “{field}” in the data of this job has a wrong value."
DAMAGES = {
    "text that breaks off": ('{"kind": "index_source", "sour', OBJECT),
    "no JSON at all": ("\x01<xml/>", OBJECT),
    "nothing": ("", OBJECT),
    "null": ("null", OBJECT),
    "a list": ('["index_source", "id"]', OBJECT),
    "a word": ('"index_source"', OBJECT),
    "far too deep": ("[" * 100_000, OBJECT),
    "no field": ('{"kind": "index_source"}', LACKS),
    "the field of an older release": ('{"kind": "index_source", "source": "SOURCE"}', LACKS),
    "a number": ('{"kind": "index_source", "source_id": 7}', WRONG),
    "null in the field": ('{"kind": "index_source", "source_id": null}', WRONG),
    "a list in the field": ('{"kind": "index_source", "source_id": ["SOURCE"]}', WRONG),
    "another kind": ('{"kind": "reply", "source_id": "SOURCE"}', WRONG),
}


def damage(job_id: str, payload: str) -> None:
    """Write a payload past the platform."""
    with session_scope(reason="tests") as session:
        session.execute(text("UPDATE job SET payload = :payload WHERE id = :id"), {"payload": payload, "id": job_id})


def work(*job_ids: str) -> None:
    """Let a worker take jobs."""
    runner = Runner(HANDLERS, 30)
    runner.start()
    for job_id in job_ids:
        runner.run(job_id)
    runner.stop()


def a_source(who: Identity) -> tuple[str, str]:
    """Write a source that waits for its job; return the ids of both."""
    source = call(who, sources.add_source, "price.txt", StoredFile("stored", 1, ""))
    return source.id, job_of(who).id


def job_of(who: Identity) -> Job:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Job = session.exec(owned(Job, who.tenant_id).order_by(Job.id.desc())).first()  # type: ignore[attr-defined]
        return found


def source_of(who: Identity, source_id: str) -> Source:
    with session_scope(who.tenant_id, read_only=True) as session:
        return sources.get(session, who, source_id)


@pytest.mark.parametrize("name", DAMAGES)
def test_ends_dead_with_its_reason_and_frees_its_key(who: Identity, name: str) -> None:
    payload, sentence = DAMAGES[name]
    if engine().dialect.name == "postgresql" and sentence == OBJECT and not payload.startswith(("null", '"', '["')):
        pytest.skip("PostgreSQL takes no text that is not JSON")
    source_id, job_id = a_source(who)
    with session_scope(who.tenant_id) as session:
        behind = enqueue(session, who.tenant_id, IndexSource(source_id="gone"), lock_key=f"source:{source_id}").id
    damage(job_id, payload.replace("SOURCE", source_id))
    assert call(who, job_list.list_jobs)[1] == 2
    work(job_id, behind)
    dead = row(who, job_id)
    assert (dead.state, dead.error, dead.finished_at is not None) == (JobState.DEAD, sentence, True)
    assert row(who, behind).state == JobState.DONE
    source = source_of(who, source_id)
    assert (source.state, source.error) == (SourceState.FAILED, sentence.format(**dead.error_values))
    assert "Source “{title}” couldn’t be read" in activities(who)
    with pytest.raises(Conflict, match="couldn’t be read"):
        call(who, job_list.retry, job_id)
    call(who, sources.retry, source_id)
    assert job_of(who).state == JobState.QUEUED and source_of(who, source_id).state == SourceState.QUEUED


def test_a_kind_of_another_release_ends_dead_and_is_told(who: Identity) -> None:
    (errand,) = put(who, lock_key="door")
    (behind,) = put(who, lock_key="door")
    runner = Runner(HANDLERS | {"late": HANDLERS["reply"]}, 30)
    runner.start()
    runner.run(errand)
    runner.run(behind)
    runner.stop()
    assert [(row(who, one).state, row(who, one).error) for one in (errand, behind)] == [
        (JobState.DEAD, ledger.UNKNOWN_KIND)
    ] * 2
    assert "Background job “{job}” failed: {reason}" in activities(who)
    call(who, job_list.retry, errand)
    assert row(who, errand).state == JobState.QUEUED


def test_one_that_cannot_be_read_keeps_none_that_are_taken_with_it(who: Identity) -> None:
    _, broken = a_source(who)
    good = put(who, 3)
    damage(broken, "{")
    if engine().dialect.name == "postgresql":
        pytest.skip("PostgreSQL takes no text that is not JSON")
    batch = LedgerWriter()
    with session_scope(reason="tests") as session:
        taken = ledger.claim_jobs(session, [*good[:2], broken, good[2]])
    assert {job.id for job in taken} == set(good) and batch.stuck() == ""
    assert row(who, broken).state == JobState.DEAD


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_every_kind_is_read_as_it_was_written_and_refused_when_empty(who: Identity, kind: str) -> None:
    own = PAYLOAD_CLASSES[kind].model_fields
    fields: dict[str, Any] = {name: 1 if one.annotation is int else "x" for name, one in own.items()} | {"kind": kind}
    (job_id,) = put(who)
    with session_scope(reason="tests") as session:
        session.execute(text("UPDATE job SET kind = :kind WHERE id = :id"), {"kind": kind, "id": job_id})
    damage(job_id, json.dumps(fields))
    taken = ledger.claim(job_id)
    assert taken is not None and taken.payload.kind == kind
    (other,) = put(who)
    with session_scope(reason="tests") as session:
        session.execute(text("UPDATE job SET kind = :kind WHERE id = :id"), {"kind": kind, "id": other})
    damage(other, "{}")
    needs_data = any(field.is_required() for field in own.values())
    assert (ledger.claim(other) is None) == needs_data
