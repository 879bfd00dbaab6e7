"""API keys: state of the page on which admins make and revoke the keys of other systems."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.api_key import ApiKey
from platform_app.models.person import Identity, Role
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.scopes import RESOURCES, Scope
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once


@dataclass
class ApiKeyRow:
    """A key in the list."""

    id: str
    name: str
    prefix: str
    author: str
    role: str
    may: str  # what it may do, in words
    used: str
    used_exact: str
    expires: str  # "" for ever
    is_expired: bool


class ApiKeysState(rx.State):
    """The page of API keys. Keys themselves are sent to the browser once and are in no variable."""

    loaded: bool = False
    rows: list[ApiKeyRow] = []
    address: str = ""  # of the API
    dialog_open: bool = False
    made: str = ""  # the name of the key that is shown
    problem: str = ""
    problem_field: str = ""
    asked_id: str = ""
    asked_name: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the keys."""
        self.dialog_open, self.made, self.asked_id = False, "", ""
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the keys again when one changes."""
        async for _ in subscribe(self, "api_key"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog in which a key is made and then shown."""
        self.dialog_open, self.made, self.problem, self.problem_field = is_open, "", "", ""

    @handler(Role.ADMIN)
    async def create(self, form: dict[str, Any]) -> Any:
        """Create a key and show it once, or show the problem at its field."""
        self.problem = self.problem_field = ""
        name, role, days = (str(form.get(field, ""))[:1_000] for field in ("name", "role", "days"))
        scopes = [scope for scope in Scope if form.get(scope.value)]
        try:
            chosen, lifetime = _choices(role, days)
            row, key = await call(self, api_keys.create, name=name, role=chosen, scopes=scopes, days=lifetime)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "name"
            return browser.focus(self.problem_field)
        self.made = row.name
        await self._fetch()
        return reveal_once(key)

    @handler(Role.ADMIN)
    async def ask(self, key_id: str) -> None:
        """Open the dialog that asks whether a key is to be revoked. Raises Invalid if it is not in the list."""
        names = {row.id: row.name for row in self.rows}
        if key_id not in names:
            raise Invalid("This value isn’t allowed.")
        self.asked_id, self.asked_name = key_id, names[key_id]

    @handler(Role.ADMIN)
    async def close_question(self, is_open: bool) -> None:
        """Close the dialog."""
        if not is_open:
            self.asked_id = ""

    @handler(Role.ADMIN)
    async def revoke(self) -> Any:
        """Revoke the key that the dialog names."""
        key_id, self.asked_id = self.asked_id, ""
        await call(self, api_keys.revoke, key_id)
        await self._fetch()
        return await success_toast(self, "API key revoked.")

    async def _fetch(self) -> None:
        who, language = await current_identity(self), (await current_user(self)).language
        self.rows = [_row(one, who, language) for one in await fetch(self, api_keys.list_keys)]
        self.address = f"{self.router.headers.origin}/api/v1"


def _choices(role: str, days: str) -> tuple[Role, int]:
    if role not in list(Role):
        raise Invalid("This value isn’t allowed.", field="role")
    if not (days.isascii() and days.isdecimal()):
        raise Invalid("This value isn’t allowed.", field="days")
    return Role(role), int(days[:5])


def _row(key: ApiKey, who: Identity, language: str) -> ApiKeyRow:
    used, expires = key.last_used_at, key.expires_at
    return ApiKeyRow(
        id=key.id,
        name=key.name,
        prefix=f"{key.prefix}…",
        author=key.author_name,
        role=key.role.value,
        may=_scope_words(key.scopes, language),
        used=relative_time(language, used, now(), who.time_zone) if used else "",
        used_exact=exact_time(language, used, who.time_zone) if used else "",
        expires=exact_time(language, expires, who.time_zone) if expires else "",
        is_expired=expires is not None and expires <= now(),
    )


def _scope_words(scopes: list[str], language: str) -> str:
    """Return what scopes allow, such as "Contacts: read, write; Leads: read"."""
    if set(scopes) == set(Scope):
        return translate(language, "All permissions")
    words = {"read": translate(language, "read"), "write": translate(language, "write")}
    by_resource: dict[str, list[str]] = {}
    for scope in scopes:
        resource, _, access = scope.partition(":")
        by_resource.setdefault(resource, []).append(words.get(access, access))
    parts = [
        f"{translate(language, RESOURCES[resource])}: {', '.join(held)}"
        for resource, held in by_resource.items()
        if resource in RESOURCES
    ]
    return "; ".join(parts)
