"""CRM measured: lists, search and board over many contacts and leads, with the plan of each query.

`python -m tests.bench.bench_crm [rows]`; PostgreSQL when PLATFORM_DATABASE_URL names one, else SQLite.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from platform_app import config, db, migrations
from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.models.crm import Address, Contact, Lead
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.crm import contacts, leads, pipelines, search_text

ROUNDS = 40
FIRST = ["Анна", "Борис", "Вера", "Глеб", "Daria", "Egor", "Fiona", "Юлия", "Igor", "Kate"]
LAST = ["Ли", "Петрова", "Smith", "Иванов", "Orlov", "Ким", "Novak", "Brown", "Ёлкин", "Zhou"]


def fill(who: Identity, count: int) -> list[str]:
    """Write contacts and leads as many as asked, in batches; return the stages."""
    chance = random.Random(3)
    with session_scope(who.tenant_id) as session:
        made = pipelines.create(session, who, "Sales", [(name, "open") for name in ("New", "Talk", "Offer", "Paid")])  # type: ignore[misc]
        stages = [
            stage.id for row, found in pipelines.list_pipelines(session, who) if row.id == made.id for stage in found
        ]
    for start in range(0, count, 5_000):
        with session_scope(who.tenant_id) as session:
            for number in range(start, min(start + 5_000, count)):
                _add(session, who, chance, stage_id=stages[chance.choice((0, 0, 0, 1, 2, 3))], number=number)
    with db.engine().begin() as connection:
        connection.info["session"] = None
        connection.execute(text("ANALYZE"))
    return stages


def _add(session: Transaction, who: Identity, chance: random.Random, *, stage_id: str, number: int) -> None:
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)} {number}"
    phone, tag = f"+7900{number:07}", chance.choice(["vip", "cold", "новый"])
    contact = Contact(tenant_id=who.tenant_id, name=name, phones=[phone], emails=[f"p{number}@example.com"], tags=[tag])
    contact.search_text = search_text.build_search_text(name, lines=contact.emails, phones=[phone], tags=[tag])
    lead = Lead(tenant_id=who.tenant_id, title=f"Bicycle for {name}", contact_id=contact.id, stage_id=stage_id)
    lead.budget, lead.tags = chance.randint(1, 900_000), [tag]  # type: ignore[assignment]
    lead.search_text = search_text.build_search_text(lead.title, tags=[tag])
    session.add(contact)
    session.flush()
    session.add(Address(tenant_id=who.tenant_id, contact_id=contact.id, value=contact.emails[0]))
    session.add(lead)


def cases(count: int, stages: list[str]) -> dict[str, Callable[[Transaction, Identity], Any]]:
    """Return what a page asks for, by name."""
    last = count // 25
    return {
        "contacts, first page": lambda s, w: contacts.list_contacts(s, w, sort="updated", descending=True),
        "contacts by name, last page": lambda s, w: contacts.list_contacts(s, w, page=last),
        "contacts, a common word": lambda s, w: contacts.list_contacts(
            s, w, search="анна", sort="updated", descending=True
        ),
        "contacts, one phone": lambda s, w: contacts.list_contacts(
            s, w, search="900 0077777", sort="updated", descending=True
        ),
        "contacts, found nowhere": lambda s, w: contacts.list_contacts(s, w, search="nobody is called so"),
        "contacts with a tag": lambda s, w: contacts.list_contacts(s, w, tag="vip", sort="updated", descending=True),
        "contact by its address": lambda s, w: contacts.find_by_address(s, w, emails=["p77@example.com"], phones=[]),
        "leads, first page": lambda s, w: leads.list_leads(s, w),
        "leads by budget": lambda s, w: leads.list_leads(s, w, sort="budget"),
        "leads of a stage": lambda s, w: leads.list_leads(s, w, stage_id=stages[1]),
        "leads, a common word": lambda s, w: leads.list_leads(s, w, search="петрова"),
        "board": lambda s, w: (leads.stage_totals(s, w), [leads.newest_in_stage(s, w, stage) for stage in stages]),
        "board, a common word": lambda s, w: (
            leads.stage_totals(s, w, search="анна"),
            [leads.newest_in_stage(s, w, stage, search="анна") for stage in stages],
        ),
    }


@contextmanager
def statements(found: list[tuple[str, Any]]) -> Any:
    """Collect what is sent to the database."""

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        found.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)


def plan(who: Identity, statement: str, parameters: Any) -> str:
    """Return the plan of a statement on one line."""
    is_sqlite = db.engine().dialect.name == "sqlite"
    with session_scope(who.tenant_id, read_only=True) as session:
        lines = session.connection().exec_driver_sql(
            f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{statement}", parameters
        )
        return " / ".join(str(line[-1] if is_sqlite else line[0]).strip() for line in lines)[:240]


def main() -> None:
    """Fill, measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    migrations.upgrade(config.settings().database)
    with session_scope(reason="bench") as session:
        tenant = Tenant(name="Bench", slug="bench")
        session.add(tenant)
    who = Identity("", tenant.id, Role.OWNER, "Bench", "", "bench", "Bench", "en", "UTC")
    begun = time.monotonic()
    stages = fill(who, count)
    print(f"{count} contacts and leads written in {time.monotonic() - begun:.0f} s, {now():%Y-%m-%d}")
    for name, ask in cases(count, stages).items():
        times, found = [], []
        for _ in range(ROUNDS):
            with session_scope(who.tenant_id, read_only=True) as session:
                begun = time.perf_counter()
                ask(session, who)
                times.append(1_000 * (time.perf_counter() - begun))
        with statements(found), session_scope(who.tenant_id, read_only=True) as session:
            ask(session, who)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"| {name} | {statistics.median(times):.1f} | {p95:.1f} |")
        for statement, parameters in found:
            if statement.startswith("SELECT"):
                print("    ", plan(who, statement, parameters))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        import os

        os.environ.setdefault("PLATFORM_DATA_DIR", str(Path(folder)))
        config.settings.cache_clear()
        main()
