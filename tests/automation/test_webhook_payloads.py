"""Payloads: read within limits, looked into by path, taken as values of a type; what is hostile does no harm."""

import json
from typing import Any

import pytest

from platform_app.automation import webhook_payloads
from platform_app.automation.facts import FactType
from platform_app.automation.webhook_payloads import MAX_DEPTH, UnreadableBody
from platform_app.services.webhooks import delivery_bodies
from platform_app.services.webhooks.delivery_bodies import parse_body
from tests import shared

SUITE = "corpora/JSONTestSuite/test_parsing"
ORDER = {"order": {"id": 7, "total": 12.5, "paid": True, "items": [{"sku": "A"}, {"sku": "B"}]}, "a.b": "dotted"}


def test_of_the_test_suite_what_is_json_is_taken_and_what_is_not_is_refused() -> None:
    counted = {"y": 0, "n": 0}
    for path in sorted(shared.path(SUITE).glob("*.json")):
        must = path.name[0]
        try:
            found = webhook_payloads.parse_json(path.read_bytes())
        except UnreadableBody:
            assert must != "y", path.name
            counted["n"] += must == "n"
            continue
        assert must != "n", path.name
        counted["y"] += must == "y"
        json.dumps(found, allow_nan=False).encode()
    assert counted == {"y": 95, "n": 188}


def test_as_deep_as_may_be_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    webhook_payloads.parse_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 1_000, 400_000):
        with pytest.raises(UnreadableBody, match="deeply"):
            webhook_payloads.parse_json(nested(depth))
    with pytest.raises(UnreadableBody):
        webhook_payloads.parse_json(b'{"a":' * 100_000)


@pytest.mark.parametrize("text", ['"\\u0000"', '"\\ud800"', '"\\udc00 x"', '{"\\u0000\\ud800": 1}'])
def test_what_no_database_and_no_socket_takes_is_replaced(text: str) -> None:
    shown = str(webhook_payloads.parse_json(text.encode()))
    assert "\x00" not in shown and shown.encode() and "\ufffd" in shown


def test_emoji_and_marks_stay() -> None:
    for text in ("\ufeffx", "👩‍👩‍👧", "ё", "\u202e", "a\nb"):
        assert webhook_payloads.parse_json(json.dumps(text).encode()) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("order.total", 12.5),
        ("order.items.1.sku", "B"),
        ("order.items.2.sku", None),
        ("order.items.x", None),
        ("order.items.99999999999999999999", None),
        ("order.id.deeper", None),
        ("a.b", "dotted"),
        ("nowhere", None),
        ("..", None),
        ("order.", ORDER["order"]),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(path: str, found: Any) -> None:
    assert webhook_payloads.value_at(ORDER, path) == found


@pytest.mark.parametrize(
    ("value", "kind", "kept"),
    [
        ("  Anna ", FactType.TEXT, "Anna"),
        (5, FactType.TEXT, "5"),
        (True, FactType.TEXT, "true"),
        (["a", 1], FactType.TEXT, "a, 1"),
        ({"a": [1]}, FactType.TEXT, '{"a": [1]}'),
        (None, FactType.TEXT, ""),
        ("x" * 9_000, FactType.TEXT, "x" * webhook_payloads.MAX_VALUE_LENGTH),
        (12.5, FactType.NUMBER, "12.5"),
        ("1 000,5", FactType.NUMBER, "1000.5"),
        (True, FactType.NUMBER, ""),
        ("many", FactType.NUMBER, ""),
        (10**4000, FactType.NUMBER, ""),
        ("2026-05-01T10:00:00Z", FactType.MOMENT, "2026-05-01T10:00:00+00:00"),
        ("2026-05-01", FactType.MOMENT, "2026-05-01T00:00:00+03:00"),
        (1_777_629_600, FactType.MOMENT, "2026-05-01T10:00:00+00:00"),
        (1_777_629_600_000, FactType.MOMENT, "2026-05-01T10:00:00+00:00"),
        (1e300, FactType.MOMENT, ""),
        (10**4000, FactType.MOMENT, ""),
        ("soon", FactType.MOMENT, ""),
        (True, FactType.FLAG, "yes"),
        (0, FactType.FLAG, "no"),
        ("Да", FactType.FLAG, "yes"),
        ("perhaps", FactType.FLAG, ""),
    ],
)
def test_a_value_is_kept_when_it_is_of_its_type(value: Any, kind: FactType, kept: str) -> None:
    assert webhook_payloads.to_fact_text(value, kind, "Europe/Moscow") == kept


def test_leaves_are_offered_with_their_types() -> None:
    found = webhook_payloads.leaves(ORDER | {"at": "2026-05-01T10:00:00Z", "phone": "79001234567", "tags": ["a", "b"]})
    assert [(leaf.path, leaf.kind.value, leaf.text) for leaf in found] == [
        ("order.id", "number", "7"),
        ("order.total", "number", "12.5"),
        ("order.paid", "flag", "true"),
        ("order.items.0.sku", "text", "A"),
        ("a.b", "text", "dotted"),
        ("at", "moment", "2026-05-01T10:00:00Z"),
        ("phone", "text", "79001234567"),
        ("tags", "text", "a, b"),
    ]
    assert len(webhook_payloads.leaves({str(place): place for place in range(1_000)})) == 60
    assert webhook_payloads.leaves("lonely") == webhook_payloads.leaves([1]) == webhook_payloads.leaves(None) == []


PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="mail"\r\n\r\nanna@acme.test\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsecret\r\n--x--\r\n'
)


def test_forms_become_payloads() -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    sent = "leads[add][0][id]=7&tag=a&tag=b&tag=c&name=%D0%90%D0%BD%D0%BD%D0%B0&empty="
    found = parse_body(sent.encode(), kind)
    assert found == {"leads[add][0][id]": "7", "tag": ["a", "b", "c"], "name": "Анна", "empty": ""}
    assert parse_body(PARTS, "multipart/form-data; boundary=x") == {"mail": "anna@acme.test", "file": "a.txt"}
    for body, broken in (
        (b"a=1&" * 2_000, kind),
        (b"nothing", "multipart/form-data; boundary=x"),
        (PARTS, "multipart/form-data"),
    ):
        with pytest.raises(UnreadableBody):
            parse_body(body, broken)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("\ufeff".encode() + '{"имя": "Борис"}'.encode(), "application/json"),
        ('{"имя": "Борис"}'.encode("cp1251"), "application/json; charset=windows-1251"),
        ('{"имя": "Борис"}'.encode("utf-16"), "application/json"),
        ('{"имя": "Борис"}'.encode("koi8-r"), 'text/plain; charset="KOI8-R"'),
        ("имя=Борис".encode("cp1251"), "application/x-www-form-urlencoded; charset=windows-1251"),
        (b"%E8%EC%FF=%C1%EE%F0%E8%F1", "application/x-www-form-urlencoded; charset=cp1251"),
        ('{"имя": "Борис"}'.encode(), "application/json; charset=idna"),
        ('{"имя": "Борис"}'.encode(), "application/json; charset=no-such\r\nx"),
    ],
)
def test_bodies_in_the_encoding_that_they_name(body: bytes, content_type: str) -> None:
    assert delivery_bodies.parse_body(body, content_type) == {"имя": "Борис"}
    kept = body.decode(delivery_bodies.detect_encoding(body, content_type))
    if b"%" not in body:
        assert delivery_bodies.parse_stored_body(kept, content_type) == {"имя": "Борис"}
