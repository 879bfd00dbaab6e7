"""Mail OAuth: the routes to which a mail provider sends the browser back after a sign-in there."""

import asyncio
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from platform_app.api.routes import ANYONE, route
from platform_app.errors import NotFound, PlatformError
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_access, mail_sign_ins

_NAMES = ("state", "code", "error")
_MAX_CHARS = 4_000


@route(mail_sign_ins.PATH, ANYONE, methods=["GET"])
async def find_tenant_of_sign_in(request: Request) -> Response:
    """Lead on to the route of the tenant, as providers know one address for all. Raises NotFound without a state."""
    given = _given(request)
    slug = mail_sign_ins.slug_of(given["state"])
    if not slug:
        raise NotFound("Page not found.")
    return RedirectResponse(f"{mail_sign_ins.PATH}/{quote(slug, safe='')}?{urlencode(given)}", 303)


@route(f"{mail_sign_ins.PATH}/{{tenant}}", Role.ADMIN, methods=["GET"])
async def finish_mail_sign_in(request: Request, who: Identity) -> Response:
    """Connect the mailbox and lead to its page; what went wrong is told on the page of channels."""
    home = f"/manage/{quote(who.slug)}/settings/channels"
    try:
        row = await asyncio.to_thread(mail_sign_ins.finish, who, **_given(request))
    except PlatformError as error:
        return RedirectResponse(f"{home}?sign_in={_reason(error)}", 303)
    return RedirectResponse(f"{home}/{row.id}", 303)


def _given(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "")[:_MAX_CHARS] for name in _NAMES}


def _reason(error: PlatformError) -> str:
    """Return the word for what went wrong; see `SIGN_IN_PROBLEMS` of the page."""
    known = {mail_sign_ins.DENIED: "denied", channel_access.CONNECTED_ALREADY: "connected"}
    known |= {channel_access.ANOTHER_ACCOUNT: "another", mail_sign_ins.OVER: "over"}
    if error.sentence in known:
        return known[error.sentence]
    return "refused" if error.status < 500 else "unavailable"
