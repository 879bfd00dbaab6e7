"""Security: what every answer carries, whose requests are taken, and the address in the built front end."""

import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from platform_app.config import settings

CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' ws: wss:; font-src 'self' data:; frame-src 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
_SAFE = ("GET", "HEAD", "OPTIONS")
BODY_LIMIT = 1_000_000


def is_https(scope: Scope) -> bool:
    """Tell whether people reach the platform over https."""
    return settings().public_url.startswith("https://") or scope.get("scheme") in ("https", "wss")


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, or nothing."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def same_origin(scope: Scope) -> bool:
    """Tell whether a request comes from a page of this platform. Without any Origin it does not come from a page."""
    origin = header(scope, b"origin")
    if not origin:
        return header(scope, b"sec-fetch-site") in ("", "same-origin", "none")
    allowed = {header(scope, b"host")}
    if settings().public_url:
        allowed.add(urlsplit(settings().public_url).netloc)
    if os.environ.get("REFLEX_ENV_MODE", "dev") != "prod":
        allowed.add("localhost:3000")
    return urlsplit(origin).netloc in allowed and origin.startswith(("http://", "https://"))


class Harden:
    """Refuses foreign origins and Reflex's own upload, caps bodies, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and (not header(scope, b"origin") or not same_origin(scope)):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = self._with_headers(scope, send)
        path = scope["path"]
        if path.startswith("/_upload") or path == "/_health":
            await _plain(answer, 404, b"Not found")
        elif (
            path.startswith("/_event")
            and header(scope, b"origin")
            and not same_origin(scope)
            or scope["method"] not in _SAFE
            and not same_origin(scope)
        ):
            await _plain(answer, 403, b"Forbidden")
        elif not path.startswith("/api/uploads/") and int(header(scope, b"content-length") or 0) > BODY_LIMIT:
            await _plain(answer, 413, b"Too large")
        else:
            await self.app(scope, receive, answer)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {key.lower() for key, _ in message.get("headers", [])}
                extra = list(HEADERS)
                lasting = scope["path"].startswith("/assets/") and "reflex-env" not in scope["path"]
                cached = b"public, max-age=31536000, immutable" if lasting else b"no-store"
                extra.append((b"cache-control", cached))
                if is_https(scope):
                    extra.append((b"strict-transport-security", b"max-age=31536000"))
                kept = [pair for pair in message.get("headers", []) if not _replaced(pair[0].lower(), message)]
                message["headers"] = kept + [pair for pair in extra if pair[0] not in given or _forced(pair[0])]
            await send(message)

        return answer


def _forced(name: bytes) -> bool:
    return name == b"cache-control"


def _replaced(name: bytes, message: Message) -> bool:
    foreign = name in (b"access-control-allow-origin", b"access-control-allow-credentials")
    return _forced(name) or foreign


async def _plain(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache
def _chunk(name: str) -> str | None:
    path = Path(os.environ.get("REFLEX_WEB_WORKDIR", ".web")) / "build" / "client" / "assets" / name
    return path.read_text() if path.is_file() else None


class RuntimeEnv:
    """Writes the port at which the browser came into the one built file that names the server's address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = scope["type"] == "http" and re.fullmatch(r"/assets/(reflex-env-[\w-]+\.js)", scope["path"])
        text = _chunk(match[1]) if match else None
        if text is None:
            await self.app(scope, receive, send)
            return
        host = header(scope, b"host") or "localhost"
        port = host.rpartition(":")[2] if ":" in host else ("443" if is_https(scope) else "80")
        port = port if port.isdigit() else "80"
        body = re.sub(
            r"(https?|wss?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0):\d+", rf"\1://localhost:{port}", text
        ).encode()
        headers = [(b"content-type", b"text/javascript; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
