"""HTTP tool: the form of a tool that a tenant made for its agents."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict, PlatformError
from platform_app.form_fields import Control
from platform_app.i18n import translate
from platform_app.models.http_tool import EXAMPLE_SCHEMA, HTTP_TOOL_FORM, HttpTool
from platform_app.models.person import Identity, Role
from platform_app.services.tools import http_tools
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast

NEW = "new"  # in the address
_DEFAULTS = {
    "effect": "reads",
    "method": "GET",
    "seconds": "10",
    "header": "Authorization",
    "parameters": EXAMPLE_SCHEMA,
}


class HttpToolState(rx.State):
    """The HTTP tool in the address. The state never holds its secret."""

    loaded: bool = False
    is_new: bool = True
    name: str = ""
    initial: dict[str, str] = {}
    credential_hint: str = ""  # a sentence about the stored secret
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0  # incremented to reset the form to the stored values

    @handler(Role.ADMIN)
    async def load(self) -> None:
        """Fetch the tool."""
        self.loaded = False
        await self._fetch()
        self.loaded = True

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the tool, or show the problem at its field; a new one is opened at its own address."""
        self.problem = self.problem_field = ""
        given = {name: str(form.get(name, ""))[:12_000] for name in HTTP_TOOL_FORM}
        try:
            row = await call(self, http_tools.save, self._id(), given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "name"
            return browser.focus(self.problem_field)
        if not self._id():
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/tools/{row.id}")
        await self._fetch()
        return await success_toast(self, "The tool is saved.")

    @handler(Role.ADMIN)
    async def remove(self) -> Any:
        """Delete the tool with its secret, and open the list."""
        await call(self, http_tools.remove, self._id())
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/tools")

    def _id(self) -> str:
        last = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        return "" if last == NEW else last

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        self.problem = self.problem_field = self.credential_hint = self.name = ""
        self.is_new = not self._id()
        self.form_key += 1
        self.initial = dict.fromkeys(HTTP_TOOL_FORM, "") | _DEFAULTS
        if self.is_new:
            return
        row, sentence, values = await fetch(self, _read, self._id())
        names = [name for name, shown in HTTP_TOOL_FORM.items() if shown.control != Control.PASSWORD]
        self.initial = {name: str(getattr(row, name)) for name in names}
        self.name = row.name
        self.credential_hint = translate(language, sentence, **values)


def _read(session: Transaction, who: Identity, tool_id: str) -> tuple[HttpTool, str, dict[str, object]]:
    row = http_tools.get(session, who, tool_id)
    try:
        ending = http_tools.secret_suffix(session, who, tool_id)
    except Conflict as error:
        return row, error.sentence, error.values
    if ending is None:
        return row, "No secret is kept: requests go without one.", {}
    return row, "A secret is kept that ends in {ending}. Leave this empty to keep it.", {"ending": ending or "…"}
