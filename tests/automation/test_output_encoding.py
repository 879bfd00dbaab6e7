"""Encoding: what customers write stays a value in whatever is sent: JSON, a form, XML or HTML."""

import json
import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from platform_app.automation.facts import Facts
from platform_app.automation.output_encoding import Format
from platform_app.automation.text_templates import render, render_body
from platform_app.errors import Invalid
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.crm import contacts
from tests.rules.test_rule_webhooks import Receiver, open_loopback, receiver
from tests.rules.test_rules import a_rule, runs
from tests.talking import call, run_jobs

_ = (open_loopback, receiver)
NAMES = (
    '"}, "admin": true, "x": "',
    '", "admin": true, "y": "',
    "\\",
    '\\", "admin": true, "z": "\\',
    "\\u0022, \\n",
    "two\nlines\r\n\tand tabs",
    "\u2028 \u2029 \x7f \x1b \x01",
    "half \ud83d of a letter",
    "{{ lead.budget }} {% if a %}",
    "a&admin=true&b=c+d %26 =",
    "</name><admin>true</admin><name>",
    "]]> --> &amp; ' \"",
    "null",
    "12",
    "\ufeff😀",
)


def known(name: str) -> Facts:
    return Facts({"contact.name": name, "lead.budget": Decimal("1500"), "contact.phone": None})


def kept(name: str) -> str:
    """Return a name as it can be sent at all: without halves of letters."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


JSON_BODIES: tuple[tuple[str, Any], ...] = (
    ('{"name": "{{ contact.name }}"}', lambda name: {"name": name}),
    ('{"name": {{ contact.name }}}', lambda name: {"name": name}),
    ('{"name": {{ contact.name | json }}}', lambda name: {"name": name}),
    ('{"name": "{{ contact.name | json }}"}', lambda name: {"name": name}),
    ('{"text": "Hi \\"{{ contact.name }}\\"!\\n"}', lambda name: {"text": f'Hi "{name}"!\n'}),
    ('{"text": "\\\\{{ contact.name }}"}', lambda name: {"text": "\\" + name}),
    ('{"a": [["x", "{{ contact.name }}", {{ contact.name }}], {}]}', lambda name: {"a": [["x", name, name], {}]}),
    ('{"{{ contact.name }}": 1, "k": 2}', lambda name: {name: 1, "k": 2}),
    ("{ {{ contact.name }}: 1}", lambda name: {name: 1}),
    ('["{{ contact.name }}{{ contact.name }}"]', lambda name: [name * 2]),
    (
        '{% if lead.budget > 1 %}{"n": "{{ contact.name }}"{% else %}[{% endif %}, "b": {{ lead.budget }}}',
        lambda name: {"n": name, "b": 1500},
    ),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("body", "wanted"), JSON_BODIES)
def test_a_name_is_one_value_of_json(name: str, body: str, wanted: Any) -> None:
    made = render_body(body, known(name))
    made.text.encode()
    assert made.content_type == "application/json" and "\u2028" not in made.text
    assert json.loads(made.text) == wanted(kept(name))


def test_values_that_stand_bare_are_literals() -> None:
    body = (
        '{"n": {{ lead.budget }}, "none": {{ contact.phone }}, "sum": {{ lead.budget | divided_by: 8.0 }}, '
        '"t": "{{ lead.budget }}", "b": {{ true }}}'
    )
    assert json.loads(render_body(body, known("x")).text) == {
        "n": 1500,
        "none": None,
        "sum": 187.5,
        "t": "1500",
        "b": True,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"name": "{{ contact.name }}"', "The body starts as JSON but isn’t valid once filled in: {what}"),
        ('{"name": x{{ contact.name }}}', "The body starts as JSON but isn’t valid once filled in: {what}"),
        ('{"name": "\\{{ contact.name }}"}', "The body starts as JSON but isn’t valid once filled in: {what}"),
        ('{"n": NaN, "a": "{{ contact.name }}"}', ("The body starts as JSON but isn’t valid once filled in: {what}")),
        ('{name: "{{ contact.name }}"}', "The body starts as JSON but isn’t valid once filled in: {what}"),
        ("['{{ contact.name }}']", "The body starts as JSON but isn’t valid once filled in: {what}"),
        ("[" * 5_000, "The body starts as JSON but isn’t valid once filled in: {what}"),
        ('{"Anna": false, "{{ contact.name }}": true}', "The body has “{what}” twice."),
    ],
)
def test_what_is_no_json_is_not_sent(body: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        render_body(body, known("Anna"))
    assert refused.value.sentence == said and refused.value.field == "body"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_field_of_a_form(name: str) -> None:
    made = render_body("name={{ contact.name }}&n={{ lead.budget }}&empty={{ contact.phone }}", known(name))
    assert made.content_type == "application/x-www-form-urlencoded"
    fields = parse_qsl(made.text, keep_blank_values=True, strict_parsing=True)
    assert fields == [("name", kept(name)), ("n", "1500"), ("empty", "")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filter_", ["", " | escape"])
def test_a_name_is_one_text_of_xml(name: str, filter_: str) -> None:
    made = render_body(
        f'<lead n="{{{{ contact.name{filter_} }}}}"><name>{{{{ contact.name{filter_} }}}}</name></lead>', known(name)
    )
    assert made.content_type == "application/xml; charset=utf-8"
    root = ElementTree.fromstring(made.text)
    texts = [child.text or "" for child in root]
    shown = "".join(one if one >= " " or one in "\t\n\r" else "\ufffd" for one in kept(name)).replace("\r\n", "\n")
    assert len(texts) == 1 and texts[0] == shown and set(root.attrib) == {"n"}


def test_html_is_told_from_xml_and_plain_text_is_left() -> None:
    page = render_body("<!DOCTYPE html><p>{{ contact.name }}</p>", known("<script>"))
    assert (page.format, page.text) == (Format.HTML, "<!DOCTYPE html><p>&lt;script&gt;</p>")
    for body, name in (
        ("{{ contact.name }}", '{"admin": true}'),
        ("New: {{ contact.name }}\na=b", "<&\\\"'"),
        ("[urgent] {{ contact.name }}", '"'),
        ("[Новый лид] {{ contact.name }}", '"'),
        ("{lead} {{ contact.name }}", '"'),
    ):
        made = render_body(body, known(name))
        assert (made.content_type, made.text) == ("text/plain; charset=utf-8", body.replace("{{ contact.name }}", name))
    assert render_body("", known("x")).text == ""


def test_filters_encode_once() -> None:
    facts = known('<a> & "b"')
    assert render("{{ contact.name | json }}", facts) == '"<a> & \\"b\\""'
    assert render("{{ contact.name | escape }}", facts) == "&lt;a&gt; &amp; &quot;b&quot;"
    assert json.loads(render_body('{"a": "{{ contact.name | escape }}"}', facts).text) == {
        "a": "&lt;a&gt; &amp; &quot;b&quot;"
    }
    shouted = render_body('{"a": "{{ contact.name | json | upcase }}"}', facts)
    assert json.loads(shouted.text) == {"a": '"<A> & \\"B\\""'}  # changed after it was encoded: a text like any other


@pytest.mark.usefixtures("open_loopback")
def test_a_rule_sends_what_its_body_says(who: Identity, receiver: Receiver) -> None:
    body = '{"name": "{{ contact.name }}", "admin": false}'
    a_rule(who, "contact_created", {"kind": "call_webhook", "url": receiver.address, "body": body})
    name = 'Eve", "admin": true, "x": "'
    call(who, contacts.create, name=name)
    run_jobs(who)
    ((_, kind, sent),) = receiver.got
    assert kind == "application/json" and json.loads(sent) == {"name": name, "admin": False}


@pytest.mark.usefixtures("open_loopback")
def test_a_rule_fails_in_words_when_its_body_is_no_json(who: Identity, receiver: Receiver) -> None:
    a_rule(
        who, "contact_created", {"kind": "call_webhook", "url": receiver.address, "body": '{"name": {{ contact.name }}'}
    )
    call(who, contacts.create, name="Anna")
    run_jobs(who)
    (run,) = runs(who)
    assert run.state == RunState.FAILED and receiver.got == []
    assert run.actions[0]["error"] == "The body starts as JSON but isn’t valid once filled in: {what}"
