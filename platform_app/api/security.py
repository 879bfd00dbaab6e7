"""Security: response headers, origin checks, body limits, and the server's address in the built frontend."""

import os
import re
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from platform_app.api import hosts, inline_scripts
from platform_app.config import settings

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
BODY_LIMIT = 1_000_000  # bytes; those of _COUNTS_ITSELF are counted by their own route
_COUNTS_ITSELF = re.compile(r"/api/uploads/.*|/api/imports/[^/]+|/hooks/[^/]+")
_FROM_ANYWHERE = re.compile(r"/hooks/[^/]+")  # webhooks: cookies are ignored
_SAFE = ("GET", "HEAD", "OPTIONS")
_REFLEX_OWN = ("/_upload", "/_health", "/_all_routes")
_DEV_PAGE = "localhost:3000"
_CHUNK = re.compile(r"/assets/(reflex-env-[\w-]+\.js)")


def is_https(scope: Scope) -> bool:
    """Return whether clients use https, perhaps through a proxy."""
    return settings().public_url.startswith("https://") or scope.get("scheme") in ("https", "wss")


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, or ""."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def session_token(cookie_header: str) -> str:
    """Return the session token of a Cookie header, or ""."""
    try:
        cookies = SimpleCookie(cookie_header)
    except CookieError:
        return ""
    for name in ("__Host-session", "session"):
        if name in cookies:
            return cookies[name].value
    return ""


def is_development() -> bool:
    """Return whether pages are served from another port, with hot reload."""
    return os.environ.get("REFLEX_ENV_MODE", "dev") != "prod"


def _is_asked_for(scope: Scope) -> bool:
    """Return whether a request uses the public address of this platform."""
    return is_development() or hosts.is_expected(scope, header(scope, b"host"), settings().public_url)


def _is_own(scope: Scope, address: str) -> bool:
    """Return whether an address is on the requested host or the public one."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if is_development() and parts.netloc == _DEV_PAGE:
        return True
    schemes = ("https",) if is_https(scope) else ("http", "https")  # a proxy may terminate https
    own = {header(scope, b"host"), urlsplit(settings().public_url).netloc} - {""}
    return parts.scheme in schemes and parts.netloc in own


def same_origin(scope: Scope) -> bool:
    """Return whether a request comes from a page of this platform, or from no page."""
    if origin := header(scope, b"origin"):
        return _is_own(scope, origin)
    return header(scope, b"sec-fetch-site") in ("", "same-origin", "none")


def from_own_page(scope: Scope) -> bool:
    """Return whether a navigation was started by a page of this platform, not by a foreign link.

    On plain http beyond loopback browsers send no Sec-Fetch headers; the Referer is used if present.
    """
    if site := header(scope, b"sec-fetch-site"):
        return site == "same-origin" or (site == "same-site" and is_development())
    referer = header(scope, b"referer")
    return not referer or _is_own(scope, referer)


def policy(scope: Scope) -> str:
    """Return the content security policy.

    Inline scripts run only if their hashes match the build. Reflex evaluates what the server sends, so 'unsafe-eval' is
    needed; its components write inline styles.
    """
    host = header(scope, b"host")
    socket = f" ws://{host} wss://{host}" if re.fullmatch(r"[\w.\-:\[\]]{1,255}", host, re.ASCII) else ""
    scripts = "".join(f" '{one}'" for one in inline_scripts.hashes(_built()))
    return (
        f"default-src 'self'; script-src 'self' 'unsafe-eval'{scripts}; script-src-attr 'none'; "
        "style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; connect-src 'self'{socket}; font-src 'self' data:; frame-src 'none'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def _built() -> Path:
    """Return the folder of the built pages."""
    return Path(os.environ.get("REFLEX_WEB_WORKDIR", ".web")) / "build" / "client"


class Harden:
    """Rejects foreign origins and Reflex's upload route, limits bodies, and adds headers to responses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not (
            _is_asked_for(scope) and header(scope, b"origin") and same_origin(scope)
        ):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._answer(scope, receive, _with_headers(scope, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, length = scope["path"], header(scope, b"content-length")
        changing = scope["method"] not in _SAFE or path.startswith("/_event")
        foreign = changing and not _FROM_ANYWHERE.fullmatch(path) and not same_origin(scope)
        if not _is_asked_for(scope):
            await _plain(send, 421, hosts.REFUSAL)
        elif path.startswith(_REFLEX_OWN):
            await _plain(send, 404, b"Not found")
        elif foreign:
            await _plain(send, 403, b"Forbidden")
        elif _COUNTS_ITSELF.fullmatch(path):
            await self.app(scope, receive, send)
        elif length.isdecimal() and int(length) > BODY_LIMIT:
            await _plain(send, 413, b"Too large")
        else:
            await self._within_limit(scope, receive, send)

    async def _within_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a body without Content-Length; one over the limit is answered with 413."""
        size, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal size, refused
            message = await receive()
            size += len(message.get("body", b""))
            if size <= BODY_LIMIT:
                return message
            if not started and not refused:
                await _plain(send, 413, b"Too large")
            refused = True
            return {"type": "http.disconnect"}

        async def answer(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        try:
            await self.app(scope, counted, answer)
        except Exception:
            if not refused:
                raise


def _with_headers(scope: Scope, send: Send) -> Send:
    own = [*HEADERS, (b"content-security-policy", policy(scope).encode())]
    if is_https(scope):
        own.append((b"strict-transport-security", b"max-age=31536000"))

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(k, v) for k, v in message.get("headers", []) if not _is_replaced(k.lower())]
            given = {key.lower() for key, _ in kept}
            lasting = message["status"] < 400 and _is_hashed(scope["path"])
            cached = b"public, max-age=31536000, immutable" if lasting else b"no-store"
            added = [(key, value) for key, value in own if key not in given]
            added += _language(scope, kept)
            message["headers"] = [*kept, *added, (b"cache-control", cached)]
        await send(message)

    return answer


def _language(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a cookie with the browser's language for the socket, whose headers may lack it."""
    is_page = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)
    if not is_page or re.search(r"(?:^|;\s*)language=", header(scope, b"cookie")):
        return []
    wished = wished_language(header(scope, b"accept-language"))
    return [(b"set-cookie", f"language={wished}; Path=/; SameSite=Lax".encode())]


def wished_language(accepted: str) -> str:
    """Return the language for an Accept-Language header."""
    return "ru" if re.match(r"\s*(ru|uk|be|kk)\b", accepted.lower()) else "en"


def _is_hashed(path: str) -> bool:
    """Return whether a file's name contains a hash of its content."""
    return path.startswith("/assets/") and not _CHUNK.fullmatch(path)


def _is_replaced(name: bytes) -> bool:
    """Return whether a response header is replaced: caching, and Reflex's CORS headers."""
    foreign = (b"access-control-allow-origin", b"access-control-allow-credentials")
    return name == b"cache-control" or (name in foreign and not is_development())


async def _plain(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache
def _chunk(name: str) -> str | None:
    path = _built() / "assets" / name
    return path.read_text() if path.is_file() else None


class RuntimeEnv:
    """Writes the port of the request into the built file that contains the server's address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _CHUNK.fullmatch(scope["path"]) if scope["type"] == "http" else None
        text = _chunk(match[1]) if match else None
        if text is None:
            await self.app(scope, receive, send)
            return
        address = rf"\1://localhost:{_port(scope)}"
        body = re.sub(r"(https?|wss?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0):\d+", address, text).encode()
        headers = [(b"content-type", b"text/javascript; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _port(scope: Scope) -> int:
    """Return the port of the request."""
    usual = 443 if is_https(scope) else 80
    try:
        return urlsplit(f"//{header(scope, b'host')}").port or usual
    except ValueError:
        return usual
