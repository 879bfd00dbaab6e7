"""Conversations of the API: what contacts write is answered once, members answer, and other channels stay closed."""

import asyncio
from typing import Any

import pytest

from platform_app.api.rest import conversations as resource
from platform_app.models.channel import ChannelIdentity
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import hand_off
from tests.api.keys import a_key, an_account, ask
from tests.talking import call, real_talk
from tests.visiting import a_chat, rows


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The replies that were to be streamed; none is."""
    ids: list[str] = []
    monkeypatch.setattr(resource.reply_streams, "start", lambda _, reply_id, __: ids.append(reply_id))
    return ids


def message(account_id: str, text: str = "How much is a tune-up?", **more: Any) -> dict[str, Any]:
    return {"account_id": account_id, "contact": {"reference": "customer-1", "name": "Olga"}, "text": text} | more


async def test_a_contact_writes_and_the_agent_answers(who: Identity, started: list[str]) -> None:
    key, account = a_key(who), an_account(who)
    answer = await ask(key, "POST", "/conversations", message(account.id))
    told = answer.json()
    assert answer.status_code == 201 and told["is_repeat"] is False
    said, reply = rows(who, Message)
    assert (told["message"]["id"], told["message"]["author_name"], told["reply_id"]) == (said.id, "Olga", reply.id)
    assert started == [reply.id] and reply.state == MessageState.STREAMING
    talk = told["conversation"]
    assert (talk["channel"], talk["account_id"], talk["agent_id"]) == ("api", account.id, account.agent_id)
    again = await ask(key, "POST", f"/conversations/{talk['id']}/messages", {"author": "contact", "text": "And now?"})
    assert again.status_code == 201 and again.json()["conversation"]["id"] == talk["id"]
    third = await ask(key, "POST", "/conversations", message(account.id, "Hello?"))
    assert third.json()["conversation"]["id"] == talk["id"]  # the reference is the same
    other = await ask(key, "POST", "/conversations", message(account.id, contact={"reference": "customer-2"}))
    assert other.json()["conversation"]["id"] != talk["id"]
    listed = (await ask(key, "GET", f"/conversations/{talk['id']}/messages")).json()["data"]
    assert [one["text"] for one in listed if one["author"] == "contact"][::-1] == [said.text, "And now?", "Hello?"]
    found = (await ask(key, "GET", "/conversations?channel=api")).json()["data"]
    assert {one["id"] for one in found} == {talk["id"], other.json()["conversation"]["id"]}


async def test_a_member_offers_quick_replies_and_the_contacts_program_shows_them(
    who: Identity, started: list[str]
) -> None:
    key, account = a_key(who), an_account(who)
    talk = (await ask(key, "POST", "/conversations", message(account.id))).json()["conversation"]["id"]
    offer: dict[str, Any] = {"author": "member", "text": "Which size?", "quick_replies": ["Small", " Large "]}
    written = await ask(key, "POST", f"/conversations/{talk}/messages", offer)
    assert (written.status_code, written.json()["message"]["quick_replies"]) == (201, ["Small", "Large"])
    for refused in (["x" * 41], ["a"] * 11, [""], ["two\nlines"]):
        answer = await ask(key, "POST", f"/conversations/{talk}/messages", offer | {"quick_replies": refused})
        assert answer.status_code == 422
    made = await ask(key, "POST", "/scripts", {"title": "A", "kind": "closing", "text": "B", "quick_replies": ["Yes"]})
    assert (made.status_code, made.json()["quick_replies"]) == (201, ["Yes"])


async def test_a_repeated_message_is_stored_once_and_a_burst_answered_once(who: Identity, started: list[str]) -> None:
    key, account = a_key(who), an_account(who)
    sent = message(account.id, message_id="m-1")
    answers = await asyncio.gather(*(ask(key, "POST", "/conversations", sent) for _ in range(10)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["message"]["id"] for one in answers}) == 1 and len(started) == 1
    assert sum(not one.json()["is_repeat"] for one in answers) == 1
    burst = [ask(key, "POST", "/conversations", message(account.id, f"Line {n}", message_id=f"l{n}")) for n in range(9)]
    assert {one.status_code for one in await asyncio.gather(*burst)} == {201}
    said = [one for one in rows(who, Message) if one.author == Author.CONTACT]
    pending = [one for one in rows(who, Message) if one.state == MessageState.STREAMING and not one.replaced]
    assert (len(said), len(pending), len(rows(who, Conversation)), len(rows(who, ChannelIdentity))) == (10, 1, 1, 1)


async def test_while_a_member_is_in_charge_nothing_is_answered(who: Identity, started: list[str]) -> None:
    key, account = a_key(who), an_account(who)
    talk_id = (await ask(key, "POST", "/conversations", message(account.id))).json()["conversation"]["id"]
    written = await ask(key, "POST", f"/conversations/{talk_id}/messages", {"author": "member", "text": "I do it"})
    assert (written.status_code, written.json()["message"]["author_name"]) == (201, who.name)
    assert written.json()["conversation"]["state"] == "handed_off"
    held = await ask(key, "POST", f"/conversations/{talk_id}/messages", {"author": "contact", "text": "Thanks"})
    assert held.status_code == 201 and held.json()["reply_id"] is None and len(started) == 1
    back = await ask(key, "POST", f"/conversations/{talk_id}/hand-back")
    assert (back.status_code, back.json()["state"]) == (200, "open")
    closed = await ask(key, "POST", f"/conversations/{talk_id}/close")
    assert closed.json()["state"] == "closed"
    assert (await ask(key, "POST", f"/conversations/{talk_id}/reopen")).json()["state"] == "open"
    assert (await ask(key, "POST", f"/conversations/{talk_id}/reopen")).status_code == 409


async def test_notes_tags_and_assignees(who: Identity, other: Identity) -> None:
    key, talk_id = a_key(who), real_talk(who)
    note = await ask(key, "POST", f"/conversations/{talk_id}/notes", {"text": "Mind the discount"})
    assert (note.status_code, note.json()["state"]) == (201, "note")
    tags = await ask(key, "PUT", f"/conversations/{talk_id}/tags", {"tags": ["VIP", "vip", "new"]})
    assert tags.json() == {"tags": ["vip", "new"]}
    assigned = await ask(key, "PUT", f"/conversations/{talk_id}/assignee", {"user_id": who.user_id})
    assert assigned.json()["assignee_id"] == who.user_id
    refused = await ask(key, "PUT", f"/conversations/{talk_id}/assignee", {"user_id": other.user_id})
    assert refused.status_code == 404


async def test_one_writes_as_the_contact_on_the_api_channel_alone(who: Identity, other: Identity) -> None:
    key, chat, theirs = a_key(who), a_chat(who), an_account(other)
    for account_id in (chat.id, theirs.id, "0" * 32):
        assert (await ask(key, "POST", "/conversations", message(account_id))).status_code == 404
    talk_id = real_talk(who)
    answer = await ask(key, "POST", f"/conversations/{talk_id}/messages", {"author": "contact", "text": "Hello"})
    assert answer.status_code == 409
    account = an_account(who)
    call(who, channel_accounts.set_enabled, account.id, enabled=False)
    assert (await ask(key, "POST", "/conversations", message(account.id))).status_code == 409


async def test_conversations_of_another_tenant_are_not_found(who: Identity, other: Identity) -> None:
    key, theirs = a_key(who), real_talk(other)
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"author": "member", "text": "Hi"}),
        ("POST", "/notes", {"text": "Hi"}),
        *(("POST", f"/{verb}", None) for verb in ("take-over", "hand-back", "close", "reopen")),
        ("PUT", "/assignee", {"user_id": None}),
        ("PUT", "/tags", {"tags": []}),
    ):
        assert (await ask(key, method, f"/conversations/{theirs}{path}", body)).status_code == 404, path
    assert rows(other, Message) == []
    call(other, hand_off.take_over, theirs)
