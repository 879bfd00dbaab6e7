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
BODY_LIMIT = 1_000_000  # bytes; routes of _OWN_BODY_LIMIT limit bodies themselves
_OWN_BODY_LIMIT = re.compile(
    r"/api/uploads/.*|/api/imports/[^/]+|/hooks/[^/]+|/api/v1/.*|/v1/.*|/mcp/?|/web-chat/[^/]+/files"
)
_EMBEDDED = re.compile(r"/web-chat/.*")  # pages of other sites show it; it sets no cookies and has its own policy
_CORS = re.compile(r"/web-chat/[^/]+/appearance")  # says itself which origins may read it
_ANY_ORIGIN = re.compile(r"/hooks/[^/]+|/api/v1/.*|/v1/.*|/mcp/?")  # webhooks, the API: cookies are ignored
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_REFLEX_ROUTES = ("/_upload", "/_health", "/_all_routes")
_DEV_HOST = "localhost:3000"
_CHUNK = re.compile(r"/assets/(reflex-env-[\w-]+\.js)")


def is_https(scope: Scope) -> bool:
    """Return whether clients use https, perhaps through a proxy."""
    return settings().public_url.startswith("https://") or scope.get("scheme") in ("https", "wss")


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a request header, "" if it is missing; `name` is in lower case."""
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


def _has_expected_host(scope: Scope) -> bool:
    """Return whether a request uses the public address of this platform."""
    own = settings()
    return is_development() or hosts.is_allowed(scope, header(scope, b"host"), own.public_url, own.hooks_url)


def _is_same_host(scope: Scope, address: str) -> bool:
    """Return whether an address is on the requested host or the public one."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if is_development() and parts.netloc == _DEV_HOST:
        return True
    schemes = ("https",) if is_https(scope) else ("http", "https")  # a proxy may terminate https
    own = {header(scope, b"host"), urlsplit(settings().public_url).netloc} - {""}
    return parts.scheme in schemes and parts.netloc in own


def is_same_origin(scope: Scope) -> bool:
    """Return whether a request comes from a page of this platform, or from no page."""
    if origin := header(scope, b"origin"):
        return _is_same_host(scope, origin)
    return header(scope, b"sec-fetch-site") in ("", "same-origin", "none")


def is_same_origin_navigation(scope: Scope) -> bool:
    """Return whether a navigation was started by a page of this platform, not by a foreign link.

    On plain http beyond loopback browsers send no Sec-Fetch headers; the Referer is used if present.
    """
    if site := header(scope, b"sec-fetch-site"):
        return site == "same-origin" or (site == "same-site" and is_development())
    referer = header(scope, b"referer")
    return not referer or _is_same_host(scope, referer)


def content_security_policy(scope: Scope) -> str:
    """Return the content security policy.

    Inline scripts run only if their hashes match the build. Reflex evaluates what the server sends, so 'unsafe-eval' is
    needed; its components write inline styles.
    """
    host = header(scope, b"host")
    socket = f" ws://{host} wss://{host}" if re.fullmatch(r"[\w.\-:\[\]]{1,255}", host, re.ASCII) else ""
    scripts = "".join(f" '{digest}'" for digest in inline_scripts.hashes(_build_folder()))
    return (
        f"default-src 'self'; script-src 'self' 'unsafe-eval'{scripts}; script-src-attr 'none'; "
        "style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; connect-src 'self'{socket}; font-src 'self' data:; frame-src 'none'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def _build_folder() -> Path:
    """Return the folder of the built pages."""
    return Path(os.environ.get("REFLEX_WEB_WORKDIR", ".web")) / "build" / "client"


class SecurityMiddleware:
    """Middleware that rejects other hosts and origins, limits bodies, and adds security headers to responses.

    Answers 421 for another host, 404 for routes of Reflex that are not used, 403 for another origin, and 413 for a body
    over BODY_LIMIT; a websocket from another origin is closed with 4403.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not (
            _has_expected_host(scope) and header(scope, b"origin") and is_same_origin(scope)
        ):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._respond(scope, receive, _with_headers(scope, send))

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, length = scope["path"], header(scope, b"content-length")
        changing = scope["method"] not in _SAFE_METHODS or path.startswith("/_event")
        foreign = changing and not _ANY_ORIGIN.fullmatch(path) and not is_same_origin(scope)
        if not _has_expected_host(scope):
            await _send_text(send, 421, hosts.REFUSAL)
        elif path.startswith(_REFLEX_ROUTES):
            await _send_text(send, 404, b"Not found")
        elif foreign:
            await _send_text(send, 403, b"Forbidden")
        elif _OWN_BODY_LIMIT.fullmatch(path):
            await self.app(scope, receive, send)
        elif length.isdecimal() and int(length) > BODY_LIMIT:
            await _send_text(send, 413, b"Too large")
        else:
            await self._limit_body(scope, receive, send)

    async def _limit_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a body without Content-Length; one over the limit is answered with 413."""
        size, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal size, refused
            message = await receive()
            size += len(message.get("body", b""))
            if size <= BODY_LIMIT:
                return message
            if not started and not refused:
                await _send_text(send, 413, b"Too large")
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
    is_embedded = _EMBEDDED.fullmatch(scope["path"]) is not None
    own = [*HEADERS, (b"content-security-policy", content_security_policy(scope).encode())]
    if is_embedded:  # its own policy names the sites that may show it
        own = [pair for pair in own if pair[0] != b"x-frame-options"]
    if is_https(scope):
        own.append((b"strict-transport-security", b"max-age=31536000"))

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(k, v) for k, v in message.get("headers", []) if not _is_overridden(k.lower(), scope["path"])]
            given = {key.lower() for key, _ in kept}
            lasting = message["status"] < 400 and _is_hashed(scope["path"])
            cached = b"public, max-age=31536000, immutable" if lasting else b"no-store"
            added = [(key, value) for key, value in own if key not in given]
            added += [] if is_embedded else _language_cookie(scope, kept)
            caching = [] if b"cache-control" in given else [(b"cache-control", cached)]
            message["headers"] = [*kept, *added, *caching]
        await send(message)

    return answer


def _language_cookie(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a cookie with the browser's language for the socket, whose headers may lack it."""
    is_page = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)
    if not is_page or re.search(r"(?:^|;\s*)language=", header(scope, b"cookie")):
        return []
    wished = preferred_language(header(scope, b"accept-language"))
    return [(b"set-cookie", f"language={wished}; Path=/; SameSite=Lax".encode())]


def preferred_language(accepted: str) -> str:
    """Return "ru" or "en" for an Accept-Language header."""
    return "ru" if re.match(r"\s*(ru|uk|be|kk)\b", accepted.lower()) else "en"


def _is_hashed(path: str) -> bool:
    """Return whether a file's name contains a hash of its content."""
    return path.startswith("/assets/") and not _CHUNK.fullmatch(path)


def _is_overridden(name: bytes, path: str) -> bool:
    """Return whether a response header is replaced: caching, and Reflex's CORS headers."""
    foreign = (b"access-control-allow-origin", b"access-control-allow-credentials")
    is_kept = is_development() or _CORS.fullmatch(path)
    is_file = path.startswith("/web-chat/files/")  # of the web chat, which says itself how long it is kept
    return (name == b"cache-control" and not is_file) or (name in foreign and not is_kept)


async def _send_text(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache
def _read_chunk(name: str) -> str | None:
    path = _build_folder() / "assets" / name
    return path.read_text() if path.is_file() else None


class ServerAddressMiddleware:
    """Middleware that writes the port of the request into the built script that holds the server's address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _CHUNK.fullmatch(scope["path"]) if scope["type"] == "http" else None
        text = _read_chunk(match[1]) if match else None
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
