"""Site: a web address with the report of its reading, its pages and the form of how it is read."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.form_fields import format_typed
from platform_app.i18n import plural, translate
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Role
from platform_app.models.web_site import SITE_FORM, PageOutcome, WebPage, WebSite
from platform_app.services.knowledge import sites
from platform_app.services.knowledge.sites import SiteReport
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.knowledge.site_view import (
    OUTCOMES,
    OutcomeRow,
    PageRow,
    SiteRow,
    outcome_rows,
    page_row,
    site_row,
)

NEW = "new"  # in the address
PAGE_SIZE = 25
_DEFAULTS = {"scope": "page", "depth": "3", "page_limit": "100", "interval": "week", "category": "none"}


class SitePageState(rx.State):
    """The web address in the address of the page."""

    loaded: bool = False
    is_new: bool = True
    rows: list[SiteRow] = []  # the web address itself, once it is fetched
    outcomes: list[OutcomeRow] = []
    pages_shown: list[PageRow] = []
    is_cut: bool = False
    outcome: str = "all"
    page: int = 1
    pages: int = 1
    total: int = 0
    total_words: str = ""
    initial: dict[str, str] = {}
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0  # incremented to reset the form to the stored values

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the web address with its pages."""
        self.loaded, self.rows, self.outcome, self.page = False, [], "all", 1
        self.problem = self.problem_field = ""
        self.is_new = not self._id()
        self.initial = dict.fromkeys(SITE_FORM, "") | _DEFAULTS
        if not self.is_new:
            self.initial = _values(await fetch(self, sites.get, self._id()))
            await self._fetch()
        self.form_key += 1
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch it again while it is read and indexed."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the form, or show the problem at its field; a new web address is opened at its own page."""
        self.problem = self.problem_field = ""
        given = {name: str(form.get(name, ""))[:2_100] for name in (*SITE_FORM, "category")}
        try:
            row = await call(self, _save, self._id(), given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or ("address" if self.is_new else "scope")
            return browser.focus(self.problem_field)
        if self.is_new:
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/knowledge/sites/{row.id}")
        self.initial, self.form_key = _values(row), self.form_key + 1
        await self._fetch()
        return await success_toast(self, "Saved.")

    @handler(Role.OPERATOR)
    async def read_now(self) -> Any:
        """Begin to read it."""
        await call(self, sites.read_now, self._id())
        await self._fetch()
        return await success_toast(self, "The reading has begun.")

    @handler(Role.OPERATOR)
    async def set_paused(self, is_paused: bool) -> None:
        """Pause the reading, or go on with it."""
        await call(self, sites.pause if is_paused else sites.resume, self._id())
        await self._fetch()

    @handler(Role.OPERATOR)
    async def delete(self) -> Any:
        """Move it to the bin with its pages, and open the list."""
        await call(self, sites.delete, self._id())
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/knowledge")

    @handler(Role.VIEWER)
    async def filter_outcome(self, outcome: str) -> None:
        """Show the pages with an outcome, or all."""
        self.outcome, self.page = (outcome if outcome in list(PageOutcome) else "all"), 1
        await self._fetch()

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> None:
        """Go to a page of the list, counted from 1."""
        self.page = max(1, min(page, self.pages))
        await self._fetch()

    def _id(self) -> str:
        last = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        return "" if last == NEW else last

    async def _fetch(self) -> None:
        if not self._id():
            return
        identity, language = await current_identity(self), (await current_user(self)).language
        outcome = None if self.outcome == "all" else PageOutcome(self.outcome)
        site, report, (shown, self.total) = await fetch(self, _read, self._id(), outcome=outcome, page=self.page)
        self.rows = [site_row(site, report, identity, language)]
        self.outcomes, self.is_cut = outcome_rows(report, language), site.is_cut
        self.pages_shown = [page_row(page, source, identity, language) for page, source in shown]
        self.pages = max(1, -(-self.total // PAGE_SIZE))
        self.total_words = plural(language, "{count} page", "{count} pages", self.total)


def _read(
    session: Transaction, who: Identity, site_id: str, *, outcome: PageOutcome | None, page: int
) -> tuple[WebSite, SiteReport, tuple[list[tuple[WebPage, Source | None]], int]]:
    site = sites.get(session, who, site_id)
    shown = sites.list_pages(session, site, outcome=outcome, page=page, page_size=PAGE_SIZE)
    return site, sites.report(session, site), shown


def _save(session: Transaction, who: Identity, site_id: str, given: dict[str, str]) -> WebSite:
    category_id = None if given["category"] in ("", "none") else given["category"][:32]
    if not site_id:
        return sites.create(session, who, given, category_id=category_id)
    site = sites.change(session, who, site_id, given)
    return site if site.category_id == category_id else sites.set_category(session, who, site_id, category_id)


def _values(site: WebSite) -> dict[str, str]:
    return {name: format_typed(getattr(site, name)) for name in SITE_FORM} | {"category": site.category_id or "none"}


OUTCOME_CHOICES = {outcome.value: words for outcome, (words, _) in OUTCOMES.items()}
