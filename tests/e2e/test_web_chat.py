"""Web chat: a page of another site with the script tag, a visitor, the agent, and a member who answers in the inbox."""

import gzip
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Locator, Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, sign_in
from tests.e2e.story import connect_channel
from tests.e2e.test_pages import RULES

pytestmark = pytest.mark.e2e

WORDS = {
    "en": ("Open the chat", "Talk to a person", "Your message", "Agent", "Person", "Close the chat"),
    "ru": ("Открыть чат", "Позвать человека", "Ваше сообщение", "Агент", "Сотрудник", "Закрыть чат"),
}
QUESTION = "How much does a full service cost?"  # the documents of the demo are in English


class SitePage(BaseHTTPRequestHandler):
    """The page of a site; what stands in it is that of the class."""

    body = b""

    def do_GET(self) -> None:
        """Return the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(type(self).body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[type[SitePage]]:
    """The server of a site; its port is `site.port`."""
    page: Any = type("Page", (SitePage,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(page))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page.port = server.server_port
    yield page
    server.shutdown()
    server.server_close()


def connect(page: Page, platform: str, language: str, origin: str) -> str:
    """Connect a web chat with the demo's agent and return its script tag."""
    home = f"{platform}/manage/demo/settings/channels"
    page.goto(home)
    connect_channel(page, language, "Create web chat")
    page.get_by_role("dialog").locator("#name").fill("Shop")
    page.get_by_role("dialog").locator("#agent_id").select_option(index=1)
    page.get_by_role("dialog").get_by_role("button", name=lookup(language, "Create web chat")).click()
    page.wait_for_url(re.compile(r"/settings/channels/[0-9a-z]{32}"))
    page.locator("#allowed_origins").fill(f"{origin}/path")
    expect(page.get_by_role("alert")).to_contain_text("https://www.example.com")
    page.locator("#allowed_origins").fill(origin)
    expect(page.get_by_role("alert")).to_have_count(0)
    no_site = lookup(language, "No site can show this chat yet. Add yours under “Allowed sites”.")
    expect(page.get_by_text(no_site)).to_have_count(0)
    tag = page.locator("#script").input_value()
    assert tag.startswith(f'<script src="{platform}/web-chat/files/loader.js"')
    return tag


def page_with(tag: str, language: str) -> bytes:
    """Return a page of the site with the script tag."""
    head = f'<!doctype html><html lang="{language}"><meta name="viewport" content="width=device-width">'
    return f"{head}<title>Shop</title><main><h1>Shop</h1></main>{tag}</html>".encode()


def chat_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[src*='/web-chat/']")


def faults(page: Page) -> list[str]:
    """Return what axe finds in the page and in its frame."""
    found = Axe().run(page, options=RULES | {"iframes": True}).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['html'][:120]}" for one in found]


def open_in_inbox(member: Page, platform: str) -> Locator:
    """Open the visitor's conversation in the inbox; return the field in which the member writes."""
    member.goto(f"{platform}/manage/demo/inbox")
    member.get_by_text("Visitor").first.click()  # in the language of the tenant
    expect(member.get_by_text(QUESTION).last).to_be_visible()
    return member.locator(".reply-form textarea")


def ask_by_keyboard(visitor: Page, language: str) -> FrameLocator:
    """Open the chat, ask, and see the answer with its source; return the frame."""
    launcher, _, field, agent, *_ = WORDS[language]
    visitor.get_by_role("button", name=launcher).focus()
    visitor.keyboard.press("Enter")
    chat = chat_of(visitor)
    expect(chat.get_by_label(field)).to_be_focused()
    visitor.keyboard.type(QUESTION)
    visitor.keyboard.press("Enter")
    expect(chat.get_by_role("checkbox")).to_be_focused()  # what has to be agreed to
    assert faults(visitor) == []
    visitor.keyboard.press("Space")
    visitor.keyboard.press("Tab")  # the link of the text
    visitor.keyboard.press("Tab")
    visitor.keyboard.press("Enter")
    answer = chat.locator("li.agent:not([data-partial])").nth(1)  # after the greeting
    expect(answer.locator(".kind")).to_have_text(agent)
    expect(answer.locator(".sources summary")).to_be_visible()
    assert faults(visitor) == []
    return chat


def send_file_and_rate(visitor: Page, member: Page, language: str) -> None:
    """Send a picture, which the member finds in the inbox; rate the chat by keyboard when the member has closed it."""
    chat = chat_of(visitor)
    picture = {"name": "wheel.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(50)}
    chat.locator("#file").set_input_files([picture])  # type: ignore[list-item]
    expect(chat.locator("li.visitor").get_by_text("wheel.png")).to_be_visible()
    expect(member.get_by_role("link", name=re.compile("wheel.png|Photo|Фото")).last).to_be_visible()
    member.get_by_role("button", name=lookup(language, "Close"), exact=True).first.click()
    stars = chat.get_by_role("radio", name="5")
    expect(stars).to_be_visible()
    assert faults(visitor) == []
    stars.focus()
    visitor.keyboard.press("Space")
    visitor.keyboard.press("Enter")
    expect(chat.locator("#rating")).to_be_hidden()
    expect(member.get_by_text(lookup(language, "{stars} of 5").format(stars=5))).to_be_visible()


def press_quick_reply(visitor: Page, member: Page, language: str) -> None:
    """Send a question with quick replies from the inbox, and press one by keyboard."""
    member.locator(".quick-replies-field summary").click()
    member.locator(".quick-replies-field textarea").fill("Small\nLarge")
    member.locator(".reply-form textarea").fill("Which size?")
    member.locator(".reply-form textarea").press("Enter")
    expect(member.locator(".quick-replies").last).to_contain_text("Large")
    chat = chat_of(visitor)
    choices = chat.get_by_role("group", name={"en": "Suggested answers", "ru": "Варианты ответа"}[language])
    expect(choices.get_by_role("button")).to_have_text(["Small", "Large"])
    assert faults(visitor) == []
    choices.get_by_role("button", name="Large").focus()
    visitor.keyboard.press("Enter")
    expect(chat.locator("li.visitor").get_by_text("Large")).to_be_visible()
    expect(choices).to_have_count(0)
    expect(chat.locator("#text")).to_be_focused()
    expect(member.locator(".message.in").get_by_text("Large")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_visitor_asks_and_a_member_answers(platform: str, new_person: NewPerson, site: Any, language: str) -> None:
    launcher, person, field, _, human, close = WORDS[language]
    origin = f"http://localhost:{site.port}"
    member, visitor = new_person(language).new_page(), new_person(language).new_page()
    sign_in(member, platform)
    tag = connect(member, platform, language, origin)
    member.get_by_role("switch", name=lookup(language, "Ask for a rating when a chat was closed")).click()
    member.locator("#consent_text").fill("I agree to https://shop.example/privacy")
    token = re.search(r'data-token="([\w-]+)"', tag)[1]  # type: ignore[index]
    framed = partial(httpx.get, f"{platform}/web-chat/{token}/frame", headers={"referer": f"{origin}/"})
    wait_for(lambda: "shop.example/privacy" in framed().text)
    site.body = page_with(tag, language)
    visitor.goto(origin)
    chat = ask_by_keyboard(visitor, language)
    chat.get_by_role("button", name=person).click()
    expect(chat.get_by_role("button", name=person)).to_be_hidden()

    editor = open_in_inbox(member, platform)
    chat.get_by_label(field).fill("Hello?")
    visitor.keyboard.press("Enter")
    expect(member.get_by_text("Hello?").last).to_be_visible()
    editor.fill("I am here.")
    editor.press("Enter")
    expect(chat.locator("li.person").get_by_text("I am here.")).to_be_visible()
    expect(chat.locator("li.person .kind")).to_have_text(human)
    assert faults(visitor) == []

    press_quick_reply(visitor, member, language)
    visitor.keyboard.press("Escape")
    expect(visitor.get_by_role("button", name=launcher)).to_be_focused()
    editor.fill("One thing more.")
    editor.press("Enter")
    expect(visitor.get_by_role("button", name=re.compile(r"\(.*: 1\)"))).to_be_visible()
    visitor.reload()
    visitor.get_by_role("button", name=launcher).click()
    for text in (QUESTION, "Hello?", "I am here.", "One thing more."):
        expect(chat_of(visitor).locator("#messages").get_by_text(text)).to_be_visible()
    send_file_and_rate(visitor, member, language)
    chat_of(visitor).get_by_role("button", name=close).click()
    expect(visitor.locator("iframe")).to_be_hidden()


def test_another_site_is_refused_and_a_repeat_is_one_message(platform: str, browser: Any, site: Any) -> None:
    context = browser.new_context(locale="en-US")
    try:
        member = context.new_page()
        sign_in(member, platform)
        tag = connect(member, platform, "en", f"http://localhost:{site.port}")
        token = re.search(r'data-token="([\w-]+)"', tag)[1]  # type: ignore[index]
        frame = f"{platform}/web-chat/{token}/frame"
        site.body = f"<!doctype html><html lang=en><title>Evil</title>{tag}<iframe src='{frame}'></iframe>".encode()
        visitor = context.new_page()
        with visitor.expect_console_message(lambda said: "Web chat" in said.text):
            visitor.goto(f"http://127.0.0.1:{site.port}")
        expect(visitor.get_by_role("button")).to_have_count(0)
        expect(visitor.frame_locator("iframe").locator("#text")).to_have_count(0)
    finally:
        context.close()
    with httpx.Client(base_url=f"{platform}/web-chat/{token}") as frame_client:
        asked = {"x-embedding-origin": f"http://localhost:{site.port}"}
        key = frame_client.post("/session", headers=asked).json()["visitor"]
        asked["authorization"] = f"Bearer {key}"
        told = [frame_client.post("/messages", json={"id": "a" * 16, "text": "Hi"}, headers=asked) for _ in range(5)]
        assert {one.status_code for one in told} == {200} and len({one.json()["id"] for one in told}) == 1
        assert "set-cookie" not in told[0].headers
        with frame_client.stream("GET", "/events", headers=asked) as stream:
            kinds = (line for line in stream.iter_lines() if line.startswith("event: "))
            assert next(kinds) == "event: message"
        for name in ("loader.js", "frame.js"):
            assert len(gzip.compress(frame_client.get(f"/../files/{name}").content)) < 15_000
