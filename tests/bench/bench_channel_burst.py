"""Channel burst measured: messages of many customers to one bot at a steady rate, from due to the 200, none lost.

`python -m tests.bench.bench_channel_burst [a second] [seconds] [customers]`; needs no built console. The senders run
beside the web process on the same cores. What waits is read after the burst, by one thread; replies wait for a worker.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from platform_app.db import session_scope
from platform_app.models.channel import ChannelAccount, WaitingUpdate
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access
from tests.channels.bots import connected, read_waiting
from tests.conftest import forget_process_state, make_tenant
from tests.console_process import console, own_database
from tests.fakes.telegram import FakeTelegram
from tests.visiting import rows

SENDERS = 60  # connections that are kept open
Due = SimpleQueue["tuple[int, float] | None"]


class BurstSender:
    """Posts messages of customers to the webhook of a bot."""

    def __init__(self, address: str, account: ChannelAccount, customers: int) -> None:
        self.url, self.path, self.customers = urlsplit(address), f"/hooks/channels/{account.token}", customers
        with session_scope(account.tenant_id, read_only=True) as session:
            key = channel_access.get_webhook_key(session, account)
        self.headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": key}

    def update(self, number: int) -> dict[str, Any]:
        """Return a message of one of the customers, each of whom writes in turn."""
        person = 1 + number % self.customers
        user = {"id": person, "is_bot": False, "first_name": f"Customer {person}", "language_code": "en"}
        said = {"message_id": number, "date": int(time.time()), "from": user, "text": f"Message {number}"}
        return {"update_id": number, "message": said | {"chat": {"id": person, "type": "private"}}}

    def send(self, due: Due) -> list[tuple[float, int]]:
        """Post messages at their times over one connection; return milliseconds since those times, and the answers."""
        sent, connection = list[tuple[float, int]](), HTTPConnection(str(self.url.hostname), self.url.port, timeout=60)
        while entry := due.get():
            number, at = entry
            time.sleep(max(0.0, at - time.perf_counter()))
            connection.request("POST", self.path, json.dumps(self.update(number)).encode(), self.headers)
            answer = connection.getresponse()
            answer.read()
            sent.append((1000 * (time.perf_counter() - at), answer.status))
        return sent

    def burst(self, rate: int, seconds: int) -> tuple[list[float], Counter[int]]:
        """Post at a steady rate; late answers hold nothing back while a sender is free."""
        due, begun = Due(), time.perf_counter() + 0.5
        for number in range(rate * seconds):
            due.put((number, begun + number / rate))
        for _ in range(SENDERS):
            due.put(None)
        with ThreadPoolExecutor(SENDERS) as senders:
            each = [senders.submit(self.send, due) for _ in range(SENDERS)]
            sent = [entry for sender in each for entry in sender.result()]
        return [late for late, _ in sent], Counter(status for _, status in sent)


def _say(who: Identity, late: list[float], answers: Counter[int], began: float) -> None:
    p50, p95, p99 = (statistics.quantiles(late, n=100)[place - 1] for place in (50, 95, 99))
    print(f"answers {dict(answers)} in {time.perf_counter() - began:.0f} s")
    print(f"to the 200: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, worst {max(late):.0f} ms")
    waiting, begun = len(rows(who, WaitingUpdate)), time.perf_counter()
    while read_waiting(who):
        pass
    print(f"{waiting} waited to be read, which took {time.perf_counter() - begun:.0f} s")
    texts = Counter(row.text for row in rows(who, Message) if row.author == Author.CONTACT)
    waiting = sum(job.state == JobState.QUEUED for job in rows(who, Job))
    print(f"stored {len(texts)}, doubled {sum(texts.values()) - len(texts)}, lost {answers[200] - len(texts)}")
    print(f"{len(rows(who, Conversation))} conversations, {waiting} jobs wait for a worker")


def main() -> None:
    """Run a web process, post, and count what was stored."""
    given = [int(text) for text in sys.argv[1:]]
    rate, seconds, customers = [*given, *(200, 30, 500)[len(given) :]]
    fake = FakeTelegram()
    os.environ |= {"PLATFORM_TELEGRAM_API_URL": fake.address, "PLATFORM_PROXY_HOPS": "1"}
    forget_process_state()
    try:
        with (
            tempfile.TemporaryDirectory() as name,
            own_database(Path(name)),
            console(Path(name) / "console.txt") as web,
        ):
            who = make_tenant("acme")
            sender, began = BurstSender(web.address, connected(who, fake), customers), time.perf_counter()
            late, answers = sender.burst(rate, seconds)
            _say(who, late, answers, began)
    finally:
        fake.close()


if __name__ == "__main__":
    main()
