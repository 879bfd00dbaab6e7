"""Rule runs: the log of what rules did with events, written by workers, listed and retried by members."""

from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.errors import Conflict, NotFound
from platform_app.events import lock_of
from platform_app.jobs import HandleEvent, enqueue
from platform_app.models.event import ActivityKind, Event
from platform_app.models.job import JobState
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.models.sequence import Sequence
from platform_app.services.accounts import members
from platform_app.services.feed import activity
from platform_app.services.jobs import effects

PAGE_SIZE = 50
HELD = "held"  # state of an action whose e-mail the send gate holds
OFF = "off"  # state of an action that is turned off in the version that ran
_SENTENCES = {
    RunState.DONE: (ActivityKind.RULE, "Rule “{name}” ran"),
    RunState.FAILED: (ActivityKind.FAILURE, "Rule “{name}” failed: {reason}"),
    RunState.UNCERTAIN: (ActivityKind.FAILURE, "Rule “{name}”: delivery unconfirmed"),
    RunState.TOO_DEEP: (ActivityKind.FAILURE, "Rule “{name}” was stopped: rules triggered each other 5 times"),
    RunState.BROKEN: (ActivityKind.FAILURE, "Rule “{name}” can’t be read"),
}


def acting_identity(session: Transaction, rule: Rule | Sequence) -> Identity:
    """Return the identity under which a rule or sequence acts, with its name."""
    return members.automation_identity(session, rule.tenant_id, rule.name)


def idempotency_key(event_id: str, run_id: str, place: int) -> str:
    """Return the idempotency key of an outbound action."""
    return f"{event_id}-{run_id}-{place}"


def rules_by_id(session: Transaction, runs: list[RuleRun]) -> dict[str, Rule]:
    """Return the rules of some runs of a tenant, by id."""
    if not runs:
        return {}
    query = owned(Rule, runs[0].tenant_id).where(col(Rule.id).in_([run.rule_id for run in runs]))
    return {rule.id: rule for rule in session.exec(query).all()}


def next_place(run: RuleRun) -> int | None:
    """Return the place of the next action, or None if all are done or turned off."""
    return next((at for at, line in enumerate(run.actions) if line["state"] not in (RunState.DONE, OFF)), None)


def update_action(run: RuleRun, place: int, **values: Any) -> None:
    """Store the outcome of an action in its run."""
    run.actions = [old | values if at == place else old for at, old in enumerate(run.actions)]


def webhook_answers(run: RuleRun, place: int) -> dict[str, Any]:
    """Return what the last webhook before an action answered, as its variables; {} if none was called."""
    made = [line["answer"] for line in run.actions[:place] if line.get("answer")]
    return {"status": made[-1]["status"], "answer": made[-1]["json"]} if made else {}


def hold_run(session: Transaction, run: RuleRun, place: int, *, until: datetime | None) -> None:
    """Let a run wait at an e-mail that the send gate holds, and queue the job that goes on with it at `until`."""
    run.state = RunState.RETRYING
    update_action(run, place, state=HELD)
    payload = HandleEvent(event_id=run.event_id, again=run.id)
    enqueue(session, run.tenant_id, payload, run_at=until, lock_key=f"run:{run.id}")
    announce(session, run)


def is_held(run: RuleRun) -> bool:
    """Return whether a run waits at an e-mail that the send gate holds until later than now."""
    until = next((str(action["gate"].get("until", "")) for action in run.actions if action["state"] == HELD), "")
    return bool(until) and datetime.fromisoformat(until) > now()


def finish_run(session: Transaction, run: RuleRun, rule: Rule, state: RunState) -> None:
    """Store the end of a run, and record an activity if it did something or failed."""
    run.state, run.finished_at = state, now()
    run.milliseconds = sum(action.get("ms", 0) for action in run.actions)
    if state in _SENTENCES:
        kind, sentence = _SENTENCES[state]
        reason = next((str(action["error"]) for action in run.actions if action.get("error")), "")
        link, values = f"/rules/runs/{run.id}", {"actor": rule.name, "name": rule.name, "reason": reason}
        told = activity.record(session, run.tenant_id, kind, sentence, agent_id=rule.agent_id, link=link, **values)
        told.event_id = run.event_id
    announce(session, run)


def announce(session: Transaction, run: RuleRun) -> None:
    """Notify open pages once for all runs of a transaction."""
    if not session.info.get("runs announced"):
        session.info["runs announced"] = True
        tenant_id, run_id = run.tenant_id, run.id
        session.after_commit.append(lambda: notifier.publish(tenant_id, "run", run_id))


def list_runs(
    session: Transaction,
    who: Identity,
    *,
    rule_id: str = "",
    state: str = "",
    event_id: str = "",
    kind: str = "",
    page: int = 1,
) -> list[tuple[RuleRun, Event, str]]:
    """Return a page of (run, event, rule's name), newest first, with one more if there is a next page."""
    query = owned(RuleRun, who.tenant_id)
    for column, value in ((RuleRun.rule_id, rule_id), (RuleRun.event_id, event_id)):
        query = query.where(column == value) if value else query
    if state == "fired":
        query = query.where(col(RuleRun.fired).is_(True))
    elif state:
        query = query.where(RuleRun.state == state)
    if kind:
        query = query.join(Event, Event.id == RuleRun.event_id).where(
            Event.tenant_id == who.tenant_id, Event.kind == kind
        )
    query = query.order_by(col(RuleRun.at).desc(), col(RuleRun.place).desc(), RuleRun.id)
    runs = session.exec(query.offset((max(page, 1) - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)).all()
    events = _by_id(session, who, Event, {run.event_id for run in runs})
    rules = _by_id(session, who, Rule, {run.rule_id for run in runs})
    return [(run, events[run.event_id], rules[run.rule_id].name) for run in runs]


def _by_id(session: Transaction, who: Identity, model: Any, ids: set[str]) -> dict[str, Any]:
    return {row.id: row for row in session.exec(owned(model, who.tenant_id).where(model.id.in_(ids))).all()}


def get(session: Transaction, who: Identity, run_id: str) -> tuple[RuleRun, Event, Rule]:
    """Return a run with its event and its rule, deleted or not. Raises NotFound if there is none."""
    run: RuleRun | None = session.exec(owned(RuleRun, who.tenant_id).where(RuleRun.id == run_id)).first()
    if run is None:
        raise NotFound("Run not found.")
    event: Event = session.exec(owned(Event, who.tenant_id).where(Event.id == run.event_id)).one()
    rule: Rule = session.exec(owned(Rule, who.tenant_id).where(Rule.id == run.rule_id)).one()
    return run, event, rule


def caused_events(session: Transaction, who: Identity, run_id: str) -> list[Event]:
    """Return the events that the actions of a run caused."""
    query = owned(Event, who.tenant_id).where(Event.run_id == run_id).order_by(Event.at, Event.id)
    return list(session.exec(query.limit(100)).all())


def retry(session: Transaction, who: Identity, run_id: str) -> RuleRun:
    """Retry the failed or uncertain action of a run, and then run the later ones.

    Raises NotFound if there is no such run, Conflict if the run has not failed or the rule is switched off.
    """
    run, event, rule = get(session, who, run_id)
    if run.state not in (RunState.FAILED, RunState.UNCERTAIN):
        raise Conflict("Only a failed run can be tried again.")
    if not rule.enabled:
        raise Conflict("Turn the rule on first.")
    _reopen(session, run)
    enqueue(session, who.tenant_id, HandleEvent(event_id=event.id, again=run.id), lock_key=lock_of(event))
    return run


def on_failure(
    session: Transaction,
    tenant_id: str,
    payload: HandleEvent,
    *,
    state: JobState,
    sentence: str,
    values: dict[str, str],
) -> None:
    """End the unfinished runs of an event whose job has failed, or record that no rule was evaluated."""
    became = RunState.UNCERTAIN if state == JobState.UNCERTAIN else RunState.FAILED
    if not session.exists_each(owned(RuleRun, tenant_id).where(RuleRun.event_id == payload.event_id))[0]:
        unseen = "Rules and sequences couldn’t process an event: {reason}"
        link, reason = "/jobs?kind=handle_event", sentence.format_map(values)
        activity.record(session, tenant_id, ActivityKind.FAILURE, unseen, link=link, reason=reason)
    for run, rule in _runs_of_job(session, tenant_id, payload, (RunState.RUNNING, RunState.RETRYING)):
        place = next_place(run)
        if place is not None:
            update_action(run, place, state=became, error=sentence, error_values=values, of_job=True)
        finish_run(session, run, rule, became)


def on_retry(session: Transaction, tenant_id: str, payload: HandleEvent) -> None:
    """Reopen the runs that ended with the job of their event."""
    for run, _ in _runs_of_job(session, tenant_id, payload, (RunState.FAILED, RunState.UNCERTAIN)):
        if any(action.get("of_job") for action in run.actions):
            _reopen(session, run)


def _runs_of_job(
    session: Transaction, tenant_id: str, payload: HandleEvent, states: tuple[RunState, ...]
) -> list[tuple[RuleRun, Rule]]:
    query = owned(RuleRun, tenant_id).where(RuleRun.event_id == payload.event_id, col(RuleRun.state).in_(states))
    query = query.where(RuleRun.id == payload.again) if payload.again else query
    rows = session.exec(query.order_by(RuleRun.place, RuleRun.id).with_for_update()).all()
    rows = [run for run in rows if payload.again or not is_held(run)]
    return [(run, session.exec(owned(Rule, tenant_id).where(Rule.id == run.rule_id)).one()) for run in rows]


def _reopen(session: Transaction, run: RuleRun) -> None:
    """Reopen a run at the action that was not done."""
    for place in range(len(run.actions)):
        effects.allow_retry(session, run.tenant_id, idempotency_key(run.event_id, run.id, place))
    run.state, run.finished_at = RunState.RUNNING, None
    run.actions = [
        action if action["state"] in (RunState.DONE, OFF) else {"kind": action["kind"], "state": "waiting"}
        for action in run.actions
    ]
    announce(session, run)


def action_label(kind: str) -> str:
    """Return the label of an action as a message id, or its code if the kind is unknown."""
    return actions.label(kind) if kind in actions.ACTIONS else kind
