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
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from platform_app import config, db, migrations
from platform_app.clock import new_id, now
from platform_app.db import session_scope
from platform_app.models.agent import Agent, Channel
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.analytics import analytics, periods
from platform_app.services.analytics.selection import Dimension, Narrowing

ROUNDS, EACH, BATCH, DAYS = 7, 10, 500, 364  # EACH: messages of a conversation
MAX_FILL_SECONDS = 300
CONVERSATION = (
    "INSERT INTO conversation (id, created_at, tenant_id, agent_id, use_draft, channel, title, last_line, "
    "last_message_at, state, created_by, is_live, in_charge, contact_at, is_demo, rating_comment) VALUES "
    "(:id, :at, :tenant, :agent, :no, :channel, '', '', :at, 'open', '', :yes, '', :at, :no, '')"
)
MESSAGE = (
    "INSERT INTO message (id, created_at, tenant_id, conversation_id, author, author_name, author_id, origin, "
    "origin_name, text, state, error, task, depth, replaced, sources, without_vectors, is_exempt, is_suggestion, gate, "
    "own_text, review, mentions, template, figures) VALUES (:message, :at, :tenant, :talk, :author, 'Vera', :by, "
    "'conversation', '', :text, 'complete', '', '', 0, :no, '[]', :no, :no, :no, '{}', '', '{}', '[]', '{}', '[]')"
)
EVENT = (
    "INSERT INTO event (id, created_at, tenant_id, kind, at, agent_id, conversation_id, message_id, before, after, "
    "facts, depth) VALUES (:id, :at, :tenant, :kind, :at, :agent, :talk, :message, '{}', :after, :facts, 0)"
)
TRACE = (
    "INSERT INTO trace (id, created_at, tenant_id, message_id, agent_id, model, prompt_tokens, cached_tokens, "
    "completion_tokens, cost, total_ms, first_token_ms, is_unanswered, data) VALUES (:id, :at, :tenant, :message, "
    ":agent, 'm', 900, 300, 80, 0.001, 900, 300, :no, :data)"
)
TAG = (
    "INSERT INTO conversationtag (id, created_at, tenant_id, conversation_id, tag, key) "
    "VALUES (:id, :at, :tenant, :talk, 'vip', 'vip')"
)
KINDS = {"contact": "message_received", "agent": "reply_sent", "member": "member_replied"}
FACTS = '{"facts": "' + "x" * 2_000 + '"}'  # as wide as snapshots and traces are
TRACED = '{"prompt": "' + "x" * 8_000 + '"}'
Batch = dict[str, list[dict[str, Any]]]


def batches(who: Identity, agents: list[str], messages: int) -> Iterator[Batch]:
    """Yield rows by statement: conversations over a year, the oldest first."""
    chance, talks = random.Random(5), messages // EACH
    begin = now() - timedelta(days=DAYS)
    for start in range(0, talks, BATCH):
        rows: Batch = {CONVERSATION: [], MESSAGE: [], EVENT: [], TRACE: [], TAG: []}
        for number in range(start, min(start + BATCH, talks)):
            at = (begin + timedelta(days=DAYS * number / talks)).replace(tzinfo=None)
            agent, channel = chance.choice(agents), chance.choice(list(Channel)).value
            same = {"tenant": who.tenant_id, "agent": agent, "no": False, "yes": True, "talk": new_id()}
            rows[CONVERSATION].append(same | {"id": same["talk"], "at": at, "channel": channel})
            if chance.random() < 0.2:
                rows[TAG].append(same | {"id": new_id(), "at": at})
            for place in range(EACH):
                _message(rows, same | {"at": at + timedelta(seconds=place * 40)}, place, who, chance)
        yield rows


def _message(rows: Batch, same: dict[str, Any], place: int, who: Identity, chance: random.Random) -> None:
    author = "contact" if place % 2 == 0 else "member" if chance.random() < 0.1 else "agent"
    one = same | {"id": new_id(), "message": new_id(), "author": author, "kind": KINDS[author]}
    one |= {"text": "Hello " * 20, "by": who.user_id if author == "member" else None, "after": '{"text": "Hello"}'}
    rows[MESSAGE].append(one)
    rows[EVENT].append(one | {"facts": FACTS})
    if author == "agent":
        rows[TRACE].append(one | {"data": TRACED})


def fill(who: Identity, agents: list[str], messages: int) -> int:
    """Write as many messages as asked, or as there is time for; return their number."""
    engine, end, written = create_engine(config.settings().database), time.monotonic() + MAX_FILL_SECONDS, 0
    for rows in batches(who, agents, messages):
        with engine.begin() as connection:
            if connection.dialect.name != "sqlite":
                connection.exec_driver_sql("SELECT set_config('app.tenant', '*', true)")
            for statement, given in rows.items():
                if given:
                    connection.execute(text(statement), given)
        written += len(rows[MESSAGE])
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
