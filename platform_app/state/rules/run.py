"""Run: one run of a rule with its proof, its actions, and what followed."""

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.engine.rules import rule_runs
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.feed import event_log
from platform_app.state.console.base import call, current_identity, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.send_gate_words import gate_words
from platform_app.state.rules.proof_view import ProofLine, Reader, change_of, lines_of, reader_of
from platform_app.state.rules.rule_words import TRIGGERS, told
from platform_app.state.rules.runs import RunRow, run_row, took

MARKS = {"done": "green", "failed": "red", "retrying": "amber", "uncertain": "amber", "waiting": "", "cancelled": ""}
ACTION_STATES = {
    "done": "Done",
    "failed": "Failed",
    "retrying": "Will be tried again",
    "uncertain": "Not known whether it arrived",
    "waiting": "Not done",
    "cancelled": "Not done",
}


@dataclass
class DoneLine:
    """An action of a run."""

    number: str
    title: str
    words: str
    state: str
    colour: str
    error: str
    took: str


@dataclass
class CausedLine:
    """An event that followed from a run."""

    id: str
    words: str


@dataclass
class RunView:
    """A run with its reasons."""

    proof: list[ProofLine] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    actions: list[DoneLine] = field(default_factory=list)
    caused: list[CausedLine] = field(default_factory=list)
    version: str = ""
    can_retry: bool = False


class RunState(rx.State):
    """The run that the address names."""

    head: RunRow = RunRow("", "", "", "", "", "", "", "", "", "", "")
    view: RunView = RunView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the run."""
        self.head = RunRow("", "", "", "", "", "", "", "", "", "", "")
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the run while the page is open."""
        async for _ in subscribe(self, "run"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self) -> Any:
        """Try the action that failed again."""
        await call(self, rule_runs.retry, self.head.id)
        await self._fetch()
        return await success_toast(self, "It is tried again.")

    async def _fetch(self) -> None:
        identity, reader = await current_identity(self), await reader_of(self)
        run_id = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        (run, event, rule), subject, caused = await fetch(self, _read_one, run_id)
        self.head = run_row(run, event, rule.name, subject=subject, identity=identity, language=reader.language)
        self.view = RunView(
            proof=lines_of(run.proof, reader),
            change=[change_of(one, reader) for one in run.change],
            actions=[_done(place, one, reader) for place, one in enumerate(run.actions)],
            caused=[CausedLine(one.id, translate(reader.language, TRIGGERS[one.kind.value])) for one in caused],
            version=translate(reader.language, "version {number}", number=run.version),
            can_retry=run.state.value in ("failed", "uncertain"),
        )


def _read_one(session: Transaction, who: Identity, run_id: str) -> Any:
    found = rule_runs.get(session, who, run_id)
    event = found[1]
    return (
        found,
        event_log.subject_names(session, who, [event])[event.id],
        rule_runs.caused_events(session, who, run_id),
    )


def _done(place: int, one: dict[str, Any], reader: Reader) -> DoneLine:
    state, language = str(one["state"]), reader.language
    held = gate_words(one.get("gate") or {}, language, reader.zone)
    sentence = told(str(one["sentence"]), one.get("values", {}), language) if one.get("sentence") else ""
    error = translate(language, str(one["error"]), **one.get("error_values", {})) if one.get("error") else ""
    return DoneLine(
        number=str(place + 1),
        title=translate(language, rule_runs.action_label(str(one["kind"]))),
        words=sentence,
        state=translate(language, "Kept back at the send gate" if held else ACTION_STATES.get(state, state)),
        colour="amber" if held else MARKS.get(state, ""),
        error=held or (error if state != "done" else ""),
        took=took(int(one["ms"]), language) if "ms" in one else "",
    )
