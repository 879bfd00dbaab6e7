"""Hooks: deliveries that the hooks process accepted are stored once, though it is killed in the middle of a burst."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag

import httpx

from platform_app.models.person import Identity
from tests.chaos.conftest import size
from tests.conftest import answers, free_port, wait_for
from tests.hooks import a_webhook, address_of, body_of, events
from tests.hooks_process import hooks, start

SENDERS = 8
POSTS = int(size("HOOKS", 300, 3_000))


def test_each_accepted_delivery_is_stored_once_though_the_process_is_killed(who: Identity, tmp_path: Path) -> None:
    webhook, port = a_webhook(who), free_port()
    path, numbers, accepted = f"/hooks/{address_of(webhook)}", iter(range(POSTS)), Counter[int]()
    pause = Flag()

    def send(address: str) -> None:
        """Send deliveries, each again until it is accepted, as systems that deliver do."""
        with httpx.Client(base_url=address, timeout=30) as sender:
            while (number := next(numbers, None)) is not None:
                while not _is_accepted(sender, path, number):
                    pause.wait(0.05)
                accepted[number] += 1

    with ThreadPoolExecutor(SENDERS) as senders:
        running = start(tmp_path / "hooks.log", port)
        sent = [senders.submit(send, running.address) for _ in range(SENDERS)]
        wait_for(lambda: accepted.total() >= POSTS // 3, pause=0.001)
        os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()
        assert accepted.total() < POSTS
        with hooks(tmp_path / "hooks.log", port) as anew:
            for sending in sent:
                sending.result(60)
            anew.process.kill()  # alone: the process that serves ends too, else it would serve an old version for ever
            wait_for(lambda: not answers(f"{anew.address}/healthz"))
    stored = Counter(event.after["payload"]["number"] for event in events(who))
    assert stored == accepted == Counter(range(POSTS))


def _is_accepted(sender: httpx.Client, path: str, number: int) -> bool:
    try:
        answer = sender.post(path, content=body_of({"number": number}), headers={"webhook-id": f"msg_{number}"})
    except httpx.HTTPError:
        return False
    return answer.status_code == 202
