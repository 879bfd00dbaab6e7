"""Webhooks of rules: arrive with a key, are tried again when refused, and never reach an inner address."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.engine.rules import rule_runs, rule_worker
from platform_app.jobs import RunningJob, payload_adapter
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.crm import contacts
from platform_app.services.jobs import ledger
from platform_app.services.jobs.effects import CallFailed
from tests.rules.test_rules import a_rule, runs
from tests.talking import call, run_jobs


class Receiver:
    """Another system that answers as it is told, then 204; it keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.body, self.packing = b"", ""
        self.got: list[tuple[str, str, str]] = []
        self.hosts: list[str] = []
        receiver = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                receiver.hosts.append(self.headers["Host"])
                receiver.got.append((self.headers["Idempotency-Key"], self.headers["Content-Type"], body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                if receiver.packing:
                    self.send_header("Content-Encoding", receiver.packing)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def open_loopback(env: pytest.MonkeyPatch) -> Iterator[None]:
    """Let webhooks reach this machine."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    settings.cache_clear()
    yield
    settings.cache_clear()


def a_job(who: Identity, attempt: int) -> RunningJob:
    """Take the newest job in hand, as a worker does at its n-th attempt."""
    with session_scope(who.tenant_id, read_only=True) as session:
        job = session.exec(owned(Job, who.tenant_id).order_by(Job.created_at.desc())).first()  # type: ignore[attr-defined]
    taken = ledger.claim(job.id)
    if taken is None:  # it is in our hands from before
        taken = RunningJob(job.id, who.tenant_id, job.kind, payload_adapter.validate_python(job.payload), 1, "")
        with session_scope(who.tenant_id, read_only=True) as session:
            taken.lease_token = session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one().lease_token or ""
    taken.attempt = attempt
    return taken


@pytest.mark.usefixtures("open_loopback")
def test_arrives_once_with_its_variables_filled(who: Identity, receiver: Receiver) -> None:
    body = '{"name": "{{ contact.name }}"}'
    a_rule(who, "contact_created", {"kind": "call_webhook", "url": receiver.address, "body": body})
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    ((key, kind, sent),) = receiver.got
    assert (kind, sent) == ("application/json", '{"name": "Anna"}')
    (run,) = runs(who)
    assert run.state == RunState.DONE and key.startswith(run.event_id)


@pytest.mark.usefixtures("open_loopback")
def test_tried_again_with_the_same_key_while_others_go_on(who: Identity, receiver: Receiver) -> None:
    receiver.answers = [503]
    webhook = {"kind": "call_webhook", "url": receiver.address, "body": "x"}
    a_rule(who, "contact_created", webhook, {"kind": "add_tag", "tag": "after"})
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "other"})
    row = call(who, contacts.create, name="Anna")
    with pytest.raises(CallFailed):
        rule_worker.handle_event(a_job(who, 1))
    assert [run.state for run in runs(who)] == [RunState.RETRYING, RunState.DONE]
    assert call(who, contacts.get, row.id).tags == ["other"]
    rule_worker.handle_event(a_job(who, 2))
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.DONE]
    assert call(who, contacts.get, row.id).tags == ["other", "after"]
    assert len(receiver.got) == 2 and len({key for key, *_ in receiver.got}) == 1


@pytest.mark.usefixtures("open_loopback")
def test_given_up_in_the_end_and_tried_again_by_hand(who: Identity, receiver: Receiver) -> None:
    receiver.answers = [500] * 5
    a_rule(who, "contact_created", {"kind": "call_webhook", "url": receiver.address, "body": ""})
    call(who, contacts.create, name="Anna")
    for attempt in range(1, 5):
        with pytest.raises(CallFailed):
            rule_worker.handle_event(a_job(who, attempt))
    last = a_job(who, 5)
    rule_worker.handle_event(last)
    ledger.end_attempt(last, JobState.DONE, "")
    (run,) = runs(who)
    assert (run.state, run.actions[0]["error"]) == (RunState.FAILED, "The URL isn’t working.")
    call(who, rule_runs.retry, run.id)
    rule_worker.handle_event(a_job(who, 1))
    assert runs(who)[0].state == RunState.DONE


@pytest.mark.usefixtures("open_loopback")
@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_refused_is_not_repeated_and_no_redirect_is_followed(who: Identity, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    a_rule(who, "contact_created", {"kind": "call_webhook", "url": receiver.address, "body": ""})
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    (run,) = runs(who)
    assert run.state == RunState.FAILED and run.actions[0]["error_values"] == {"status": str(status)}
    assert len(receiver.got) == 1
