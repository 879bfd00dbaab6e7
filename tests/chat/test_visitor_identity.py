"""Visitor identity: who is signed in by the site sees the own chats on every device; nobody else does. Consent."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from platform_app.api.web_chat import access, visitor_routes
from platform_app.clock import now
from platform_app.models.channel import ChannelAccount, ChannelIdentity
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, visitor_identity
from platform_app.services.crm import contacts
from tests.talking import call
from tests.visiting import a_chat, ask, message, rows


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The replies that were to be streamed; none is."""
    found: list[str] = []
    monkeypatch.setattr(visitor_routes.reply_streams, "start", lambda _, reply_id, __: found.append(reply_id))
    return found


def part(data: Any) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(secret: str, *, header: Any = None, **claims: Any) -> str:
    """Return a token as a site signs it."""
    given = {"sub": "42", "exp": int(now().timestamp()) + 600, "name": "Anna", "email": "Anna@example.com"} | claims
    head = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part({k: v for k, v in given.items() if v is not None})}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"


def a_secret(who: Identity, chat: ChannelAccount) -> str:
    return str(call(who, visitor_identity.create_secret, chat.id))


async def test_a_signed_in_visitor_has_one_chat_on_every_device(who: Identity) -> None:
    chat = a_chat(who, asks_first="name_and_email")
    secret = a_secret(who, chat)
    token = signed(secret)
    for device in ("a" * 43, ""):
        answer = await ask(chat, "messages", message(), token=device, **{"x-visitor-identity": token})
        assert answer.status_code == 200
    seen = await ask(chat, "history", token="b" * 43, **{"x-visitor-identity": signed(secret, name="Anna B")})
    assert len([one for one in seen.json()["messages"] if one["author"] == "visitor"]) == 2
    (contact,) = rows(who, Contact)
    assert (contact.name, contact.emails, len(rows(who, Conversation))) == ("Anna", ["anna@example.com"], 1)
    others = [await ask(chat, "history", token=t) for t in ("a" * 43, "b" * 43)]
    others.append(await ask(chat, "history", token="", **{"x-visitor-identity": signed(secret, sub="43")}))
    assert [one.json()["has_conversation"] for one in others] == [False] * 3


async def test_only_a_signed_address_is_that_of_a_known_contact(who: Identity) -> None:
    chat = a_chat(who, asks_first="name_and_email")
    known = call(who, contacts.create, name="Anna", emails=["anna@example.com"])
    await ask(chat, "messages", message(name="Anna", email="anna@example.com"))
    await ask(chat, "messages", message(), token="", **{"x-visitor-identity": signed(a_secret(who, chat))})
    assert [row.contact_id == known.id for row in rows(who, ChannelIdentity)] == [False, True]


async def test_a_token_that_is_not_valid_is_refused_everywhere(who: Identity, other: Identity) -> None:
    chat, theirs = a_chat(who), a_chat(other)
    secret, at = a_secret(who, chat), int(now().timestamp())
    good = signed(secret)
    head, claims, signature = good.split(".")
    bad = {
        "another secret": signed(a_secret(other, theirs)),
        "an empty secret": signed(""),
        "no signature": f"{head}.{claims}.",
        "changed claims": f"{head}.{part({'sub': '1', 'exp': at + 600})}.{signature}",
        "one bit": f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "none": f"{part({'alg': 'none'})}.{claims}.",
        "another algorithm": signed(secret, header={"alg": "HS512"}),
        "critical": signed(secret, header={"alg": "HS256", "crit": ["exp"]}),
        "expired": signed(secret, exp=at - 120),
        "far ahead": signed(secret, exp=at + 90_000),
        "never": signed(secret, nbf=at + 300),
        "no end": signed(secret, exp=None),
        "a text as end": signed(secret, exp="never"),
        "infinite": signed(secret, exp=float("inf")),
        "no id": signed(secret, sub=None),
        "an empty id": signed(secret, sub=" "),
        "a list as id": signed(secret, sub=["42"]),
        "true as id": signed(secret, sub=True),
        "a long id": signed(secret, sub="x" * 201),
        "a list": f"{head}.{part([1])}.{signature}",
        "deep": f"{part(b'[' * 900)}.{claims}.{signature}",
        "long": good + "A" * 4_000,
        "words": "a.b.c",
        "two parts": f"{head}.{claims}",
    }
    for name, token in bad.items():
        for path, body in (("messages", message()), ("history", None), ("person", {}), ("events", None)):
            answer = await ask(chat, path, body, **{"x-visitor-identity": token})
            assert (answer.status_code, name) == (401, name)
            assert answer.json()["detail"] == visitor_identity.REFUSED
    assert rows(who, ChannelIdentity) == []
    assert (await ask(chat, "history", token="", **{"x-visitor-identity": good})).status_code == 200


async def test_a_new_secret_ends_the_sign_ins_of_the_one_before(who: Identity) -> None:
    chat = a_chat(who)
    old = signed(a_secret(who, chat))
    fresh = signed(a_secret(who, chat))
    found = [await ask(chat, "history", token="", **{"x-visitor-identity": token}) for token in (old, fresh)]
    assert [one.status_code for one in found] == [401, 200]


async def test_a_chat_for_signed_in_visitors_refuses_all_others(who: Identity) -> None:
    chat = a_chat(who, signed_in_only=True)
    secret = a_secret(who, chat)
    answer = await ask(chat, "messages", message())
    assert (answer.status_code, answer.json()["detail"]) == (401, access.SIGN_IN_FIRST)
    token = {"x-visitor-identity": signed(secret)}
    assert (await ask(chat, "messages", message(), token="", **token)).status_code == 200


async def test_nobody_writes_before_agreeing_to_the_text(who: Identity) -> None:
    chat = a_chat(who, consent_text="I agree to https://shop.example/privacy")
    refused = await ask(chat, "messages", message())
    assert (refused.status_code, refused.json()["detail"]) == (422, "Agree to the terms first.")
    assert rows(who, Conversation) == rows(who, ChannelIdentity) == []
    assert (await ask(chat, "messages", message(consent=True))).status_code == 200
    call(who, channel_accounts.save, chat.id, {"consent_text": "Another text"})
    assert (await ask(chat, "messages", message())).status_code == 200, "it is asked for once"
    (identity,) = rows(who, ChannelIdentity)
    assert identity.consent_text == "I agree to https://shop.example/privacy"
    assert now() - identity.consented_at < timedelta(minutes=1)
