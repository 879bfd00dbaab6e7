"""Unsubscribe: the page and the request by which contacts opt out of messages (RFC 8058); no sign-in, no cookies.

Opening the link changes nothing, since mail scanners open links; the button, or the mail program, posts the request.
"""

import asyncio
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from platform_app.api.routes import ANYONE, route
from platform_app.i18n import translate
from platform_app.services.chat import unsubscribe_links
from platform_app.services.chat.unsubscribe_links import Subscription

_HEADERS = {"cache-control": "no-store", "x-robots-tag": "noindex"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem;color:#1c2024;"
    "background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:6px;background:#1f5fbf;color:#fff;"
    "cursor:pointer}button:focus-visible{outline:3px solid #f5a623;outline-offset:2px}"
    "@media (prefers-color-scheme:dark){body{color:#eee;background:#18191b}}"
)


@route("/unsubscribe/{token}", ANYONE, methods=["GET"])
async def show_unsubscribe(request: Request) -> Response:
    """Return the page that asks whether to stop messages. Raises NotFound for a link that is none of ours."""
    found = await asyncio.to_thread(unsubscribe_links.read, request.path_params["token"])
    language = request.state.language
    question = translate(language, "Stop messages from {tenant}?", tenant=found.tenant_name)
    button = f'<form method="post"><button>{escape(translate(language, "Unsubscribe"))}</button></form>'
    return _page(found, language, question, button)


@route("/unsubscribe/{token}", ANYONE, methods=["POST"])
async def unsubscribe(request: Request) -> Response:
    """Opt the contact out; the body of the request does not matter. Raises NotFound for a link that is none of ours."""
    found = await asyncio.to_thread(unsubscribe_links.read, request.path_params["token"])
    await asyncio.to_thread(unsubscribe_links.unsubscribe, found)
    language = request.state.language
    done = translate(language, "You won’t get automatic messages from {tenant} anymore.", tenant=found.tenant_name)
    return _page(found, language, done, "")


def _page(found: Subscription, language: str, heading: str, below: str) -> HTMLResponse:
    title = escape(found.tenant_name)
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(heading)}</h1>{below}</main></body></html>"
    )
    return HTMLResponse(html, headers=_HEADERS)
