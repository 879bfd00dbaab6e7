"""Visitor files: told by their first bytes, bounded, opened by members as files, and gone with their message."""

import os
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from platform_app.api.web_chat import file_routes, visitor_routes
from platform_app.config import settings
from platform_app.db import owned_delete, session_scope
from platform_app.models.channel import Attachment, AttachmentKind, ChannelAccount
from platform_app.models.conversation import ConversationState, Message
from platform_app.models.person import Identity
from platform_app.services.channels import attachments, visitor_files
from platform_app.services.knowledge import unused_uploads
from tests.api_client import client
from tests.headless.harness import sign_in
from tests.stored_files import stored_keys
from tests.visiting import SITE, TOKEN, a_chat, ask, message, rows, texts, the_talk

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reply is streamed."""
    monkeypatch.setattr(visitor_routes.reply_streams, "start", lambda *_: None)


async def send(
    chat: ChannelAccount, body: bytes = PNG, name: str = "Фото.png", *, key: str = "a" * 16, token: str = TOKEN
) -> httpx.Response:
    headers = {"x-embedding-origin": SITE, "authorization": f"Bearer {token}"}
    headers |= {"x-file-name": quote(name), "x-message-id": key}
    async with client() as frame:
        return await frame.post(f"/web-chat/{chat.token}/files", content=body, headers=headers)


async def begun(who: Identity, **more: Any) -> ChannelAccount:
    chat = a_chat(who, **more)
    assert (await ask(chat, "messages", message())).status_code == 200
    return chat


async def test_a_picture_is_a_message_that_the_agent_answers_and_a_person_sees(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, streamed = await begun(who), list[str]()
    monkeypatch.setattr(file_routes.reply_streams, "start", lambda _, reply_id, __: streamed.append(reply_id))
    answer = await send(chat)
    assert (answer.status_code, answer.json()["text"], answer.json()["repeat"]) == (200, "[Photo] Фото.png", False)
    again = await send(chat)
    assert (again.json()["id"], again.json()["repeat"]) == (answer.json()["id"], True)
    (row,) = rows(who, Attachment)
    assert (row.name, row.size, stored_keys()) == ("Фото.png", len(PNG), [row.stored_as])
    assert the_talk(who).state == ConversationState.OPEN and row.kind == AttachmentKind.PICTURE
    assert streamed == [rows(who, Message)[-1].id] and rows(who, Message)[-1].answers_id == answer.json()["id"]
    async with client() as browser:
        browser.headers["cookie"] = sign_in(who)
        opened = await browser.get(f"/api/attachments/acme/{row.id}")
    assert opened.content == PNG and opened.headers["content-type"] == "image/png"
    assert opened.headers["content-disposition"].startswith("inline;")
    assert opened.headers["x-content-type-options"] == "nosniff"
    shown = (await ask(chat, "history")).json()["messages"]
    assert shown[-1]["text"] == "[Photo] Фото.png" and row.stored_as not in str(shown)


async def test_any_other_file_is_for_a_person(who: Identity) -> None:
    chat = await begun(who)
    assert (await send(chat, b"%PDF-1.7", "offer.pdf")).status_code == 200
    assert the_talk(who).state == ConversationState.HANDED_OFF


@pytest.mark.parametrize(
    ("body", "name", "label"),
    [
        (b"\xff\xd8\xff\xe0", "a.JPG", "Photo"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", "Photo"),
        (b"%PDF-1.7", "a.pdf", "File"),
        (b"PK\x03\x04", "a.docx", "File"),
        (b"\x00\x00\x00\x18ftypmp42", "a.mp4", "Video"),
        (b"OggS", "a.ogg", "Audio"),
        ("Привет".encode() * 2_000, "a.txt", "File"),
        (b"a;b", "a.csv", "File"),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(body: bytes, name: str, label: str) -> None:
    assert visitor_files.label_of(body[: visitor_files.HEAD_BYTES], name) == label


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"MZ\x90\x00", "a.png"),
        (b"\x7fELF", "a.pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.svg"),
        (b"<html><script>alert(1)</script>", "a.html"),
        (b"#!/bin/sh", "a.sh"),
        (PNG, "a.pdf"),
        (PNG, "a.png.exe"),
        (b"%PDF-1.7", "a.html"),
        (b"PK\x03\x04", "a.zip"),
        (b"PK\x03\x04", "a.jar"),
        (b"text\x00", "a.txt"),
        (b"\xcf\xf0\xe8\xe2\xe5\xf2", "a.txt"),
        (PNG, "png"),
        (PNG, ".png"),
        (PNG, ""),
        (b"", "a.png"),
    ],
)
async def test_any_other_kind_is_refused_and_not_kept(who: Identity, body: bytes, name: str) -> None:
    chat = await begun(who)
    assert (await send(chat, body, name)).status_code == 422
    assert stored_keys() == rows(who, Attachment) == [] and len(texts(who, lambda one: one.author == "contact")) == 1


async def test_a_path_in_a_name_leads_nowhere(who: Identity) -> None:
    chat = await begun(who)
    assert (await send(chat, name="../../etc/..\\pass\u202ewd.png")).status_code == 200
    (row,) = rows(who, Attachment)
    assert row.name == "passwd.png" and stored_keys() == [row.stored_as]


async def test_a_large_one_is_refused_whatever_its_length_says(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_routes, "MAX_MB", 1)
    chat = await begun(who)
    assert (await send(chat, PNG + b"x" * 1_000_000)).status_code == 413

    async def parts() -> Any:
        yield PNG
        for _ in range(20):
            yield b"x" * 100_000

    assert (await send(chat, parts())).status_code == 413  # type: ignore[arg-type]
    assert stored_keys() == []


async def test_a_tenant_stores_only_so_much_and_a_visitor_sends_only_so_many(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await begun(who)
    monkeypatch.setattr(visitor_files, "MAX_TENANT_BYTES", len(PNG) * 2)
    found = [(await send(chat, key=f"key{number:05}")).status_code for number in range(3)]
    assert found == [200, 200, 429] and len(stored_keys()) == 2
    found = [(await send(chat, b"MZ", key=f"bad{number:05}")).status_code for number in range(8)]
    assert found == [422] * 7 + [429]


async def test_nobody_sends_files_before_a_message_or_where_none_are_taken(who: Identity) -> None:
    chat = a_chat(who)
    assert (await send(chat)).status_code == 409
    chat = await begun(who, accepts_files=False)
    assert (await send(chat)).status_code == 409
    chat = await begun(who)
    assert (await send(chat, token="o" * 43)).status_code == 409
    assert (await send(chat, key="../x")).status_code == 422
    assert stored_keys() == []


async def test_a_file_goes_with_its_message(who: Identity) -> None:
    chat = await begun(who)
    assert (await send(chat)).status_code == 200
    (row,) = rows(who, Attachment)
    path = settings().uploads / row.stored_as
    os.utime(path, (time.time() - 200_000,) * 2)
    unused_uploads.delete_unused()
    assert attachments.download(who, row.id).content == PNG
    with session_scope(who.tenant_id) as session:
        session.execute(owned_delete(Message, who.tenant_id))
    unused_uploads.delete_unused()
    assert not path.exists()
