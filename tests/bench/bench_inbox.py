"""Inbox measured: views, counts, search and a long conversation over many conversations of one tenant.

`python -m tests.bench.bench_inbox [conversations] [--postgres]`: on a PostgreSQL server of its own with `--postgres`,
else on the database that PLATFORM_DATABASE_URL names, or SQLite. It stops filling after MAX_FILL_SECONDS and says how
much it has written.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from platform_app import config, db, migrations
from platform_app.automation.values import fold
from platform_app.clock import new_id, now
from platform_app.db import Transaction, session_scope
from platform_app.models.agent import Agent, AgentSettings, Channel
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.inbox import inbox_list, open_conversation
from platform_app.services.inbox.inbox_list import InboxFilter, View
from tests import postgres

ROUNDS, EACH, BATCH, LONG = 30, 20, 500, 5_000  # EACH: messages of a conversation; LONG: of one of them
MAX_FILL_SECONDS = 900
RARE = "велокомпьютер"
MESSAGE = (
    "INSERT INTO message (id, created_at, tenant_id, conversation_id, author, author_name, origin, origin_name, text, "
    "state, error, task, depth, replaced, sources, without_vectors, is_exempt, is_suggestion, gate, own_text, review, "
    "mentions, template, figures, quick_replies) VALUES (:id, :at, :tenant, :talk, :author, 'Vera', "
    "'conversation', '', :text, :state, '', '', 0, :no, '[]', :no, :no, :no, '{}', '', '{}', '[]', '{}', '[]', '[]')"
)
CONVERSATION = (
    "INSERT INTO conversation (id, created_at, tenant_id, agent_id, use_draft, contact_id, channel, title, last_line, "
    "last_message_at, state, created_by, is_live, assignee_id, in_charge, snoozed_until, contact_at, rating_comment, "
    "is_demo) VALUES (:id, :at, :tenant, :agent, :no, :contact, :channel, '', 'Hello', :at, :state, '', :yes, "
    ":assignee, '', :snoozed, :at, '', :no)"
)
CONTACT = (
    "INSERT INTO contact (id, created_at, tenant_id, name, emails, phones, language, time_zone, tags, fields, "
    "search_text, updated_at, opt_out_by, source, is_demo) VALUES (:id, :at, :tenant, :name, '[]', '[]', '', '', "
    "'[]', '{}', :search, :at, '', '', :no)"
)
TAG = (
    "INSERT INTO conversationtag (id, created_at, tenant_id, conversation_id, tag, key) "
    "VALUES (:id, :at, :tenant, :talk, 'vip', 'vip')"
)
SEARCH = "INSERT INTO messagesearch (scope, body) VALUES (:scope, :body)"
WORDS = [
    f"{a}{b}{c}"
    for a in ("за", "по", "de", "re", "вы")
    for b in ("каз", "лив", "ходи", "mo", "ств")
    for c in range(400)
]
COMMON = ["доставка", "цена", "велосипед", "когда", "можно", "спасибо", "hello", "price", "today", "the"]


class Filler:
    """Writes conversations in batches, the oldest first."""

    def __init__(self, who: Identity, agents: list[str], count: int) -> None:
        self.who, self.agents, self.count = who, agents, count
        self.chance, self.messages, self.long_id = random.Random(5), 0, ""
        self.begin = now() - timedelta(days=60)

    def rows(self) -> Iterator[dict[str, list[dict[str, Any]]]]:
        """Yield batches of rows by statement."""
        for start in range(0, self.count, BATCH):
            found: dict[str, list[dict[str, Any]]] = {CONTACT: [], CONVERSATION: [], MESSAGE: [], TAG: [], SEARCH: []}
            for number in range(start, min(start + BATCH, self.count)):
                self._conversation(found, number, self.begin + timedelta(seconds=number * 50))
            yield found

    def _conversation(self, found: dict[str, list[dict[str, Any]]], number: int, at: datetime) -> None:
        draw, tenant, talk, contact = self.chance.random, self.who.tenant_id, new_id(), new_id()
        same = {"at": at.replace(tzinfo=None), "tenant": tenant, "no": False, "yes": True}
        name = f"Person {number}"
        found[CONTACT].append(same | {"id": contact, "name": name, "search": f"{name.lower()}\n"})
        state = "closed" if draw() < 0.6 else "handed_off" if draw() < 0.1 else "open"
        found[CONVERSATION].append(
            same
            | {
                "id": talk,
                "agent": self.chance.choice(self.agents),
                "contact": contact,
                "channel": self.chance.choice((Channel.API, Channel.WEB_CHAT, Channel.EMAIL)).value,
                "state": state,
                "assignee": self.who.user_id if draw() < 0.1 else None,
                "snoozed": same["at"] + timedelta(days=90) if state == "open" and draw() < 0.02 else None,
            }
        )
        if draw() < 0.05:
            found[TAG].append(same | {"id": new_id(), "talk": talk})
        is_long = number == self.count // 2
        self.long_id = talk if is_long else self.long_id
        for place in range(LONG if is_long else EACH):
            self._message(found, same, talk=talk, place=place, is_last=place == EACH - 1 and state != "closed")

    def _message(
        self, found: dict[str, list[dict[str, Any]]], same: dict[str, Any], *, talk: str, place: int, is_last: bool
    ) -> None:
        words = [self.chance.choice(COMMON if self.chance.random() < 0.3 else WORDS) for _ in range(12)]
        if self.chance.random() < 0.00005:
            words[3] = RARE
        one = {
            "id": new_id(),
            "talk": talk,
            "author": "contact" if place % 2 else "agent",
            "text": " ".join(words),
            "at": same["at"] + timedelta(seconds=place),
            "state": "to_approve" if is_last and self.chance.random() < 0.005 else "complete",
        }
        found[MESSAGE].append(same | one)
        found[SEARCH].append({"scope": f"{same['tenant']} {talk} {one['id']}", "body": fold(one["text"])})
        self.messages += 1


def fill(who: Identity, agents: list[str], count: int) -> Filler:
    """Write as many conversations as asked, or as there is time for."""
    engine, filler = create_engine(config.settings().database), Filler(who, agents, count)
    end = time.monotonic() + MAX_FILL_SECONDS
    for found in filler.rows():
        with engine.begin() as connection:
            _write(connection, found)
        if time.monotonic() > end:
            print("the time to fill is over")
            break
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    return filler


def _write(connection: Connection, found: dict[str, list[dict[str, Any]]]) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        connection.exec_driver_sql("SELECT set_config('app.tenant', '*', true)")
    for statement, rows in found.items():
        if rows and (is_sqlite or statement != SEARCH):
            connection.execute(text(statement), rows)


def cases(agent: str, long_id: str) -> dict[str, Callable[[Transaction, Identity], Any]]:
    """Return what the page asks for, by name."""

    def listed(view: View = View.OPEN, **wanted: Any) -> Callable[[Transaction, Identity], Any]:
        return lambda s, w: inbox_list.list_conversations(s, w, InboxFilter(view, **wanted))

    def deep(session: Transaction, who: Identity) -> None:
        page = inbox_list.list_conversations(session, who, InboxFilter(View.CLOSED), limit=50)
        for _ in range(4):
            page = inbox_list.list_conversations(session, who, InboxFilter(View.CLOSED), after=page.next, limit=50)

    found = {f"view: {view.value}": listed(view) for view in inbox_list.COUNTED}
    found |= {
        "all open of an agent": listed(agent_id=agent),
        "all open of a channel": listed(channel=Channel.EMAIL),
        "all open with a tag": listed(tag="vip"),
        "closed of a channel": listed(View.CLOSED, channel=Channel.EMAIL),
        "closed, five pages": deep,
        "counts of all views": lambda s, w: inbox_list.count_views(s, w, InboxFilter()),
        "counts with a tag": lambda s, w: inbox_list.count_views(s, w, InboxFilter(tag="vip")),
        "search, a common word": listed(search="доставка"),
        "search, a rare word": listed(search=RARE),
        "search, a common and a rare word": listed(search=f"доставка {RARE[:8]}"),
        "search, two letters": listed(search="де"),
        "search, a contact": listed(search="person 4711"),
        "search, nothing": listed(search="nothingofthatkind"),
        f"a conversation of {LONG} messages": lambda s, w: open_conversation.read(s, w, long_id, limit=60),
    }
    return found


def measured(ask: Callable[[Transaction, Identity], Any], who: Identity) -> tuple[float, float]:
    """Return the median and the 95th percentile in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        with session_scope(who.tenant_id, read_only=True) as session:
            ask(session, who)
        times.append(1_000 * (time.perf_counter() - begun))
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def _settings(name: str) -> dict[str, Any]:
    return AgentSettings(name=name).model_dump(mode="json")


@contextmanager
def database() -> Iterator[None]:
    """Let the platform use a fresh PostgreSQL server if the command says so."""
    if "--postgres" not in sys.argv:
        yield
        return
    with postgres.server() as url:
        os.environ["PLATFORM_DATABASE_URL"] = url
        config.settings.cache_clear()
        yield
        db.engine().dispose()


def main() -> None:
    """Fill, measure and print a table."""
    given = [word for word in sys.argv[1:] if not word.startswith("--")]
    count = int(given[0]) if given else 100_000
    migrations.upgrade(config.settings().database)
    with session_scope(reason="bench") as session:
        tenant, user = Tenant(name="Bench", slug="bench"), User(email="b@bench.test", name="Bench", password_hash="-")
        session.add_all((tenant, user))
        session.flush()
        session.add(Member(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER))
        agents = [Agent(tenant_id=tenant.id, name=name, draft=_settings(name)) for name in "ABCDEFGH"]
        session.add_all(agents)
    who = Identity(user.id, tenant.id, Role.OWNER, "Bench", "", "bench", "Bench", "en", "UTC")
    begun = time.monotonic()
    filler = fill(who, [agent.id for agent in agents], count)
    engine = db.engine().dialect.name
    print(f"{filler.messages} messages written in {time.monotonic() - begun:.0f} s, {engine}, {now():%Y-%m-%d}")
    for name, ask in cases(agents[0].id, filler.long_id).items():
        median, p95 = measured(ask, who)
        print(f"| {name} | {median:.1f} | {p95:.1f} |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("PLATFORM_DATA_DIR", str(Path(folder)))
        config.settings.cache_clear()
        with database():
            main()
