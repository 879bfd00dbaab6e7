"""Company data: an owner asks for the deletion of the company, or keeps it."""

from typing import Any

import reflex as rx

from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Role
from platform_app.services.accounts import passwords, two_factor
from platform_app.services.tenants import deletion_requests
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast


class CompanyDataState(rx.State):
    """The page with the company's data."""

    loaded: bool = False
    has_code: bool = False  # the user has a second factor
    deletion: str = ""  # when the company is deleted; "": nobody asked for it
    is_open: bool = False
    busy: bool = False
    problem: str = ""
    problem_field: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch whether the company is to be deleted."""
        self.is_open, self.busy = False, False
        await self._fetch()
        self.loaded = True

    @handler(Role.OWNER)
    async def set_open(self, is_open: bool) -> None:
        """Open or close the dialog that asks for the deletion."""
        self.is_open, self.busy, self.problem, self.problem_field = is_open, False, "", ""

    @handler(Role.OWNER)
    async def request_deletion(self, form: dict[str, Any]) -> Any:
        """Ask for the deletion of the company, with its name, the password and the code of a second factor."""
        identity, language = await current_identity(self), (await current_user(self)).language
        name, password, code = (str(form.get(field, ""))[:1000] for field in ("company", "password", "code"))
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            due = await passwords.run_in_hash_threads(
                lambda: deletion_requests.request(identity, name=name, password=password, code=code)
            )
        except PlatformError as error:
            self.busy, self.problem = False, translate(language, error.sentence, **error.values)
            self.problem_field = {"name": "company"}.get(error.field, error.field)
            yield browser.focus(self.problem_field) if self.problem_field else None
            return
        self.is_open, self.busy = False, False
        self.deletion = exact_time(language, due, identity.time_zone)
        yield browser.reload()

    @handler(Role.OWNER)
    async def keep(self) -> Any:
        """Keep the company."""
        await call(self, deletion_requests.cancel)
        self.deletion = ""
        return [await success_toast(self, "The company will not be deleted."), browser.reload()]

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        due = identity.deletion_at
        self.deletion = exact_time(language, due, identity.time_zone) if due is not None else ""
        self.has_code = (await fetch(self, two_factor.get_status)).enabled_at is not None
