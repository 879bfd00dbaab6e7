"""Inbox live, measured: members watch their conversations while messages come in; how late each message is shown.

`python -m tests.bench.bench_inbox_live [MEMBERS] [PER_SECOND] [SECONDS] [CONVERSATIONS]`; PostgreSQL when
PLATFORM_DATABASE_URL names one that is empty, else SQLite. Each member has a conversation of their own open, over a raw
websocket to a real web process with a real Redis; CONVERSATIONS others fill the list. Needs no built console.
"""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platform_app import config, migrations
from platform_app.db import session_scope
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.chat import conversations, hand_off
from tests.bench import bench_inbox
from tests.conftest import forget_process_state, make_tenant, running_redis, wait_for
from tests.console_process import HYDRATE, RawTab, console
from tests.headless.harness import sign_in
from tests.talking import call, published, real_talk

LIMIT_SECONDS = 2.0
LAST_SECONDS = 5.0  # to wait for the last messages
STATES = {"conversation": "inbox___conversation____inbox_state", "list": "inbox___inbox_list____inbox_list_state"}


@dataclass
class Watcher:
    """A member with an open conversation: reads what the server sends and notes when each text is shown."""

    tab: RawTab
    talk: str
    shown: dict[str, dict[str, float]] = field(default_factory=lambda: {name: {} for name in STATES})

    def follow(self, sent: dict[str, float], stopped: threading.Event) -> None:
        """Read until stopped; `sent` are the texts of all members."""
        while not stopped.is_set():
            try:
                line = self.tab.read(1)
            except TimeoutError:
                continue
            at = time.monotonic()
            for name, part in _parts(line).items():
                for text in [text for text in list(sent) if text not in self.shown[name] and text in part]:
                    self.shown[name][text] = at


def _parts(line: str) -> dict[str, str]:
    """Return what a message of the server changes in each of STATES, as JSON text."""
    if not line.startswith("42/_event,"):
        return {}
    update = json.loads(line.removeprefix("42/_event,"))[1]
    delta: dict[str, Any] = (update if isinstance(update, dict) else json.loads(update)).get("delta") or {}
    return {
        name: json.dumps(changed)
        for name, ending in STATES.items()
        for state, changed in delta.items()
        if state.endswith(ending)
    }


def members(who: Identity, count: int) -> list[tuple[str, str]]:
    """Write members, each with a conversation that they are in charge of; return cookies and conversations."""
    agent, made = published(who), []
    for number in range(count):
        with session_scope(reason="bench") as session:
            user = User(email=f"m{number}@bench.test", name=f"Member {number}", password_hash="-", language="en")
            session.add(user)
            session.flush()
            session.add(Member(tenant_id=who.tenant_id, user_id=user.id, role=Role.OPERATOR))
        own = Identity(
            user.id, who.tenant_id, Role.OPERATOR, user.name, user.email, who.slug, who.tenant_name, "en", "UTC"
        )
        talk = real_talk(who, agent)
        call(own, hand_off.take_over, talk)
        made.append((sign_in(own), talk))
    return made


def send(who: Identity, watchers: list[Watcher], *, rate: float, seconds: float) -> dict[str, float]:
    """Let contacts write `rate` messages a second, to one conversation after the other; return when each was sent."""
    sent: dict[str, float] = {}
    stopped = threading.Event()
    threads = [threading.Thread(target=watcher.follow, args=(sent, stopped)) for watcher in watchers]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    for number in range(round(rate * seconds)):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        watcher, text = watchers[number % len(watchers)], f"bench-{number:06}-text"
        sent[text] = time.monotonic()
        call(who, conversations.receive, watcher.talk, text)
    print(f"sent in {time.monotonic() - begun:.1f} s instead of {seconds:.1f} s")
    own = {text: watchers[number % len(watchers)].shown["conversation"] for number, text in enumerate(sent)}
    with suppress(AssertionError):  # what is not shown by then is counted in the report
        wait_for(lambda: all(text in shown for text, shown in own.items()), LAST_SECONDS)
    stopped.set()
    for thread in threads:
        thread.join()
    return sent


def report(watchers: list[Watcher], sent: dict[str, float]) -> None:
    """Print how late members were shown the messages of their own conversations."""
    own = {text: watchers[number % len(watchers)] for number, text in enumerate(sent)}
    for name in STATES:
        late = sorted(own[text].shown[name][text] - at for text, at in sent.items() if text in own[text].shown[name])
        if len(late) < 2:
            print(f"{name}: nothing was shown")
            continue
        p95 = statistics.quantiles(late, n=20)[-1]
        over = sum(one > LIMIT_SECONDS for one in late)
        print(
            f"{name}: median {statistics.median(late) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
            f"longest {late[-1] * 1000:.0f} ms; {over} over {LIMIT_SECONDS:.0f} s, {len(sent) - len(late)} of "
            f"{len(sent)} superseded or not shown"
        )


def main() -> None:
    """Open the inbox for every member, let messages come in, and print how late they were shown."""
    given = [float(one) for one in sys.argv[1:]] + [50, 20, 20, 0][len(sys.argv) - 1 :]
    count, rate, seconds, others = int(given[0]), given[1], given[2], int(given[3])
    with tempfile.TemporaryDirectory() as name, running_redis(Path(name)) as address:
        os.environ |= {"PLATFORM_DATA_DIR": str(Path(name) / "data"), "PLATFORM_REDIS_URL": address}
        (Path(name) / "data").mkdir()
        forget_process_state()
        migrations.upgrade(config.settings().migration_database)
        who = make_tenant("acme")
        if others:
            bench_inbox.fill(who, [published(who)], others)
        people = members(who, count)
        with console(Path(name) / "console.txt", PLATFORM_SOCKETS_PER_PERSON="500") as web:
            watchers = [Watcher(web.tab(cookie=cookie), talk) for cookie, talk in people]
            for watcher in watchers:
                query = {"c": watcher.talk}
                address = f"/manage/acme/inbox?c={watcher.talk}"
                watcher.tab.send(HYDRATE, path="/manage/acme/inbox", query=query, asPath=address)
            for watcher in watchers:
                watcher.tab.until('is_hydrated_rx_state_":true', 120)
            print(f"{count} members watch, {rate:.0f} messages a second")
            report(watchers, send(who, watchers, rate=rate, seconds=seconds))
            print(f"memory of the web process {web.memory() / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
