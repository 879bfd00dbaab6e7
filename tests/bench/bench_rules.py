"""Rules measured: evaluations beside other engines, an event until its actions are done, and the past.

`python -m tests.bench.bench_rules`. The engines stand in a folder of their own, which PEERS names:
`uv pip install --target peers rule-engine json-logic-qubit zen-engine`; what is not there is left out.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

from platform_app import config, migrations
from platform_app.automation.conditions import parse_conditions
from platform_app.automation.evaluation import compile_condition, evaluate
from platform_app.automation.facts import Facts, NamedValue, catalogue
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.engine.rules import backtest, rules
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.crm import contacts
from tests.talking import call, run_jobs

EVALUATIONS = 20_000  # of a round
ROUNDS = 7
EVENTS = 60_000  # of ten thousand conversations
WORDS = ("price", "discount", "delivery", "warranty")


def leaf(fact: str, operator: str, value: Any) -> dict[str, Any]:
    """Return a condition."""
    return {"kind": "condition", "fact": fact, "operator": operator, "value": value}


TREE = {
    "kind": "group",
    "match": "all",
    "of": [
        leaf("lead.budget", "greater", "1000"),
        leaf("lead.stage", "equals", "s1"),
        {
            "kind": "group",
            "match": "any",
            "of": [
                leaf("message.text", "contains", "price"),
                leaf("message.text", "contains", "discount"),
                leaf("lead.source", "equals", "site"),
            ],
        },
        {
            "kind": "group",
            "match": "none",
            "of": [leaf("lead.title", "contains", "spam"), leaf("conversation.messages", "less", "1")],
        },
    ],
}
PLAIN = (
    'budget > 1000 and stage == "s1" and ({0} or source == "site") and not ({1} or messages < 1)',
    ('"price" in text or "discount" in text', '"spam" in title'),
    ('contains(text, "price") or contains(text, "discount")', 'contains(title, "spam")'),
)
LOGIC = {
    "and": [
        {">": [{"var": "budget"}, 1000]},
        {"==": [{"var": "stage"}, "s1"]},
        {
            "or": [
                {"in": ["price", {"var": "text"}]},
                {"in": ["discount", {"var": "text"}]},
                {"==": [{"var": "source"}, "site"]},
            ]
        },
        {"!": [{"or": [{"in": ["spam", {"var": "title"}]}, {"<": [{"var": "messages"}, 1]}]}]},
    ]
}


def evaluators() -> dict[str, Callable[[int], Any]]:
    """Return what evaluates the same condition, by name; each takes whether the budget is large enough."""
    tree, known, moment = parse_conditions(TREE), catalogue(), now()
    seen = [
        Facts(
            {
                "lead.budget": Decimal(budget),
                "lead.stage": NamedValue("s1", "New"),
                "message.text": "What is the price of it?",
                "lead.source": "site",
                "lead.title": "A bicycle",
                "conversation.messages": Decimal(3),
            }
        )
        for budget in (500, 5_000)
    ]
    plain = [
        {"budget": budget, "stage": "s1", "source": "site", "title": "A bicycle", "messages": 3}
        | {"text": "What is the price of it?"}
        for budget in (500, 5_000)
    ]
    test = compile_condition(tree, known, "UTC")
    return {
        "ours": lambda which: test(seen[which], moment),
        "ours, with the whole proof": lambda which: evaluate(tree, seen[which], known, moment).holds,
        **peers(plain),
    }


def peers(plain: list[dict[str, Any]]) -> dict[str, Callable[[int], Any]]:
    """Return the peers that are installed, by name; each evaluates the same condition over plain facts."""
    found: dict[str, Callable[[int], Any]] = {}
    sys.path.append(os.environ.get("PEERS", "peers"))
    makers: dict[str, Callable[[], Callable[[Any], Any]]] = {
        "rule-engine": lambda: import_module("rule_engine").Rule(PLAIN[0].format(*PLAIN[1])).matches,
        "json-logic-qubit": lambda: partial(import_module("json_logic").jsonLogic, LOGIC),
        "zen-engine (compiled, Rust)": lambda: (
            import_module("zen").compile_expression(PLAIN[0].format(*PLAIN[2])).evaluate
        ),
    }
    for name, make in makers.items():
        try:
            peer = make()
        except ImportError:
            print(f"{name} is not there")
            continue
        found[name] = lambda which, peer=peer: peer(plain[which])  # type: ignore[misc]
    return found


def measure_evaluations() -> None:
    """Print evaluations a second, and the ratio to ours: the best of rounds in which all take turns."""
    speeds: dict[str, float] = defaultdict(float)
    found = evaluators()
    for name, run in found.items():
        assert not run(0) and run(1), name
    for _ in range(ROUNDS):
        for name, run in found.items():
            began = time.perf_counter()
            for number in range(EVALUATIONS):
                run(number % 2)
            speeds[name] = max(speeds[name], EVALUATIONS / (time.perf_counter() - began))
    for name, speed in speeds.items():
        print(f"{name:32} {speed:>10,.0f} a second   ours is {speeds['ours'] / speed:.2f} times as fast")


def a_rule(who: Identity, trigger: str, number: int, *, condition: dict[str, Any]) -> str:
    """Write a rule, publish it and switch it on."""
    draft = {"trigger": trigger, "condition": condition, "actions": [{"kind": "add_tag", "tag": f"tag {number}"}]}
    row = call(who, rules.DEFINITIONS.create, name=f"Rule {number}", draft=draft)
    call(who, rules.DEFINITIONS.publish, row.id)
    call(who, rules.DEFINITIONS.switch, row.id, enabled=True)
    return str(row.id)


def measure_event(few: Identity, many: Identity, rounds: int = 60) -> None:
    """Print how long an event takes until its actions are done, in turns: with 10 rules, and with 10 among 1,000."""
    nobody = {"kind": "group", "match": "all", "of": [leaf("contact.name", "equals", "Unassigned")]}
    anybody = {"kind": "group", "match": "all", "of": [leaf("contact.name", "equals", "Person")]}
    for who, count in ((few, 10), (many, 1_000)):
        for number in range(count):
            kind = "contact_created" if number < 10 else "task_created"
            a_rule(who, kind, number, condition=nobody if number else anybody)
    took: dict[str, list[float]] = {few.slug: [], many.slug: []}
    for _ in range(rounds):
        for who in (few, many):
            began = time.perf_counter()
            call(who, contacts.create, name="Person")
            run_jobs(who)
            took[who.slug].append((time.perf_counter() - began) * 1_000)
    for name, one in (("10 rules", took[few.slug]), ("1,000 rules, 10 of the kind", took[many.slug])):
        p95 = statistics.quantiles(one, n=20)[-1]
        print(f"event to its actions done, {name}: p50 {statistics.median(one):.1f} ms, p95 {p95:.1f} ms")
    ratio = statistics.median(took[many.slug]) / statistics.median(took[few.slug])
    print(f"1,000 rules against 10: {ratio:.2f} times")


def measure_handling(who: Identity, events: int = 20) -> None:
    """Print how fast twenty rules that all fire are run, an action each."""
    for number in range(20):
        a_rule(who, "contact_created", number, condition={})
    for _ in range(events):
        call(who, contacts.create, name="Person")
    began, used = time.perf_counter(), time.process_time()
    run_jobs(who)
    took, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{events * 20} runs of 20 rules: {events * 20 / took:.0f} a second, {used / events * 50:.1f} ms of a core each"
    )


def measure_backtest(who: Identity) -> None:
    """Print how long the past takes with 20 rules, and how much memory."""
    start = now() - timedelta(days=20)
    for first in range(0, EVENTS, 5_000):
        with session_scope(who.tenant_id) as session:
            session.add_all(_event(who, number, start) for number in range(first, first + 5_000))
    ids = [
        call(
            who,
            rules.DEFINITIONS.create,
            name=f"Past {number}",
            draft={"trigger": "message_received", "condition": TREE, "daily_cap": number * 50, "actions": []},
        ).id
        for number in range(20)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, used = time.perf_counter(), time.process_time()
    call(who, backtest.backtest_all, ids, days=30)
    took, used = time.perf_counter() - began, time.process_time() - used
    print(f"backtest of {EVENTS:,} events x 20 rules in one pass: {took:.1f} s, {used:.1f} s of a core")
    began = time.perf_counter()
    fired = sum(call(who, backtest.backtest, rule_id, days=30).reasons["fires"] for rule_id in ids)
    took = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"backtest of {EVENTS:,} events x 20 rules one by one: {took:.1f} s, {fired:,} runs, memory +{grown:.0f} MB")


def _event(who: Identity, number: int, start: Any) -> Event:
    facts = {
        "lead.budget": {"number": str(number % 5_000)},
        "lead.stage": {"id": f"s{number % 3}", "name": "New"},
        "message.text": f"What about the {WORDS[number % 4]} of number {number}?",
        "lead.source": "site",
        "lead.title": "A bicycle",
        "conversation.messages": {"number": str(number % 6 + 1)},
        "contact.name": "Anna",
        "contact.created": {"at": start.isoformat()},
    }
    return Event(
        tenant_id=who.tenant_id,
        kind=EventKind.MESSAGE_RECEIVED,
        at=start + timedelta(seconds=number * 20),
        conversation_id=f"{number // 6:032}",
        facts={"values": facts, "before": {}, "zone": "Europe/Moscow", "language": "en"},
    )


def main() -> None:
    """Measure in a database of its own."""
    measure_evaluations()
    migrations.upgrade(config.settings().database)
    few, many, busy, past = (a_tenant(name) for name in ("few", "many", "busy", "past"))
    measure_event(few, many)
    measure_handling(busy)
    measure_backtest(past)


def a_tenant(name: str) -> Identity:
    """Write a tenant; return its owner."""
    with session_scope(reason="bench") as session:
        tenant = Tenant(name=name, slug=name)
        session.add(tenant)
    return Identity("", tenant.id, Role.OWNER, "Bench", "", name, name, "en", "UTC")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("PLATFORM_DATA_DIR", folder)
        config.settings.cache_clear()
        main()
