"""Analytics measured: the page of each period, and each breakdown, over many messages of one tenant.

`python -m tests.bench.bench_analytics [messages]`; PostgreSQL when PLATFORM_DATABASE_URL names one, else SQLite.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, text
from sqlmodel import SQLModel

from platform_app import config, db, migrations
from platform_app.clock import new_id, now
from platform_app.db import session_scope
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import Author, Conversation, ConversationTag, Message, Trace
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.analytics import analytics, periods
from platform_app.services.analytics.selection import Dimension, Narrowing

ROUNDS, EACH, BATCH, DAYS = 7, 10, 500, 364  # EACH: messages of a conversation
MAX_FILL_SECONDS = 300
KINDS = {
    "contact": EventKind.MESSAGE_RECEIVED,
    "agent": EventKind.REPLY_SENT,
    "member": EventKind.MEMBER_REPLIED,
}
FACTS = {"facts": "x" * 2_000}  # as wide as snapshots and traces are
TRACED = {"prompt": "x" * 8_000}
TABLES: tuple[type[SQLModel], ...] = (Conversation, Message, Event, Trace, ConversationTag)
Row = dict[str, Any]
Batch = dict[type[SQLModel], list[Row]]


@cache
def _defaults(table: type[SQLModel]) -> Row:
    return table().model_dump()


def row(table: type[SQLModel], **values: Any) -> Row:
    """Return a row with the defaults of its class, so that a new column needs no change here."""
    return _defaults(table) | values


def batches(who: Identity, agents: list[str], messages: int) -> Iterator[Batch]:
    """Yield rows by table: conversations over a year, the oldest first."""
    chance, talks = random.Random(5), messages // EACH
    begin = now() - timedelta(days=DAYS)
    for start in range(0, talks, BATCH):
        rows: Batch = {table: [] for table in TABLES}
        for number in range(start, min(start + BATCH, talks)):
            at = begin + timedelta(days=DAYS * number / talks)
            talk, agent = new_id(), chance.choice(agents)
            same = {"tenant_id": who.tenant_id, "created_at": at}
            times = {"last_message_at": at, "contact_at": at}
            kept = {"agent_id": agent, "channel": chance.choice(list(Channel)), "use_draft": False}
            rows[Conversation].append(row(Conversation, id=talk, **same, **times, **kept))
            if chance.random() < 0.2:
                tag = {"conversation_id": talk, "tag": "vip", "key": "vip"}
                rows[ConversationTag].append(row(ConversationTag, id=new_id(), **same, **tag))
            for place in range(EACH):
                same["created_at"] = at + timedelta(seconds=place * 40)
                _message(rows, same | {"agent_id": agent, "conversation_id": talk}, place, who, chance)
        yield rows


def _message(rows: Batch, same: Row, place: int, who: Identity, chance: random.Random) -> None:
    author = "contact" if place % 2 == 0 else "member" if chance.random() < 0.1 else "agent"
    message, told = new_id(), {"author": Author(author), "text": "Hello " * 20}
    told |= {"author_name": "Vera", "author_id": who.user_id if author == "member" else None}
    talk = {name: same[name] for name in ("tenant_id", "created_at", "conversation_id")}
    rows[Message].append(row(Message, id=message, **talk, **told))
    event = {"kind": KINDS[author], "at": same["created_at"], "message_id": message}
    rows[Event].append(row(Event, id=new_id(), **same, **event, after={"text": "Hello"}, facts=FACTS))
    if author == "agent":
        used = {
            "model": "m",
            "prompt_tokens": 900,
            "cached_tokens": 300,
            "completion_tokens": 80,
            "cost": Decimal("0.001"),
        }
        traced = {name: same[name] for name in ("tenant_id", "created_at", "agent_id")} | used
        rows[Trace].append(row(Trace, id=new_id(), message_id=message, **traced, total_ms=900, data=TRACED))


def fill(who: Identity, agents: list[str], messages: int) -> int:
    """Write as many messages as asked, or as there is time for; return their number."""
    engine, end, written = create_engine(config.settings().database), time.monotonic() + MAX_FILL_SECONDS, 0
    for rows in batches(who, agents, messages):
        with engine.begin() as connection:
            if connection.dialect.name != "sqlite":
                connection.exec_driver_sql("SELECT set_config('app.tenant', '*', true)")
            for table, given in rows.items():
                if given:
                    connection.execute(insert(table), given)
        written += len(rows[Message])
        if time.monotonic() > end:
            print("the time to fill is over")
            break
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    return written


def measure(name: str, who: Identity, run: Callable[..., Any]) -> None:
    """Print the median and the longest time of a query."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        with session_scope(who.tenant_id, read_only=True) as session:
            run(session, who)
        times.append((time.perf_counter() - begin) * 1000)
    print(f"{name:<28} {statistics.median(times):8.1f} ms  at most {max(times):8.1f} ms", flush=True)


def people() -> tuple[Identity, list[str]]:
    """Write a tenant with an owner and five agents; return the owner and the agents' ids."""
    with session_scope(reason="bench") as session:
        tenant, user = Tenant(slug="bench", name="Bench"), User(email="b@bench.test", name="B", password_hash="-")
        session.add_all([tenant, user])
        session.flush()
        session.add(Member(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER))
        agents = [Agent(tenant_id=tenant.id, name=f"Agent {number}") for number in range(5)]
        session.add_all(agents)
        session.flush()
        named = {"slug": tenant.slug, "tenant_name": tenant.name, "language": "en", "time_zone": "Europe/Moscow"}
        who = Identity(user.id, tenant.id, Role.OWNER, user.name, user.email, **named)
        return who, [agent.id for agent in agents]


def main(messages: int) -> None:
    """Fill and measure."""
    migrations.upgrade(config.settings().database)
    who, agents = people()
    begin = time.perf_counter()
    written = fill(who, agents, messages)
    size = config.settings().data_dir / "platform.db"
    print(f"{written} messages on {db.engine().dialect.name}, written in {time.perf_counter() - begin:.0f} s")
    if size.exists():
        print(f"{size.stat().st_size / 1e6:.0f} MB")
    at, everything = now(), Narrowing()
    for span in periods.SPANS:
        period = periods.latest(span, who.time_zone, at)
        measure(f"figures, {span}", who, lambda s, w, p=period: analytics.get_report(s, w, p, everything))
    for dimension in Dimension:
        for span in ("30", "year"):
            period = periods.latest(span, who.time_zone, at)
            measure(
                f"by {dimension.value}, {span}",
                who,
                lambda s, w, p=period, d=dimension: analytics.get_breakdown(s, w, p, everything, dimension=d),
            )
    narrow = Narrowing(agent_id=agents[0], channel=Channel.TELEGRAM.value)
    period = periods.latest("year", who.time_zone, at)
    measure("one agent and channel, year", who, lambda s, w: analytics.get_report(s, w, period, narrow))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        import os

        os.environ.setdefault("PLATFORM_DATA_DIR", str(Path(folder)))
        config.settings.cache_clear()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
