"""Conditions: every tree is weighed as a plain reference does, and no operator raises on any value."""

import json
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_app.automation.condition_checks import problems
from platform_app.automation.conditions import Condition, Group, Match, parse_conditions
from platform_app.automation.evaluation import Proof, compile_condition, evaluate, smallest_change
from platform_app.automation.facts import Fact, Facts, FactType, NamedValue, Value, catalogue
from platform_app.automation.operators import OPERATORS, Operand
from platform_app.errors import Invalid
from tests import shared
from tests.conftest import FULL

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KNOWN = catalogue([Fact("contact.field.vip", "VIP", FactType.FLAG, is_custom=True)])
TEXTS = ["", "Цена", "цена велосипеда", "Ёлка", "price", "PRICE list", "да"]
TAGS = ["vip", "Новый", "cold"]
POOL: dict[str, list[Value]] = {
    "contact.name": [None, *TEXTS],
    "lead.budget": [None, Decimal(0), Decimal("10.5"), Decimal(1000), Decimal(-1)],
    "contact.tags": [None, (), ("vip",), ("vip", "новый")],
    "lead.stage": [None, NamedValue("a", "New"), NamedValue("b", "Won")],
    "contact.created": [None, NOW, NOW - timedelta(days=2), NOW + timedelta(hours=1)],
    "clock.time": [None, time(9), time(17, 30), time(23)],
    "contact.field.vip": [None, True, False],
}
WRITTEN = ["", "цена", "PRICE", "елка", "10,5", "1000", "-1", "a", "Won", "vip", "НОВЫЙ", "yes", "no", "09:00", "22:00"]
WRITTEN += ["2026-03-01", "2026-03-02T12:00:00+00:00", "3 days", "1 hours", "x weeks", "(", r"\bцена\b"]
conditions = st.builds(
    Condition,
    fact=st.sampled_from([*POOL, "no.such"]),
    operator=st.sampled_from([*OPERATORS, "no_such"]),
    value=st.sampled_from(WRITTEN) | st.lists(st.sampled_from(WRITTEN), max_size=3),
)
trees = st.recursive(
    conditions,
    lambda inner: st.builds(Group, match=st.sampled_from(Match), of=st.lists(inner, max_size=4)),
    max_leaves=12,
)
facts = st.builds(
    Facts,
    values=st.fixed_dictionaries({name: st.sampled_from(pool) for name, pool in POOL.items()}),
    before=st.fixed_dictionaries({}, optional={name: st.sampled_from(pool) for name, pool in POOL.items()}),
)


def folded(value: object) -> str:
    return str(value or "").casefold().replace("ё", "е").strip()


def typed(written: str, kind: FactType) -> Any:
    """Return what a person wrote as a plain value, or nothing."""
    try:
        if kind == FactType.NUMBER:
            return float(written.replace(",", "."))
        if kind == FactType.TIME:
            return datetime.strptime(written, "%H:%M").time()
        if kind == FactType.MOMENT:
            found = datetime.fromisoformat(written)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return None
    return {"yes": True, "no": False}.get(written) if kind == FactType.FLAG else written or None


def is_same(actual: Any, wanted: Any, kind: FactType) -> bool:
    if kind == FactType.CHOICE:
        return wanted == actual.id or folded(wanted) == folded(actual.name)
    if kind == FactType.TEXT:
        return folded(actual) == folded(wanted)
    return bool((float(actual) if kind == FactType.NUMBER else actual) == wanted)


def is_in(actual: Any, wanted: str) -> bool:
    if isinstance(actual, tuple):
        return folded(wanted) in [folded(one) for one in actual]
    return folded(wanted) in folded(actual)


def reference(condition: Condition, known: Facts) -> bool | None:
    """Weigh a condition in the plainest way; None where the reference does not speak."""
    fact, op = KNOWN.get(condition.fact), OPERATORS.get(condition.operator)
    if fact is None or op is None or fact.type not in op.types:
        return False
    actual, kind = known.values.get(fact.name), fact.type
    is_empty = actual is None or actual == "" or actual == ()
    changed = fact.name in known.before
    if op.operand == Operand.NOTHING:
        return {"empty": is_empty, "not_empty": not is_empty, "changed": changed}[op.code]
    many = [condition.value] if isinstance(condition.value, str) else condition.value
    one = condition.value if isinstance(condition.value, str) else ""
    if op.operand in (Operand.PATTERN, Operand.SPAN) or op.code == "like":
        return None
    if op.operand == Operand.TEXT:
        return bool(one) and plain_text(op.code, actual, one)
    wanted = [typed(part, FactType.TEXT if kind == FactType.LIST else kind) for part in many]
    if op.operand == Operand.ONE:
        wanted = [typed(one, kind)]
    if not wanted or None in wanted or (op.operand == Operand.TWO and len(wanted) != 2):
        return False
    if op.code in ("contains_any", "contains_all"):
        return (any if op.code == "contains_any" else all)(is_in(actual, part) for part in wanted)
    if op.code == "changed_from":
        before = known.before.get(fact.name)
        return changed and before is not None and is_same(before, wanted[0], kind)
    same = not is_empty and any(is_same(actual, part, kind) for part in wanted)
    if op.code in ("equals", "in_list", "not_equals", "not_in_list", "changed_to"):
        return changed and same if op.code == "changed_to" else same != op.code.startswith("not")
    return not is_empty and plain_order(op.code, float(actual) if kind == FactType.NUMBER else actual, wanted)  # type: ignore[arg-type]


def plain_text(code: str, actual: Any, wanted: str) -> bool:
    if code in ("contains", "not_contains"):
        return is_in(actual, wanted) is (code == "contains")
    return getattr(folded(actual), "startswith" if code == "starts" else "endswith")(folded(wanted))  # type: ignore[no-any-return]


def plain_order(code: str, actual: Any, wanted: list[Any]) -> bool:
    if code == "between":
        least, greatest = wanted
        if isinstance(least, time) and least > greatest:
            return bool(actual >= least or actual <= greatest)
        return bool(least <= actual <= greatest)
    return bool(actual > wanted[0] if code in ("greater", "after") else actual < wanted[0])


def holds(node: Condition | Group, known: Facts) -> bool | None:
    """Weigh a tree with the reference, and each leaf it does not speak of by itself."""
    if isinstance(node, Condition):
        spoken = reference(node, known)
        return evaluate(node, known, KNOWN, NOW).holds if spoken is None else spoken
    parts = [holds(part, known) for part in node.of]
    if not parts:
        return True
    return {"all": all(parts), "any": any(parts), "none": True not in parts}[node.match]


def leaves(proof: Proof) -> list[Proof]:
    return [proof] if proof.condition else [leaf for part in proof.of for leaf in leaves(part)]


def from_leaves(proof: Proof, known: Facts, flipped: dict[tuple[int, ...], bool]) -> bool:
    """Weigh each leaf of a proof again and return what the root is by them."""
    if proof.condition:
        return flipped.get(proof.path, evaluate(proof.condition, known, KNOWN, NOW).holds)
    parts = [from_leaves(part, known, flipped) for part in proof.of]
    return not parts or {"all": all(parts), "any": any(parts), "none": not any(parts)}[str(proof.match)]


@given(tree=trees, known=facts)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_a_tree_is_weighed_as_the_reference_does(tree: Condition | Group, known: Facts) -> None:
    proof = evaluate(tree, known, KNOWN, NOW)
    assert proof.holds == holds(tree, known)
    assert compile_condition(tree, KNOWN, known.zone)(known, NOW) is proof.holds
    assert from_leaves(proof, known, {}) == proof.holds
    json.dumps(proof.as_json())
    changes = smallest_change(proof)
    if changes is not None:
        assert from_leaves(proof, known, {one.proof.path: one.is_to_hold for one in changes})


@pytest.mark.parametrize(
    ("fact", "operator", "actual", "value", "expected"),
    [
        ("contact.name", "ends", "Велосипед ЁЛКА ", "елка", True),
        ("contact.name", "ends", "Елка зелёная", "елка", False),
        ("contact.created", "longer_ago", NOW - timedelta(days=3, seconds=1), "3 days", True),
        ("contact.created", "longer_ago", NOW - timedelta(days=3), "3 days", False),
        ("contact.created", "longer_ago", None, "3 days", False),
    ],
)
def test_an_operator_at_its_bounds(fact: str, operator: str, actual: Value, value: str, expected: bool) -> None:
    condition = Condition(fact=fact, operator=operator, value=value)
    assert evaluate(condition, Facts({fact: actual}), KNOWN, NOW).holds is expected


def test_no_operator_raises_on_any_value() -> None:
    hostile: list[str] = json.loads(shared.path("corpora/blns/blns.json").read_text())
    hostile += ["\ud800", "\x00", "a" * 1_000, "NaN", "Infinity", "1e999999", "0001-01-01T00:00+23:59", "9" * 400]
    by_type: dict[FactType, str] = {fact.type: fact.name for fact in KNOWN.values()}
    for place, text in enumerate(hostile):
        given: list[str | list[str]] = [text, [text], [text, text]]
        for kind, name in by_type.items():
            odd: list[Value] = [text, (text,), NamedValue(text, text), Decimal("sNaN"), Decimal("Infinity"), None]
            odd += [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), time.max, True]
            for op in OPERATORS.values():
                for actual in odd:
                    seen = Facts({name: actual}, before={name: actual})
                    for value in given if FULL else given[place % 3 : place % 3 + 1]:
                        proof = evaluate(Condition(fact=name, operator=op.code, value=value), seen, KNOWN, NOW)
                        assert proof.holds in (True, False), kind


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("Какая цена?", r"\bцена\b", True),
        ("оценка", r"\bцена\b", False),
        ("ЦЕНА", "цена", True),
        ("цена и скидка", r"цена\b.*\bскидк", True),
        ("цена скидка", r"цена\b \bскидка\b", True),
        ("цена", r"^\b\w{4}\b$", True),
        ("цены", r"цен[аы]$", True),
        ("да нет", r"^(да|нет)$", False),
        ("ну, да!", r"\b(да|нет)\b", True),
        ("тел. 8 900", r"\W\d\s\d{3}\b", True),
        ("8\u00a0900", r"8\s900", True),
        ("a.c", r"\Qa.c\E", True),
        ("abc", r"\Qa.c\E", False),
        ("снова", r"\bново", False),
        ("цена", r"[^\w\s]", False),
        ("слово", r"\b\b\bслово\b\z", True),
        ("a" * 40 + "!", r"(a+)+$", False),
        ("a", r"(a{1000}){1000}", False),
    ],
)
def test_patterns_know_words_of_every_alphabet(text: str, pattern: str, fits: bool) -> None:
    condition = Condition(fact="message.text", operator="matches", value=pattern)
    assert evaluate(condition, Facts({"message.text": text}), KNOWN, NOW).holds is fits


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"([a-zA-Z]+)*$",
        r"(a|aa)+$",
        r"(a|a?)+$",
        r"(.*a){20}$",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        r"(\w+\s?)*$",
        r"\b(\w+\s?)*\b!$",
        r"(х+х+)+у",
    ],
)
@pytest.mark.parametrize("text", ["a" * 20_000 + "!", "ах " * 7_000 + "!", "х" * 20_000, "a\n" * 10_000])
def test_patterns_that_hang_others_end(pattern: str, text: str) -> None:
    """S26: with an engine that backtracks each of these pairs would go on for longer than anybody waits."""
    condition = Condition(fact="message.text", operator="matches", value=pattern)
    assert evaluate(condition, Facts({"message.text": text}), KNOWN, NOW).holds in (True, False)


@pytest.mark.parametrize(
    "pattern", ["(", "[", "*", r"\B", r"(?=x)", r"(a)\1", "a" * 1_001, r"[\W\d]", "x{1001}", "(?P<a"]
)
def test_a_pattern_that_cannot_be_used_is_said_before(pattern: str) -> None:
    tree = Group(of=[Condition(fact="message.text", operator="matches", value=pattern)])
    (problem,) = problems(tree, KNOWN)
    assert problem.path == (0,) and "pattern" in problem.sentence


@pytest.mark.parametrize(
    ("fact", "op", "value", "sentence"),
    [
        ("no.such", "equals", "x", "This {what} no longer exists. Choose another."),
        ("lead.budget", "contains", "x", "Choose an operator."),
        ("lead.budget", "greater", "many", "Enter a number."),
        ("lead.budget", "between", ["1"], "Enter a number."),
        ("lead.stage", "equals", "", "Choose a value."),
        ("clock.time", "after", "25:00", "Enter a time, for example 09:30."),
        ("contact.created", "before", "soon", "Choose a date."),
        ("contact.created", "within_last", "3 moons", "Enter a duration."),
        ("contact.tags", "contains_any", [], "Enter at least one value."),
        ("contact.name", "contains", " ", "Enter a value."),
    ],
)
def test_what_is_wrong_is_said_at_its_place(fact: str, op: str, value: Any, sentence: str) -> None:
    tree = Group(of=[Group(match=Match.ANY, of=[Condition(fact=fact, operator=op, value=value)])])
    assert [(one.path, one.sentence) for one in problems(tree, KNOWN)] == [((0, 0), sentence)]


def test_empty_groups_and_too_many_conditions_are_refused() -> None:
    assert [one.path for one in problems(Group(of=[Group()]), KNOWN)] == [(0,)]
    many = Group(of=[Condition(fact="contact.name", operator="empty")] * 101)
    assert problems(many, KNOWN)[0].sentence == "You can add up to {count} conditions."
    assert problems(Group(), KNOWN) == []


@pytest.mark.parametrize(
    "data",
    [
        [],
        "x",
        {"kind": "condition", "fact": "a", "operator": "b"},
        {"kind": "group", "match": "some"},
        {"kind": "group", "of": [{"kind": "script", "code": "1"}]},
        {"kind": "group", "of": [{"kind": "condition", "fact": "a", "operator": "b", "value": {"x": 1}}]},
        {"kind": "group", "of": [{"kind": "condition", "fact": "a", "operator": "b", "value": "x" * 1_001}]},
    ],
)
def test_what_is_no_tree_is_refused(data: Any) -> None:
    if not data:
        assert parse_conditions(data) == Group()
        return
    with pytest.raises(Invalid):
        parse_conditions(data)


def test_too_deep_is_refused() -> None:
    tree: dict[str, Any] = {"kind": "group"}
    for _ in range(10_000):
        tree = {"kind": "group", "of": [tree]}
    with pytest.raises(Invalid):
        parse_conditions(tree)


def test_the_smallest_change_is_named() -> None:
    cheap = Condition(fact="lead.budget", operator="less", value="100")
    won = Condition(fact="lead.stage", operator="equals", value="b")
    vip = Condition(fact="contact.tags", operator="contains", value="vip")
    tree = Group(of=[won, Group(match=Match.ANY, of=[cheap, Group(of=[vip, won])])])
    known = Facts({"lead.budget": Decimal(500), "lead.stage": NamedValue("a", "New")}, names={"b": "Won"})
    proof = evaluate(tree, known, KNOWN, NOW)
    changes = smallest_change(proof)
    assert changes is not None
    assert [(one.proof.condition, one.is_to_hold) for one in changes] == [(won, True), (cheap, True)]
    assert (proof.of[0].actual, proof.of[0].expected) == (NamedValue("a", "New"), "Won")
    assert smallest_change(evaluate(Group(), known, KNOWN, NOW), False) is None


def test_moments_without_a_zone_are_in_the_tenants() -> None:
    at = Condition(fact="contact.created", operator="after", value="2026-03-02T15:00")
    known = {"contact.created": NOW}
    assert not evaluate(at, Facts(known), KNOWN, NOW).holds
    assert evaluate(at, Facts(known, zone="Asia/Vladivostok"), KNOWN, NOW).holds


def test_a_tree_holds_no_more_than_it_may() -> None:
    many = {"kind": "condition", "fact": "message.text", "operator": "like", "value": ["word"] * 990}
    assert parse_conditions({"kind": "group", "of": [many]}).of
    for tree in ({"kind": "group", "of": [many] * 2}, {"kind": "group", "of": [many | {"value": ["x"] * 200_000}]}):
        with pytest.raises(Invalid, match="You can add up to"):
            parse_conditions(tree)
