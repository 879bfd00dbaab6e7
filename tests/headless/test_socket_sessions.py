"""Tabs: a real web process and raw websockets: what one session gets, no other does, whatever it presents."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken
from websockets.exceptions import ConnectionClosed

from platform_app.models.person import Identity
from platform_app.platform_app import app
from platform_app.services.agents import agents
from platform_app.state.accounts.sign_in import SignInState
from platform_app.state.console.frame import FrameState
from platform_app.state.console.socket_sessions import SessionNamespace
from tests.conftest import make_tenant, wait_for
from tests.console_process import HYDRATE, Console, RawTab, console, name_of, own_database
from tests.headless.harness import sign_in
from tests.talking import call

PAGE = "/manage/acme/agents"
MOST = 6


@dataclass
class Office:
    """A running console with a person of acme, and their cookie."""

    web: Console
    who: Identity
    cookie: str

    def open(self, cookie: str | None = None, token: str = "") -> RawTab:
        """Open the list of agents and wait until it is drawn."""
        tab = self.web.tab(cookie=self.cookie if cookie is None else cookie, token=token)
        tab.send(HYDRATE, path=PAGE)
        tab.until('is_hydrated_rx_state_":true')
        return tab


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("tabs")
    given = {"PLATFORM_ANONYMOUS_SOCKETS_PER_ADDRESS": str(MOST), "PLATFORM_ANONYMOUS_STATE_SECONDS": "1"}
    with own_database(folder):
        who = make_tenant("acme")
        call(who, agents.create, {"name": "CANARY"})
        with console(folder / "console.txt", **given) as web:
            yield Office(web, who, sign_in(who))


def test_a_tab_is_given_back_to_its_own_session_alone(office: Office) -> None:
    tab = office.open()
    tab.send(name_of(FrameState.toggle_sidebar), path=PAGE)
    tab.until('sidebar_collapsed_rx_state_":true')
    tab.close()
    call(office.who, agents.create, {"name": "CANARY late"})  # what is followed there is looked at every two seconds
    for stolen in ("", "session=made-up", sign_in(make_tenant("globex"))):
        silent = office.web.tab(cookie=stolen, token=tab.token)
        assert "CANARY" not in (seen := silent.rest(3)) and "Acme" not in seen
        silent.send(HYDRATE, path=PAGE)
        silent.send(name_of(FrameState.toggle_sidebar), path=PAGE)
        assert "CANARY" not in (seen := silent.rest()) and "Acme" not in seen
        silent.close()
    again = office.open(token=tab.token)
    again.send(name_of(FrameState.toggle_sidebar), path=PAGE)
    again.until('sidebar_collapsed_rx_state_":false')  # the same tab, in which it was folded
    again.close()


def is_well(office: Office) -> bool:
    """Tell whether somebody who is signed in is still answered."""
    tab = office.open()
    tab.close()
    return True


def test_strangers_of_one_address_have_so_many_places(office: Office) -> None:
    held: list[RawTab] = []
    wait_for(lambda: office.web.has_taken() or None)
    for _ in range(MOST):
        held.append(office.web.tab())
    assert not office.web.has_taken() and not office.web.has_taken(cookie="session=made-up")
    assert not office.web.has_taken(headers={"X-Forwarded-For": "203.0.113.9"})  # nobody vouches for that header
    assert is_well(office)  # who is signed in counts apart
    held.pop().close()
    wait_for(office.web.has_taken)
    for tab in held:
        tab.close()


TAG = "<reflex.Var>x</reflex.Var>"


@pytest.mark.parametrize("signed_in", [False, True])
def test_the_reserved_text_is_dropped(office: Office, signed_in: bool) -> None:
    tab = office.web.tab(cookie=office.cookie if signed_in else "")
    load = name_of(SignInState.load)
    tab.send(HYDRATE, path=f"/sign-in?next={TAG}")
    tab.send(HYDRATE, asPath="/sign-in?next=%253Creflex.Var%253Ex%253C/reflex.Var%253E")
    tab.send(HYDRATE, query={"next": TAG})
    tab.send(load, {TAG: 1}, query={TAG: "x"})
    tab.send(name_of(SignInState.register), {"form": {"email": [[TAG]]}})
    tab.send(HYDRATE, path="/sign-in")
    tab.until('is_hydrated_rx_state_":true')
    tab.close()
    assert is_well(office)


ODD = [
    "",
    "4",
    "9",
    "b!!!",
    "42/_event,",
    "42/_event,[]",
    "42/_event,{bad",
    '42/_event,["event"]',
    '42/_event,["event",null]',
    '42/_event,["event","text"]',
    '42/_event,["event",{"name":1}]',
    '42/_event,["event",{"name":"no.such"}]',
    f'42/_event,["event",{{"name":"{HYDRATE}","router_data":[],"payload":{{}}}}]',
    f'42/_event,["event",{{"name":"{HYDRATE}","router_data":{{"query":[1],"pathname":{{}}}},"payload":{{}}}}]',
    f'42/_event,["event",{{"name":"{HYDRATE}","payload":"x"}}]',
    '42/_event,["client_error",{"error_type":"x","message":"' + "y" * 5_000 + '"}]',
    '42/_event,["event",' + "[" * 20_000 + "]",
    "40/_event,",
    "40/other,",
    "41/_event,",
    "451-/_event,[]",
    "1",
    "x" * 100_000,
]


def test_odd_frames_stop_nobody(office: Office) -> None:
    for frame in [*ODD, b"\x00\xff" * 100]:
        wait_for(lambda: office.web.has_taken() or None)
        tab = office.web.tab()
        with suppress(ConnectionClosed):
            tab.socket.send(frame)
            tab.socket.send(frame)
            tab.rest(0.1)
        tab.close()
    assert is_well(office)


async def test_closed_tabs_are_forgotten() -> None:
    """Those in which nobody signed in go soon, with their state; the others stay known as long as their state."""
    tabs, manager = app.event_namespace, app.state_manager
    assert isinstance(tabs, SessionNamespace) and isinstance(manager, StateManagerMemory)
    names = ("stranger", "person", "at work", "fresh")
    for token in names:
        await manager.get_state(BaseStateToken(ident=token, cls=rx.State))
        tabs._owners[token] = ""
        tabs._closed[token] = (time.monotonic() - (0 if token == "fresh" else 3_000), token != "person")
    async with manager.modify_state(BaseStateToken(ident="at work", cls=rx.State)):
        tabs.forget_closed_tabs()
    assert set(names) - set(manager.states) == {"stranger"} == set(names) - set(tabs._owners)
    tabs.forget_closed_tabs()
    assert set(names) - set(manager.states) == {"stranger", "at work"}
    tabs._closed["person"] = (time.monotonic() - 10_000, False)
    tabs.forget_closed_tabs()
    assert "person" not in tabs._owners
    for token in names:
        manager._purge_token(BaseStateToken(ident=token, cls=rx.State))
        tabs._owners.pop(token, None)
        tabs._closed.pop(token, None)
    await manager.close()
