"""Shadow mode: the page that compares answers of agents with those of people, with filters kept in the address."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.i18n import plural, translate
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.models.shadow import ShadowMark
from platform_app.services.analytics import periods
from platform_app.services.analytics.periods import DEFAULT_SPAN, SPANS
from platform_app.services.shadow import comparison, shadow_accounts, shadow_figures
from platform_app.services.shadow.comparison import ComparedAnswer, Selection
from platform_app.services.shadow.shadow_figures import Part, PartFigures, ShadowFigures, ShadowScope
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.shadow.shadow_view import AnswerRow, PartRow, ShadowTile, answer_rows, part_rows, tiles

PAGE_SIZE = 25
ALL, NO_LEAD = "all", "none"
MAX_PAGE = 10_000


class ShadowState(rx.State):
    """The page of shadow mode."""

    account: str = ""  # the id of the account that is shown; "": none is or was in shadow mode
    accounts: list[Option] = []
    name: str = ""  # of the account
    agent: str = ""
    is_shadow: bool = False
    span: str = DEFAULT_SPAN
    selected: str = Selection.ALL.value  # or a value of ShadowMark
    stage: str = ALL
    stages: list[Option] = []
    tiles: list[ShadowTile] = []
    stage_rows: list[PartRow] = []
    tag_rows: list[PartRow] = []
    rows: list[AnswerRow] = []
    page: int = 1
    pages: int = 1
    total: int = 0
    total_words: str = ""
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set account, period, filters and page from the address, and fetch."""
        query = self.router.url.query_parameters
        self.account = query.get("account", "")[:32]
        self.span = query.get("period", "") if query.get("period") in SPANS else DEFAULT_SPAN
        chosen = query.get("show", "")
        self.selected = chosen if chosen in (*Selection, *ShadowMark) else Selection.ALL.value
        self.stage = query.get("stage", ALL)[:32] or ALL
        self.page = parse_whole(query.get("page", "1"), MAX_PAGE) or 1
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch again when an answer was written or marked, a person answered, or an account changed."""
        async for _ in subscribe(self, "shadow", "channel", pause=1.0):
            async with self:
                if self.loaded:
                    await self._fetch()

    @handler(Role.VIEWER)
    async def set_account(self, account_id: str) -> Any:
        """Show the answers on another account."""
        return self._open(account=account_id[:32], stage="", page="")

    @handler(Role.VIEWER)
    async def set_span(self, span: str) -> Any:
        """Show another period."""
        return self._open(period=span if span in SPANS else "", page="")

    @handler(Role.VIEWER)
    async def set_selected(self, selected: str) -> Any:
        """Show the answers with a mark, without one, or those that say that there is no answer."""
        return self._open(show=selected if selected in (*Selection, *ShadowMark) else "", page="")

    @handler(Role.VIEWER)
    async def set_stage(self, stage: str) -> Any:
        """Show the answers to contacts whose lead was in a stage, or who had none."""
        return self._open(stage=stage[:32], page="")

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Show another page of answers."""
        return self._open(page=str(max(1, min(page, self.pages))))

    @handler(Role.OPERATOR)
    async def mark(self, answer_id: str, mark: str) -> None:
        """Mark an answer, or take its mark away if it has this one. Raises Invalid if there is no such mark."""
        if mark not in list(ShadowMark):
            raise Invalid("This value isn’t allowed.")
        held = next((row.mark for row in self.rows if row.id == answer_id), "")
        given = None if held == mark else ShadowMark(mark)
        await call(self, comparison.set_mark, answer_id[:32], given)
        await self._fetch()

    @handler(Role.ADMIN)
    async def set_shadow(self, is_shadow: bool) -> Any:
        """Turn the shadow mode of the account on or off."""
        row = await call(self, shadow_accounts.set_shadow, self.account, is_shadow=is_shadow)
        await self._fetch()
        told = "Shadow mode is on for “{name}”." if is_shadow else "Shadow mode is off for “{name}”: the agent answers."
        return await success_toast(self, told, name=row.name)

    @handler(Role.ADMIN)
    async def set_live_stage(self, stage_id: str, is_live: bool) -> None:
        """Let the agent answer contacts whose lead is in a stage, or no longer."""
        await call(self, shadow_accounts.set_live_stage, self.account, stage_id[:32], is_live=is_live)
        await self._fetch()

    @handler(Role.ADMIN)
    async def set_live_tag(self, tag: str, is_live: bool) -> None:
        """Let the agent answer in conversations with a tag, or no longer."""
        await call(self, shadow_accounts.set_live_tag, self.account, tag[:60], is_live=is_live)
        await self._fetch()

    async def _fetch(self) -> None:
        who, language = await current_identity(self), (await current_user(self)).language
        accounts = await fetch(self, shadow_accounts.list_accounts)
        self.accounts = [Option(row.id, row.name) for row in accounts]
        row = next((row for row in accounts if row.id == self.account), accounts[0] if accounts else None)
        self.account = row.id if row is not None else ""
        if row is not None:
            await self._show(row, who, language)
        self.loaded = True

    async def _show(self, row: ChannelAccount, who: Identity, language: str) -> None:
        begin, end = periods.latest(self.span, who.time_zone, now()).range
        stage = None if self.stage == ALL else "" if self.stage == NO_LEAD else self.stage
        read = await fetch(
            self, _read, row, ShadowScope(row.id, begin, end, stage), selected=self.selected, page=self.page
        )
        names = {option.id: option.name for option in read.stages} | {"": translate(language, "No lead")}
        self.name, self.is_shadow = row.name, row.is_shadow
        self.stages = [Option(NO_LEAD, names[""]), *read.stages]
        self.tiles = tiles(read.figures, language, f"/manage/{who.slug}")
        self.stage_rows = part_rows(read.by_stage, names, row.live_stages, language)
        self.tag_rows = part_rows(read.by_tag, read.tags, row.live_tags, language)
        self.rows = answer_rows(read.answers, names, who, language)
        self.total, self.pages = read.total, max(1, -(-read.total // PAGE_SIZE))
        self.page = min(self.page, self.pages)
        self.total_words = plural(language, "{count} answer", "{count} answers", read.total)

    def _open(self, **changed: str) -> Any:
        """Return the event that opens the page with changed filters."""
        values = {"account": self.account, "period": self.span, "show": self.selected, "stage": self.stage}
        values |= {"page": str(self.page)} | changed
        defaults = {"period": DEFAULT_SPAN, "show": Selection.ALL.value, "stage": ALL, "page": "1"}
        given = {name: value for name, value in values.items() if value not in ("", defaults.get(name))}
        path = self.router.url.path
        return browser.redirect(f"{path}?{urlencode(given)}" if given else path)


@dataclass(frozen=True)
class _Page:
    """What is read for the page."""

    figures: ShadowFigures
    by_stage: list[PartFigures]
    by_tag: list[PartFigures]
    tags: dict[str, str]  # names by key
    stages: list[Option]
    answers: list[ComparedAnswer]
    total: int


def _read(
    session: Transaction, who: Identity, row: ChannelAccount, scope: ShadowScope, *, selected: str, page: int
) -> _Page:
    """Return the figures of a scope and a page of its answers; a page after the last one is the last."""
    listed, total = comparison.list_answers(session, who, scope, selected, page=page, page_size=PAGE_SIZE)
    if not listed and total:
        last = -(-total // PAGE_SIZE)
        listed, total = comparison.list_answers(session, who, scope, selected, page=last, page_size=PAGE_SIZE)
    everywhere = replace(scope, stage_id=None)
    by_tag = shadow_figures.get_breakdown(session, who, scope, Part.TAG)
    return _Page(
        figures=shadow_figures.get_figures(session, who, scope),
        by_stage=shadow_figures.get_breakdown(session, who, everywhere, Part.STAGE),
        by_tag=by_tag,
        tags=shadow_accounts.tag_names(session, who, [*row.live_tags, *(part.key for part in by_tag)]),
        stages=stage_options(session, who),
        answers=listed,
        total=total,
    )
