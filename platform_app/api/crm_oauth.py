"""CRM OAuth: the route to which a CRM sends the browser back after a sign-in there."""

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from platform_app.api.routes import route
from platform_app.errors import PlatformError
from platform_app.models.person import Identity, Role
from platform_app.services.integrations import oauth_connections


@route("/oauth/crm/{tenant}", Role.ADMIN, methods=["GET"])
async def finish_crm_sign_in(request: Request, who: Identity) -> Response:
    """Connect the account and lead to its page; what went wrong is told on the page of integrations."""
    given = {name: request.query_params.get(name, "")[:2_000] for name in ("state", "code", "referer")}
    home = f"/manage/{quote(who.slug)}/integrations"
    try:
        row = await asyncio.to_thread(oauth_connections.finish, who, **given)
    except PlatformError as error:
        kind = "over" if error.status == 403 else "refused"
        return RedirectResponse(f"{home}?sign_in={kind}", 303)
    return RedirectResponse(f"{home}/{row.id}", 303)
