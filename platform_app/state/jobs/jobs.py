"""Jobs: the list of jobs with retry and cancel."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.engine import callback_registry
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity, Role
from platform_app.services.jobs import job_list
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe

KIND_LABELS = {
    "index_source": "Index a source",
    "remove_source": "Remove a source",
    "read_site": "Read a web address",
    "rebuild_index": "Rebuild vector index",
    "import_contacts": "Import contacts",
    "exchange_crm": "Exchange changes with a CRM",
    "handle_event": "Handle an event",
    "take_step": "Take a step of a sequence",
    "reply": "Reply",
    "read_updates": "Read messages of a channel",
    "deliver_message": "Send a message on a channel",
    "send_chat_answers": "Email answers of a chat",
    "send_webhook": "Send an event to a webhook",
    "send_invitation": "Send an invitation",
    "send_password_reset": "Send a password reset",
    "send_two_factor_reset": "Email about a two-factor reset",
    "send_notification": "Email a notification",
    "send_digest": "Email a digest of notifications",
    "export_tenant": "Export the company’s data",
}
STATE_LABELS = {
    "queued": "Queued",
    "running": "Running",
    "done": "Completed",
    "failed": "Failed",
    "dead": "Out of retries",
    "uncertain": "Outcome unknown",
    "cancelled": "Canceled",
}
COLOURS = {"queued": "", "running": "blue", "done": "green", "failed": "red", "dead": "red", "uncertain": "amber"}
PAGE_SIZE = 25
callback_registry.register_callbacks()


@dataclass
class JobRow:
    """A job in the list."""

    id: str
    kind: str
    state: str
    colour: str
    error: str
    attempts: str
    when: str
    exact: str
    can_retry: bool
    can_cancel: bool
    is_uncertain: bool


class JobsState(rx.State):
    """The list of jobs."""

    rows: list[JobRow] = []
    total: int = 0
    total_words: str = ""
    page: int = 1
    pages: int = 1
    state: str = "all"
    kind: str = "all"
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address and fetch."""
        asked = self.router.url.query_parameters
        self.state = asked.get("state", "all") if asked.get("state") in STATE_LABELS else "all"
        self.kind = asked.get("kind", "all") if asked.get("kind") in KIND_LABELS else "all"
        self.page = parse_whole(asked.get("page", "1"), 99_999) or 1
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again every 3 s, for what starts, and when a job ends."""
        async for _ in subscribe(self, "job", every=3):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show the jobs in a state, or all."""
        return self._open_page(state=state, page=1)

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the jobs of a kind, or all."""
        return self._open_page(kind=kind, page=1)

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Go to a page, counted from 1."""
        return self._open_page(page=page)

    @handler(Role.OPERATOR)
    async def retry(self, job_id: str) -> Any:
        """Put a job back into the queue."""
        await call(self, job_list.retry, job_id)
        await self._fetch()
        return await success_toast(self, "Job queued again.")

    @handler(Role.OPERATOR)
    async def cancel(self, job_id: str) -> Any:
        """Cancel a queued job."""
        await call(self, job_list.cancel, job_id)
        await self._fetch()
        return await success_toast(self, "Job canceled.")

    @handler(Role.OPERATOR)
    async def resolve_uncertain(self, job_id: str) -> Any:
        """Mark an uncertain job as done."""
        await call(self, job_list.resolve_uncertain, job_id)
        await self._fetch()
        return await success_toast(self, "The job is marked as done.")

    def _open_page(self, **changed: object) -> Any:
        asked = {"state": self.state, "kind": self.kind, "page": self.page} | changed
        kept = "&".join(
            f"{k}={v}" for k, v in asked.items() if v not in ("all", 1) and str(v).replace("_", "").isalnum()
        )
        return browser.redirect(f"{self.router.url.path}{'?' + kept if kept else ''}")

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found, self.total = await fetch(
            self,
            job_list.list_jobs,
            state="" if self.state == "all" else self.state,
            kind="" if self.kind == "all" else self.kind,
            page=self.page,
            page_size=PAGE_SIZE,
        )
        self.rows = [_row(job, identity, language) for job in found]
        self.pages = max(1, -(-self.total // PAGE_SIZE))
        self.total_words = plural(language, "{count} job", "{count} jobs", self.total)
        self.loaded = True


def _row(job: Job, identity: Identity, language: str) -> JobRow:
    at = job.finished_at or job.started_at or job.run_at
    return JobRow(
        id=job.id,
        kind=translate(language, KIND_LABELS.get(job.kind, job.kind)),
        state=translate(language, STATE_LABELS[job.state.value]),
        colour=COLOURS.get(job.state.value, ""),
        error=translate(language, job.error, **job.error_values) if job.error else "",
        attempts=f"{job.attempts}/{job.max_attempts}",
        when=relative_time(language, at, now(), identity.time_zone),
        exact=exact_time(language, at, identity.time_zone),
        can_retry=job.state in (JobState.FAILED, JobState.DEAD, JobState.UNCERTAIN, JobState.CANCELLED),
        can_cancel=job.state == JobState.QUEUED,
        is_uncertain=job.state == JobState.UNCERTAIN,
    )
