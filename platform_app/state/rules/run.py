"""Run: a run of a rule with its proof, its actions and the events it caused."""

import json
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.engine.rules import held_emails, rule_runs
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.feed import event_log
from platform_app.state.console.base import call, current_identity, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.send_gate_words import gate_words
from platform_app.state.rules.proof_view import ProofLine, ViewContext, describe_change, proof_lines, view_context
from platform_app.state.rules.rule_words import TRIGGERS, describe_result
from platform_app.state.rules.runs import RunRow, format_duration, run_row

MAX_ANSWER_CHARS = 4_000  # of an answer that are shown
ACTION_COLOURS = {
    "done": "green",
    "failed": "red",
    "retrying": "amber",
    "uncertain": "amber",
    "waiting": "",
    "held": "amber",
    "cancelled": "",
    "off": "",
}
ACTION_STATES = {
    "done": "Completed",
    "failed": "Failed",
    "retrying": "Retrying",
    "uncertain": "Delivery unconfirmed",
    "waiting": "Not done",
    "held": "Held",
    "cancelled": "Not done",
    "off": "Turned off",
}


@dataclass
class ActionRunLine:
    """An action of a run."""

    number: str
    title: str
    words: str
    state: str
    colour: str
    error: str
    took: str
    review: str  # what a member decided on a held e-mail
    answer: str  # of a webhook, with its status


@dataclass
class CausedEventLine:
    """An event that a run caused."""

    id: str
    words: str


@dataclass
class RunView:
    """The details of a run."""

    proof: list[ProofLine] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    actions: list[ActionRunLine] = field(default_factory=list)
    caused: list[CausedEventLine] = field(default_factory=list)
    version: str = ""
    can_retry: bool = False
    has_held_email: bool = False


class RunPageState(rx.State):
    """The run in the address."""

    head: RunRow = RunRow("", "", "", "", "", "", "", "", "", "", "")
    view: RunView = RunView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the run in the address."""
        self.head = RunRow("", "", "", "", "", "", "", "", "", "", "")
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the run again when it changes."""
        async for _ in subscribe(self, "run"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self) -> Any:
        """Retry the failed action."""
        await call(self, rule_runs.retry, self.head.id)
        await self._fetch()
        return await success_toast(self, "It is tried again.")

    @handler(Role.OPERATOR)
    async def release_email(self) -> Any:
        """Send the held e-mail at once."""
        await call(self, held_emails.release, self.head.id)
        await self._fetch()
        return await success_toast(self, "Sending the email.")

    @handler(Role.OPERATOR)
    async def discard_email(self) -> Any:
        """Discard the held e-mail; the later actions go on."""
        await call(self, held_emails.discard, self.head.id)
        await self._fetch()
        return await success_toast(self, "Email discarded.")

    async def _fetch(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        run_id = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        (run, event, rule), subject, caused = await fetch(self, _read_run, run_id)
        self.head = run_row(run, event, rule.name, subject=subject, identity=identity, language=context.language)
        self.view = RunView(
            proof=proof_lines(run.proof, context),
            change=[describe_change(change, context) for change in run.change],
            actions=[_action_run_line(place, action, context) for place, action in enumerate(run.actions)],
            caused=[
                CausedEventLine(event.id, translate(context.language, TRIGGERS[event.kind.value])) for event in caused
            ],
            version=translate(context.language, "version {number}", number=run.version),
            can_retry=run.state.value in ("failed", "uncertain"),
            has_held_email=held_emails.held_place(run) is not None and rule.enabled,
        )


def _read_run(session: Transaction, who: Identity, run_id: str) -> Any:
    row = rule_runs.get(session, who, run_id)
    event = row[1]
    return (
        row,
        event_log.subject_names(session, who, [event])[event.id],
        rule_runs.caused_events(session, who, run_id),
    )


def _action_run_line(place: int, action: dict[str, Any], context: ViewContext) -> ActionRunLine:
    state, language = str(action["state"]), context.language
    released, discarded = action.get("released"), action.get("discarded")
    held = "" if released else gate_words(action.get("gate") or {}, language, context.zone)
    label = (
        "Discarded" if discarded else "Not sent: stopped before sending" if held else ACTION_STATES.get(state, state)
    )
    sentence = (
        describe_result(str(action["sentence"]), action.get("values", {}), language) if action.get("sentence") else ""
    )
    error = translate(language, str(action["error"]), **action.get("error_values", {})) if action.get("error") else ""
    return ActionRunLine(
        number=str(place + 1),
        title=translate(language, rule_runs.action_label(str(action["kind"]))),
        words=sentence,
        state=translate(language, label),
        colour="" if discarded else "amber" if held else ACTION_COLOURS.get(state, ""),
        error=held or (error if state != "done" else ""),
        took=format_duration(int(action["ms"]), language) if "ms" in action else "",
        review=_review_words(released, discarded, language, is_done=state == "done"),
        answer=_answer_words(action.get("answer"), language),
    )


def _answer_words(answer: dict[str, Any] | None, language: str) -> str:
    """Return the status and the JSON or the beginning of what a webhook answered, "" if none was called."""
    if not answer:
        return ""
    body = answer.get("json")
    text = str(answer.get("answer", "")) if body is None else json.dumps(body, ensure_ascii=False, indent=2)
    told = translate(language, "The address answered {status}.", status=answer.get("status"))
    return f"{told}\n{text[:MAX_ANSWER_CHARS]}".strip()


def _review_words(
    released: dict[str, Any] | None, discarded: dict[str, Any] | None, language: str, *, is_done: bool
) -> str:
    """Return what a member decided on a held e-mail, "" if nobody did."""
    if discarded:
        return translate(language, "Discarded by {name}", name=str(discarded["by"]))
    if released:
        sentence = "Sent by {name} after it was held" if is_done else "Sending now: {name}"
        return translate(language, sentence, name=str(released["by"]))
    return ""
