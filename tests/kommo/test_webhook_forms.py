"""Webhook forms: bracketed bodies become a tree and single changes, hostile ones are refused."""

import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest

from platform_app.integrations import form_trees
from platform_app.integrations.form_trees import UnreadableForm, parse_tree
from platform_app.integrations.kommo.webhook_forms import parse_account_hook


def test_several_entities_of_one_post_are_single_changes_in_their_order() -> None:
    body = (
        b"leads[status][0][id]=7&leads[status][0][status_id]=142&leads[status][0][old_status_id]=10"
        b"&leads[status][0][pipeline_id]=3&leads[status][1][id]=8&leads[add][0][id]=9"
        b"&leads[add][0][updated_at]=1764460800&contacts[update][0][id]=5"
        b"&contacts[update][0][custom_fields][0][values][0][value]=%2B7+900&account[id]=42&account[subdomain]=shop"
        b"&account[_links][self]=https%3A%2F%2Fshop.kommo.com"
    )
    hook = parse_account_hook(body)
    assert (hook.account_id, hook.subdomain) == ("42", "shop")
    assert [(c.entity, c.action, c.outside_id) for c in hook.changes] == [
        ("leads", "status", 7),
        ("leads", "status", 8),
        ("leads", "add", 9),
        ("contacts", "update", 5),
    ]
    assert hook.changes[0].fields["old_status_id"] == "10" and hook.changes[2].updated_at == 1764460800
    assert hook.changes[3].fields["custom_fields"]["0"]["values"]["0"]["value"] == "+7 900"


def test_encoded_brackets_and_appended_values_are_read_as_php_does() -> None:
    assert parse_tree(quote("leads[add][0][tags][]=a&leads[add][0][tags][]=b", safe="=&").encode()) == {
        "leads": {"add": {"0": {"tags": {"0": "a", "1": "b"}}}}
    }


@pytest.mark.parametrize(
    "body",
    [
        b"a[b]=1&a=2",
        b"a=1&a[b]=2",
        b"a[b]=1&a[b][c]=2",
        b"a[b[c]]=1",
        b"a[b=1",
        b"[]=1",
        b"=1",
        b"a]=1",
        b"a" + b"[0]" * 11 + b"=1",
        b"a" * 600 + b"=1",
        b"&".join(b"a[%d]=1" % n for n in range(20_001)),
        b"a=" + b"x" * 1_000_001,
        b"\xff\xfe=1",
        b"&".join(b"leads[add][%d][id]=1" % n for n in range(1_001)),
    ],
)
def test_what_kommo_does_not_send_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableForm):
        parse_account_hook(body)


def test_hostile_names_are_only_names() -> None:
    tree = parse_tree(b"__class__[__init__][0][id]=1&leads[__proto__][0][id]=%00x&leads[add]=text&talk[add][x]=text")
    assert tree["__class__"] == {"__init__": {"0": {"id": "1"}}} and "\x00" not in str(tree)
    hook = parse_account_hook(b"leads[add]=text&talk[add][x]=text&leads2[add][0][id]=-5&a[b][0][id]=%D9%A3")
    assert [change.outside_id for change in hook.changes] == [0, 0]


def test_the_cost_of_a_large_form_grows_with_its_fields() -> None:
    costs = [count_calls(parse_account_hook, large_form(fields)) for fields in (4_750, 19_000)]
    assert costs[1] < 4.5 * costs[0]
    assert len(parse_account_hook(large_form(19_000)).changes) == 900
    assert len(large_form(19_000)) < form_trees.MAX_BYTES


def large_form(fields: int) -> bytes:
    """Return a form with fields of 900 leads."""
    return b"&".join(b"leads[update][%d][f%d]=v" % (n % 900, n) for n in range(fields))


def count_calls(function: Callable[[bytes], object], given: bytes) -> int:
    """Return how many calls, of C functions too, a function makes: its cost on any machine."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function(given)
    finally:
        sys.setprofile(None)
    return calls
