"""Company data: an owner has an archive of it made, asks for the deletion of the company, or cancels it."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.tenant_export import TenantExport
from platform_app.services.accounts import passwords, two_factor
from platform_app.services.tenants import deletion_requests, tenant_exports
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe

STATES = {"running": ("Running", "blue"), "ready": ("Ready", "green"), "failed": ("Failed", "red")}


@dataclass
class ExportRow:
    """An export in the list."""

    id: str = ""
    state: str = ""
    color: str = ""
    who: str = ""
    details: str = ""  # what it holds, or why it failed
    until: str = ""  # when it is deleted
    when: str = ""
    exact: str = ""
    address: str = ""  # of the file; "": there is none


class CompanyDataState(rx.State):
    """The page with the company's data."""

    loaded: bool = False
    has_code: bool = False  # the user has a second factor
    deletion: str = ""  # when the company is deleted; "": nobody asked for it
    is_open: bool = False
    busy: bool = False
    problem: str = ""
    problem_field: str = ""
    exports: list[ExportRow] = []

    @handler(Role.OWNER, background=True)
    async def watch(self) -> None:
        """Fetch the exports again when one of them changes."""
        async for _ in subscribe(self, "export", every=5, required_role=Role.OWNER):
            async with self:
                await self._fetch()

    @handler(Role.OWNER)
    async def export(self) -> Any:
        """Have an archive made with all data of the company."""
        await call(self, tenant_exports.start)
        await self._fetch()
        return await success_toast(self, "The export has begun.")

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
        yield CompanyDataState.load  # the notice of every page comes with the next event

    @handler(Role.OWNER)
    async def cancel_deletion(self) -> Any:
        """Cancel the deletion of the company."""
        await call(self, deletion_requests.cancel)
        self.deletion = ""
        return [await success_toast(self, "The company will not be deleted."), CompanyDataState.load]

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        due = identity.deletion_at
        self.deletion = exact_time(language, due, identity.time_zone) if due is not None else ""
        if identity.role == Role.OWNER:
            rows = await fetch(self, tenant_exports.list_exports)
            self.exports = [_row(row, identity, language) for row in rows]
        self.has_code = (await fetch(self, two_factor.get_status)).enabled_at is not None


def _row(row: TenantExport, identity: Identity, language: str) -> ExportRow:
    words, color = STATES[row.state.value]
    details = translate(language, row.error) if row.error else ""
    if row.stored_as:
        rows = plural(language, "{count} row", "{count} rows", row.rows)
        files = plural(language, "{count} file", "{count} files", row.files)
        size = translate(language, "{count} MB", count=f"{row.size / 1_000_000:.1f}")
        details = ", ".join((rows, files, size))
        if row.missing_files:
            missing = "{count} file is missing on the disk: manifest.json names it."
            many = "{count} files are missing on the disk: manifest.json names them."
            details = f"{details}. {plural(language, missing, many, row.missing_files)}"
    until = exact_time(language, row.expires_at, identity.time_zone) if row.stored_as and row.expires_at else ""
    return ExportRow(
        id=row.id,
        state=translate(language, words),
        color=color,
        who=row.author_name,
        details=details,
        until=translate(language, "Kept until {when}", when=until) if until else "",
        when=relative_time(language, row.created_at, now(), identity.time_zone),
        exact=exact_time(language, row.created_at, identity.time_zone),
        address=f"/api/exports/{identity.slug}/{row.id}/data.zip" if row.stored_as else "",
    )
