"""Console shutdown: a web process that is told to end leaves the replies that it streams to a worker."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from platform_app.db import owned, session_scope
from platform_app.models.conversation import Author, Message, MessageState
from platform_app.models.person import Identity
from tests.api.keys import BASE, a_key, an_account
from tests.conftest import wait_for
from tests.console_process import console
from tests.fake_provider import FakeProvider, says, serving
from tests.talking import run_jobs

SECONDS = 30.0  # within which a console leaves


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def reply_of(who: Identity) -> Message:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Message, who.tenant_id).where(Message.author == Author.AGENT)
        reply: Message = session.exec(query).one()
        return reply


def test_replies_go_on_after_sigterm(who: Identity, provider: FakeProvider, tmp_path: Path) -> None:
    provider.will(says("One ", *["more "] * 400, pause=0.1), says("A tune-up costs 50."))
    message = {"account_id": an_account(who).id, "contact": {"reference": "customer-1"}, "text": "How much is it?"}
    headers = {"authorization": f"Bearer {a_key(who)}"}
    with console(tmp_path / "console.log") as web, httpx.Client(base_url=web.address + BASE, headers=headers) as api:
        begun = api.post("/conversations", json=message).raise_for_status().json()
        tab = web.tab()  # open connections do not keep the process
        with api.stream("GET", f"/conversations/{begun['conversation']['id']}/events", timeout=SECONDS) as reader:
            next(line for line in reader.iter_lines() if "more" in line)
            began = monotonic()
            web.process.terminate()
            wait_for(lambda: web.process.poll() is not None, SECONDS)
        tab.close()
    assert monotonic() - began < SECONDS
    left = reply_of(who)
    assert (left.state, left.text.startswith("One more")) == (MessageState.STREAMING, True)
    run_jobs(who)
    assert (reply_of(who).state, reply_of(who).text) == (MessageState.COMPLETE, "A tune-up costs 50.")
