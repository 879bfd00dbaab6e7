"""Attachments: members are shown pictures and recordings, and store any other file of a contact."""

import asyncio

import httpx
import pytest

from platform_app.models.channel import Attachment, ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import attachments
from tests.api_client import client, sign_in
from tests.channels.bots import connected, post_all
from tests.channels.bots import telegram as telegram
from tests.fakes.telegram import FakeTelegram
from tests.visiting import rows


@pytest.fixture
def bot(who: Identity, telegram: FakeTelegram) -> ChannelAccount:
    """A connected bot."""
    return connected(who, telegram)


def post_now(account: ChannelAccount, *updates: object) -> list[int]:
    return asyncio.run(post_all(account, *updates))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n<script>", "image/png"),
        (b"OggS", "audio/ogg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", ""),
        (b"<html><script>alert(1)</script>", ""),
        (b"%PDF-1.7", ""),
        (b"", ""),
    ],
)
def test_only_pictures_and_recordings_are_shown_by_their_first_bytes(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, content: bytes, kind: str
) -> None:
    post_now(bot, telegram.customer().photo("Look", content=content))
    (row,) = rows(who, Attachment)
    answer = asyncio.run(fetched(who, row.id))
    disposition = "inline" if kind else "attachment"
    assert answer.headers["content-type"] == (kind or "application/octet-stream")
    assert answer.headers["content-disposition"].startswith(f"{disposition}; filename*=UTF-8''photo.")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.parametrize(
    ("asked", "status", "sent", "told"),
    [
        ("bytes=0-", 206, b"OggS5678", "bytes 0-7/8"),
        ("bytes=2-3", 206, b"gS", "bytes 2-3/8"),
        ("bytes=6-99", 206, b"78", "bytes 6-7/8"),
        ("bytes=-3", 206, b"678", "bytes 5-7/8"),
        ("bytes=8-", 416, b"", "bytes */8"),
        ("bytes=5-2", 416, b"", "bytes */8"),
        ("bytes=0-1,3-4", 200, b"OggS5678", None),
        ("pages=1-2", 200, b"OggS5678", None),
    ],
)
def test_a_player_asks_for_a_range_of_a_recording(
    who: Identity,
    telegram: FakeTelegram,
    bot: ChannelAccount,
    asked: str,
    status: int,
    sent: bytes,
    told: str | None,
) -> None:
    post_now(bot, telegram.customer().voice(content=b"OggS5678"))
    answer = asyncio.run(fetched(who, rows(who, Attachment)[0].id, range=asked))
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, sent, told)


async def fetched(whose: Identity, attachment_id: str, **headers: str) -> httpx.Response:
    async with client(sign_in(whose)) as member:
        return await member.get(f"/api/attachments/{whose.slug}/{attachment_id}", headers=headers)


def test_members_fetch_attachments_as_files(
    who: Identity, other: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    post_now(bot, telegram.customer().photo("Look", content=b"%PDF- no picture"))
    post_now(bot, telegram.customer().write("", location={"latitude": 1, "longitude": 2}))
    (row,) = rows(who, Attachment)
    answer = asyncio.run(fetched(who, row.id))
    assert (answer.status_code, answer.content) == (200, b"%PDF- no picture")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''photo.pdf"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert asyncio.run(fetched(other, row.id)).status_code == 404
    telegram.files = dict.fromkeys(telegram.files, b"x" * 20000001)
    refused = asyncio.run(fetched(who, row.id))
    assert refused.status_code == 503
    assert "This file is larger than 20 MB and can’t be opened here. Open it in Telegram." in refused.text
    telegram.files.clear()
    refused = asyncio.run(fetched(who, row.id))
    assert refused.status_code == 503 and "Telegram no longer has this file." in refused.text


def test_what_exceeds_the_room_of_a_tenant_is_fetched_each_time(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_KEPT_BYTES", 8)
    post_now(bot, telegram.customer().voice(content=b"OggS5678"), telegram.customer().voice(content=b"OggS"))
    for row in sorted(rows(who, Attachment), key=lambda row: row.outside_id):
        assert attachments.download(who, row.id).content.startswith(b"OggS")
    assert sorted(row.size for row in rows(who, Attachment)) == [0, 8]
