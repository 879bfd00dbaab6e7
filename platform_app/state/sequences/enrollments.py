"""Enrollments: the list of enrollments with filters and bulk actions."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import bounded_count
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Enrollment
from platform_app.services.feed import event_log
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.sequences.enroll_dialog import EnrollDialog
from platform_app.state.sequences.sequence_view import step_names
from platform_app.state.sequences.sequence_words import EXIT_REASONS, STATES, enrollment_status

FILTERS = ("all", "inside", *STATES, *EXIT_REASONS, "late")
ACTIONS = {
    "pause": enrollments.pause,
    "resume": enrollments.resume,
    "skip": enrollments.skip,
    "remove": enrollments.remove,
    "retry": enrollments.retry,
}


@dataclass
class EnrollmentRow:
    """An enrollment in the list."""

    id: str
    subject: str
    subject_path: str
    sequence: str
    sequence_id: str
    words: str
    colour: str
    step: str
    due: str
    due_exact: str
    entered: str
    entered_exact: str
    is_late: bool


class EnrollmentsState(EnrollDialog, rx.State):
    """The enrollments of a sequence, or of all sequences."""

    sequence: str = "all"
    sequence_name: str = ""
    sequences: list[Option] = []
    state: str = "inside"
    rows: list[EnrollmentRow] = []
    total: int = 0
    total_words: str = ""
    page: int = 1
    pages: int = 1
    selected: list[str] = []
    loaded: bool = False
    can_enroll: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address, and fetch."""
        asked = self.router.url.query_parameters
        self.sequence = asked.get("sequence", "all")[:32]
        self.state = asked.get("state", "inside") if asked.get("state") in FILTERS else "inside"
        self.page, self.selected, self.is_open = 1, [], False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when an enrollment changes."""
        async for _ in subscribe(self, "enrollment", "sequence"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_by(self, name: str, value: str) -> Any:
        """Filter by sequence or state. Raises Invalid for another filter or an unknown state."""
        if name not in ("sequence", "state") or (name == "state" and value not in FILTERS):
            raise Invalid("This value isn’t allowed.")
        setattr(self, name, value[:32])
        self.page, self.selected = 1, []
        await self._fetch()
        shown = {"sequence": "" if self.sequence == "all" else self.sequence}
        return replace_query(**shown, state="" if self.state == "inside" else self.state)

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> None:
        """Go to a page, counted from 1."""
        self.page = max(1, min(page, self.pages))
        await self._fetch()

    @handler(Role.OPERATOR)
    async def select_row(self, row_id: str, selected: bool) -> None:
        """Add an enrollment to the selection or take it out."""
        others = [one for one in self.selected if one != row_id]
        self.selected = [*others, row_id[:32]][-enrollments.BATCH_SIZE :] if selected else others

    @handler(Role.OPERATOR)
    async def select_all(self, selected: bool) -> None:
        """Select every enrollment of this page, or none."""
        self.selected = [row.id for row in self.rows] if selected else []

    @handler(Role.OPERATOR)
    async def act(self, what: str, every: bool) -> Any:
        """Apply an action to the selection, or to all matching enrollments. Raises Invalid if the action is unknown."""
        if what not in ACTIONS:
            raise Invalid("This value isn’t allowed.")
        asked = {"sequence_id": "" if self.sequence == "all" else self.sequence, "state": _state(self.state)}
        done, refused, ids = 0, 0, await self._next("", **asked) if every else self.selected
        while ids:
            changed, left = await call(self, _act_on, what, ids)
            done, refused = done + changed, refused + left
            ids = await self._next(ids[-1], **asked) if every else []
        self.selected = []
        await self._fetch()
        language = (await current_user(self)).language
        words = plural(language, "{count} enrollment changed", "{count} enrollments changed", done)
        rest = plural(language, "{count} left as it was", "{count} left as they were", refused) if refused else ""
        return browser.toast_success(f"{words}. {rest}".strip())

    async def _next(self, last: str, **asked: str) -> list[str]:
        return await fetch(self, enrollments.ids_after, last, **asked)

    async def _fetch(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        sequence_id = "" if self.sequence == "all" else self.sequence
        found = await fetch(self, _read, sequence_id, state=_state(self.state), page=self.page)
        self.sequences = found.sequences
        self.sequence_name = next((one.name for one in found.sequences if one.id == sequence_id), "")
        self.can_enroll = sequence_id in found.live
        self.total, self.pages = found.total, max(1, -(-min(found.total, bounded_count.LIMIT) // enrollments.PAGE_SIZE))
        self.rows = [enrollment_row(row, found.names, identity, context=context) for row in found.rows]
        self.total_words = bounded_count.count_words(
            context.language, "{count} enrollment", "{count} enrollments", found.total
        )
        self.loaded = True


def _state(state: str) -> str:
    return "" if state == "all" else state


@dataclass
class EnrollmentNames:
    """The names of sequences, subjects and steps of enrollments, by id."""

    sequences: dict[str, str]
    subjects: dict[str, str]
    steps: dict[str, str]


@dataclass
class _PageData:
    rows: list[Enrollment]
    total: int
    names: EnrollmentNames
    sequences: list[Option]
    live: set[str]


def _read(session: Transaction, who: Identity, sequence_id: str, *, state: str, page: int) -> _PageData:
    rows, total = enrollments.find(session, who, sequence_id=sequence_id, state=state, page=page)
    every = DEFINITIONS.list_names(session, who)
    return _PageData(
        rows,
        total,
        read_enrollment_names(session, who, rows),
        [Option(row.id, row.name) for row in every],
        {row.id for row in every if row.enabled},
    )


def read_enrollment_names(session: Transaction, who: Identity, rows: list[Enrollment]) -> EnrollmentNames:
    """Return the names that a list of enrollments is shown with."""
    leads = event_log.names_by_id(session, who, Lead, {row.lead_id for row in rows})
    contacts = event_log.names_by_id(session, who, Contact, {row.contact_id for row in rows})
    subjects = {row.id: leads.get(row.lead_id or "") or contacts.get(row.contact_id or "", "") for row in rows}
    known = names_by_id(session, who)
    context = ViewContext(who.language, who.time_zone, {})
    steps: dict[str, str] = {}
    for key in {(row.sequence_id, row.version) for row in rows}:
        steps |= step_names(session, who, *key, context=context, named=known)
    return EnrollmentNames(known, subjects, steps)


def enrollment_row(
    row: Enrollment, names: EnrollmentNames, identity: Identity, *, context: ViewContext
) -> EnrollmentRow:
    """Return the row of an enrollment."""
    language = context.language
    words, colour = enrollment_status(row, language)
    return EnrollmentRow(
        id=row.id,
        subject=names.subjects.get(row.id, "") or translate(language, "Unassigned"),
        subject_path=f"leads/{row.lead_id}" if row.lead_id else f"contacts/{row.contact_id}",
        sequence=names.sequences.get(row.sequence_id, ""),
        sequence_id=row.sequence_id,
        words=words,
        colour=colour,
        step=names.steps.get(f"{row.version}:{row.step_id}", ""),
        due=relative_time(language, row.due_at, now(), identity.time_zone) if row.due_at else "",
        due_exact=exact_time(language, row.due_at, identity.time_zone) if row.due_at else "",
        entered=relative_time(language, row.entered_at, now(), identity.time_zone),
        entered_exact=exact_time(language, row.entered_at, identity.time_zone),
        is_late=row.planned_at is not None,
    )


def _act_on(session: Transaction, who: Identity, what: str, ids: list[str]) -> tuple[int, int]:
    """Apply an action to enrollments; return how many changed and how many were refused."""
    done = refused = 0
    for row_id in ids:
        try:
            with session.savepoint():
                ACTIONS[what](session, who, row_id)
            done += 1
        except PlatformError:
            refused += 1
    return done, refused
