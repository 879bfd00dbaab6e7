"""Receiving: another system that takes outgoing webhooks, as tests need it."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.job import Job, JobState
from platform_app.models.outgoing_webhook import OutgoingDelivery, OutgoingWebhook
from platform_app.models.person import Identity
from platform_app.services.webhooks import outgoing_log, outgoing_webhooks
from tests.talking import call
from worker.runner import Runner
from worker.tasks import HANDLERS


@dataclass
class Received:
    """A request that came."""

    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    waits: Event | None = None  # the body is sent only when it is set


class Endpoint:
    """A server that answers as it is told, then 204; it keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Answer | int] = []
        self.otherwise = Answer()
        self.received: list[Received] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                endpoint.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
                told = endpoint.answers.pop(0) if endpoint.answers else endpoint.otherwise
                self.reply(Answer(told) if isinstance(told, int) else told)

            def reply(self, told: Answer) -> None:
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body) + (1 if told.waits else 0)))
                self.end_headers()
                self.wfile.write(told.body)
                if told.waits is not None:
                    told.waits.wait(30)

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()


def an_outgoing(who: Identity, url: str, *kinds: str, name: str = "CRM") -> OutgoingWebhook:
    """Make an outgoing webhook that subscribes to some kinds of events, or all."""
    row = call(who, outgoing_webhooks.create, name=name, url=url)
    if kinds:
        row = call(who, outgoing_webhooks.subscribe, row.id, kinds)
    made: OutgoingWebhook = row
    return made


def work_off(who: Identity) -> None:
    """Let a worker run what is due, also the next attempts, until nothing is due."""
    runner = Runner(HANDLERS, 30)
    runner.start()
    outgoing_log.enqueue_due()
    before: list[str] = []
    while (waiting := _due(who)) != before:
        for job_id in waiting:
            runner.run(job_id)
        before = waiting
    runner.stop()


def _due(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED, Job.run_at <= now())
        return [job.id for job in session.exec(query.order_by(Job.id)).all()]


def deliveries(who: Identity) -> list[OutgoingDelivery]:
    """Return what was sent or waits, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(OutgoingDelivery, who.tenant_id).order_by(OutgoingDelivery.id)).all())
