"""Reserved text: Reflex's own mark in what a browser sends, or in what is stored, stops nobody's work."""

import json
import re
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from platform_app.models.person import Identity
from platform_app.platform_app import app
from platform_app.services.agents import agents
from platform_app.state.accounts.sign_in import SignInState
from platform_app.state.agents.agents import AgentsState
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.console import authorization, browser
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.command_palette import PaletteState
from platform_app.state.console.frame import FrameState
from platform_app.state.console.unsafe_text import has_tag
from tests.headless.harness import Tab, sign_in
from tests.headless.test_authorization import HANDLERS, OURS, argument_names
from tests.talking import call

TEXTS = [
    "<reflex.Var>x</reflex.Var>",
    "a <reflex.Var>no number</reflex.Var> b",
    "<reflex.Var>1</reflex.Var>",
    "<reflex.Var></reflex.Var>",
    "<reflex.Var>",
]
QUIET = "/manage/acme/settings"


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """Fail instead of filling the machine's memory: the decoder that must not run does not end."""

    def bark(number: int, frame: Any) -> None:
        raise AssertionError("the event loop was held up")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def hidden(text: str) -> list[Any]:
    """Return a text as it may stand in an argument: bare, deep inside, as a key, as a form."""
    deep: Any = text
    for _ in range(40):
        deep = [deep]
    return [text, {"text": text}, {text: "x"}, {"a": [{"b": text}]}, deep]


def test_every_place_of_a_text_is_seen() -> None:
    for text in TEXTS:
        assert all(has_tag(value) for value in hidden(text))
    for innocent in ("", "<reflex.var>", "< reflex.Var>", {"a": [1, None, True]}, "&lt;reflex.Var&gt;"):
        assert not has_tag(innocent)
    deep: Any = TEXTS[0]
    for _ in range(100_000):
        deep = [deep]
    assert has_tag(deep)


async def test_every_handler_refuses_it(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "_BURST", 1e9)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(QUIET)
        for place, name in enumerate(sorted(OURS)):
            text = TEXTS[place % len(TEXTS)]
            value = hidden(text)[place % 5]
            tab.seen.clear()
            tab.said.clear()
            await tab.raw(name, dict.fromkeys(argument_names(name), value) or {"form": value})
            assert tab.errors == [] and "is reserved" in tab.scripts(), name
        for name in sorted(set(HANDLERS) - set(OURS)):  # the library's own are not called at all, or hold no text
            await tab.raw(name, {"value": TEXTS[0], "vars": {TEXTS[0]: TEXTS[1]}, "var_name": TEXTS[0]})
            assert tab.errors == [], name
        await tab.send(FrameState.toggle_sidebar())
        assert tab.get(FrameState, "sidebar_collapsed") is True


async def test_it_is_refused_in_the_persons_language(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(QUIET)
        await tab.send(FrameState.change_language("ru"))
        await tab.raw(*sent(TestChatState, "send", form={"text": TEXTS[0]}))
        assert "зарезервирован" in tab.scripts()


def sent(state: Any, name: str, **payload: Any) -> tuple[str, dict[str, Any]]:
    """Return an event as a browser would name it, made without Reflex's own makers."""
    return f"{state.get_full_name()}.{name}", payload


@pytest.mark.parametrize("encoded", [0, 1, 2])
@pytest.mark.parametrize("text", TEXTS[:2])
async def test_it_is_refused_in_an_address(who: Identity, text: str, encoded: int) -> None:
    written = text
    for _ in range(encoded):
        written = quote(written)
    for cookie in ("", sign_in(who)):
        async with Tab(cookie) as tab:
            for path in (f"/sign-in?next={written}", f"/manage/acme/test-chat?c={written}", f"/manage/{written}/jobs"):
                await tab.goto(path)
                await tab.raw(*sent(SignInState, "load"))
            assert tab.errors == [] and not has_tag(tab.scripts())


async def test_it_is_refused_in_a_header(who: Identity) -> None:
    for text in TEXTS:
        async with Tab(f"{sign_in(who)}; other={text}") as tab:
            await tab.goto(QUIET)
            assert tab.seen == {} and tab.errors == []


@pytest.mark.parametrize("text", TEXTS)
async def test_what_is_stored_is_shown_as_it_is(who: Identity, text: str) -> None:
    """It came in a file, a delivery or from the CRM: pages, toasts and addresses are made of it all the same."""
    agent = call(who, agents.create, {"name": text})
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/agents", settle=False)
        await tab.until(lambda: text in str(tab.seen))
        await tab.send(PaletteState.search("ref"))
        await tab.send(AgentsState.delete(agent.id))
        await tab.start("confirm_delete", AgentsState, form={"name": text.replace("<", "< ")})
        await tab.until(lambda: f"“{text}” is deleted." in str(tab.seen))
        await tab.send(AgentsState.undo())
        await tab.until(lambda: "Restored." in tab.scripts())
        assert tab.errors == [] and tab.get(CurrentUser, "slug") == "acme"


@pytest.mark.parametrize("text", [*TEXTS, "\"');alert(1)//", "</script>\u2028'", "ключ \\ \n"])
def test_text_is_data_for_the_browser(text: str) -> None:
    for event in (
        browser.toast_success(text),
        browser.toast_error(text),
        browser.load_address(text),
        browser.call_function("(a, b) => 1", [text], 1),
    ):
        source = event.payload["function"]
        assert not has_tag(source) and "</script" not in source and "\u2028" not in source
        (written,) = re.findall(r'"(?:[^"\\]|\\.)*"', source.replace('"duration"', "").replace('"closeButton"', ""))
        assert json.loads(written) == text
    assert browser.call_handler(AgentsState.delete, text).payload == {"row_id": text}


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("/manage/acme/jobs?page=2", "/manage/acme/jobs?page=2"),
        ("/manage/acme/a%20b", "/manage/acme/a%20b"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("https://elsewhere.example", "/"),
        ("", "/"),
        ("/<reflex.Var>x</reflex.Var>", "/%3Creflex.Var%3Ex%3C/reflex.Var%3E"),
    ],
)
def test_a_redirect_stays_here(asked: str, opened: str) -> None:
    assert browser.redirect(asked).payload["path"] == opened


def test_every_handler_that_is_chained_is_known() -> None:
    """What `browser.chain` names is an event of the console."""
    known = app._registration_context.event_handlers
    assert browser.call_handler(TestChatState.follow, "x").name in known
    assert browser.call_handler(AgentsState.expire_undo, "x").name in known
