"""Widget files: the script for pages of a site, the frame that it opens, and the page on which a chat is tried."""

import asyncio
import hashlib
import json
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.routes import ANYONE, client_address, route
from platform_app.api.web_chat.access import (
    REFUSED_SITE,
    REQUESTS,
    TooFrequent,
    check_site,
    count,
    find_chat,
    own_origin,
    too_frequent,
)
from platform_app.channels.web_chat import WebChatSettings
from platform_app.db import session_scope
from platform_app.errors import Forbidden, NotFound
from platform_app.models.channel import ChannelAccount
from platform_app.services.accounts.sign_in_throttle import network
from platform_app.services.channels import channel_accounts, opening_hours

FILES = {"loader.js": "text/javascript", "frame.js": "text/javascript", "frame.css": "text/css", "demo.css": "text/css"}
LANGUAGES = ("en", "ru", "es", "pt", "uk", "kk")
_LASTING = "public, max-age=31536000, immutable"  # of an address with the version
_BRIEF = "public, max-age=300, stale-while-revalidate=86400"  # the script of a site has an address without one
_FOLDER = Path(__file__).parent
_STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'self'; style-src 'self'; "


@route("/web-chat/files/{name}", ANYONE, methods=["GET"])
async def widget_file(request: Request) -> Response:
    """Return a script or style sheet. Raises NotFound for any other name."""
    name = request.path_params["name"]
    if name not in FILES:
        raise NotFound("Page not found.")
    version = _version(name)
    headers = {"cross-origin-resource-policy": "cross-origin", "etag": f'"{version}"'}
    headers["cache-control"] = _LASTING if request.query_params.get("v") == version else _BRIEF
    if f'"{version}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(_file(name), media_type=FILES[name], headers=headers)


@lru_cache
def _version(name: str) -> str:
    """Return a hash of a file's content, which its address has in the frame."""
    return hashlib.sha256(_file(name).encode()).hexdigest()[:16]


@lru_cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@route("/web-chat/{token}/appearance", ANYONE, methods=["GET"])
async def appearance(request: Request) -> Response:
    """Return what the script needs to draw the button, to pages of allowed sites alone."""
    try:
        own = await _settings(request)
    except TooFrequent as error:
        return too_frequent(request, error)
    origin = request.headers.get("origin", "") or own_origin(request)  # no Origin: a page of this platform
    check_site(own, origin, request)
    headers = {"access-control-allow-origin": origin, "vary": "Origin"}
    return JSONResponse({"colour": own.colour, "text_colour": own.text_colour}, headers=headers)


@route("/web-chat/{token}/frame", ANYONE, methods=["GET"])
async def frame(request: Request) -> Response:
    """Return the page inside of the frame, which browsers show on allowed sites alone.

    Raises Forbidden if the browser says that another site shows it, or that nothing does.
    """
    try:
        account, own = await _account(request)
    except TooFrequent as error:
        return too_frequent(request, error)
    if site := _referring_site(request):
        check_site(own, site, request)
    elif request.headers.get("sec-fetch-dest", "iframe") != "iframe":
        raise Forbidden(REFUSED_SITE)
    looks: dict[str, str | bool] = {"colour": own.colour, "text_colour": own.text_colour}
    given = looks | {"greeting": own.greeting, "asks_first": own.asks_first, "consent": own.consent_text}
    given |= {
        "away": await asyncio.to_thread(_is_away, account),
        "away_text": own.away_text,
        "files": own.accepts_files,
    }
    page = Template(_file("frame.html")).substitute(
        language=_language(request),
        settings=escape(json.dumps(given, ensure_ascii=False)),
        style=_version("frame.css"),
        script=_version("frame.js"),
    )
    policy = f"{_STRICT}connect-src 'self'; img-src 'self'; frame-ancestors 'self' {' '.join(own.allowed_origins)}"
    return _page(page, policy)


@route("/web-chat/{token}/try", ANYONE, methods=["GET"])
async def try_out(request: Request) -> Response:
    """Return a page of the platform that shows a chat as a site would."""
    try:
        await _settings(request)
    except TooFrequent as error:
        return too_frequent(request, error)
    page = Template(_file("demo.html")).substitute(
        language=_language(request), token=escape(request.path_params["token"])
    )
    return _page(page, f"{_STRICT}connect-src 'self'; frame-src 'self'; frame-ancestors 'none'")


async def _settings(request: Request) -> WebChatSettings:
    """Return the settings of a chat, as `_account` does."""
    return (await _account(request))[1]


async def _account(request: Request) -> tuple[ChannelAccount, WebChatSettings]:
    """Return a chat and its settings. Raises TooFrequent, and NotFound if there is none or it is switched off."""
    await count(REQUESTS, "request", network(client_address(request)))
    account = await asyncio.to_thread(find_chat, request.path_params["token"])
    own = channel_accounts.settings_of(account)
    assert isinstance(own, WebChatSettings)
    return account, own


def _is_away(account: ChannelAccount) -> bool:
    with session_scope(account.tenant_id, read_only=True) as session:
        return opening_hours.is_away(session, account)


def _referring_site(request: Request) -> str:
    """Return the origin of the page that shows the frame, or "" if the browser does not say."""
    parts = urlsplit(request.headers.get("referer", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _language(request: Request) -> str:
    """Return the language of the site's page, else that of the visitor."""
    wished = request.query_params.get("lang", "") or request.state.language
    return wished[:2].lower() if wished[:2].lower() in LANGUAGES else "en"


def _page(text: str, policy: str) -> Response:
    headers = {"content-security-policy": policy, "cross-origin-opener-policy": "unsafe-none"}
    return Response(text, media_type="text/html", headers=headers)
