"""API client: asks the routes as a browser or a script would, through the same wrappers as in production."""

from typing import Any

import httpx

from platform_app.api.app import api
from platform_app.api.security import SecurityMiddleware, ServerAddressMiddleware
from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.accounts import sessions

HOST = "acme.example:8000"


def client(token: str = "", *, scheme: str = "http", **headers: str) -> httpx.AsyncClient:
    """Return a client of the routes, with a session cookie where a token is given."""
    cookies = {("__Host-session" if scheme == "https" else "session"): token} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=SecurityMiddleware(ServerAddressMiddleware(api))),
        base_url=f"{scheme}://{HOST}",
        cookies=cookies,
        headers=headers,
    )


def ticket_for(who: Identity) -> str:
    """Return a ticket as sign-in makes one."""
    with session_scope(reason="tests") as session:
        return sessions.issue_ticket(session, who.user_id)


def sign_in(who: Identity) -> str:
    """Return the token of a new session."""
    ticket = ticket_for(who)
    with session_scope(reason="tests") as session:
        return sessions.redeem_ticket(session, ticket, "tests")


class Wire:
    """One exchange at the level of ASGI: what the app is sent, and what it said."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.said: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        """Hand the app its next message."""
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Keep what the app said."""
        self.said.append(message)
