"""Hooks measured: a burst of signed deliveries at the whole platform, from sent to acknowledged, none lost.

`python -m tests.bench.bench_hooks [a second] [seconds]`; needs the built console, as the e2e tests do.
"""

import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from platform_app import db
from platform_app.clock import now
from tests.bench.bench_console import demo_owner, running
from tests.conftest import wait_for
from tests.e2e.conftest import platform_environment
from tests.hooks import a_webhook, address_of, body_of, events, secret_of
from tests.rules.test_rules import a_rule

SENDERS = 60  # connections that are kept open, as a system that delivers does
ORDER = {"order": {"id": 7, "total": 1250.5, "currency": "RUB", "name": "Мойка"}, "contact": {"phone": "+79991234567"}}
BODY = body_of(ORDER)


def send(address: str, secret: str, due: "SimpleQueue[tuple[int, float] | None]") -> list[tuple[float, int]]:
    """Send deliveries at their times over one connection; return milliseconds since those times, and the answers."""
    url, signer, found = urlsplit(address), Webhook(secret), list[tuple[float, int]]()
    connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
    while one := due.get():
        number, at = one
        time.sleep(max(0.0, at - time.perf_counter()))
        name, moment = f"msg_{number}", now()
        signature = signer.sign(name, moment, BODY.decode())
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }
        connection.request("POST", url.path, BODY, headers | {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        found.append((1000 * (time.perf_counter() - at), answer.status))
    return found


def burst(address: str, secret: str, rate: int, seconds: int) -> tuple[list[float], Counter[int]]:
    """Send at a steady rate; late answers hold nothing back while a sender is free. Return milliseconds and answers."""
    due = SimpleQueue[tuple[int, float] | None]()
    begun = time.perf_counter() + 0.5
    for number in range(rate * seconds):
        due.put((number, begun + number / rate))
    for _ in range(SENDERS):
        due.put(None)
    with ThreadPoolExecutor(SENDERS) as senders:
        each = [senders.submit(send, address, secret, due) for _ in range(SENDERS)]
        found = [one for sender in each for one in sender.result()]
    return [late for late, _ in found], Counter(status for _, status in found)


def main() -> None:
    """Start the platform, deliver, count what was kept."""
    given = dict(enumerate(sys.argv))
    rate, seconds = int(given.get(1, 200)), int(given.get(2, 30))
    with tempfile.TemporaryDirectory() as name:
        environment = platform_environment(Path(name) / "data")
        owner = demo_owner(environment)
        webhook = a_webhook(owner, signed=True, phone_path="contact.phone", creates_contact=True)
        if "rule" in sys.argv:
            a_rule(owner, "webhook_received", {"kind": "write_note", "text": "{{ contact.name }}"})
        with running(environment, Path(name), "up"):
            address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}/hooks/{address_of(webhook)}"
            late, answers = burst(address, secret_of(webhook), rate, seconds)
            wait_for(lambda: len(events(owner)) >= answers[202], 60)
            p50, p95, p99 = (statistics.quantiles(late, n=100)[place - 1] for place in (50, 95, 99))
            print(f"{rate} a second for {seconds} s: {dict(answers)}")
            print(f"acknowledged: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, worst {max(late):.0f} ms")
            print(f"lost: {answers[202] - len(events(owner))}")
        db.engine().dispose()


if __name__ == "__main__":
    main()
