"""Held e-mails: e-mails of rules that the send gate holds, sent at once or discarded by a member."""

from typing import Any

from platform_app.db import Transaction, owned
from platform_app.engine.rules import rule_runs
from platform_app.errors import Conflict
from platform_app.jobs import HandleEvent, enqueue, make_due
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.services.chat import sending
from platform_app.services.feed import activity

NOT_HELD = "This email is no longer held."


def held_place(run: RuleRun) -> int | None:
    """Return the place of the action whose e-mail is held and not decided on, or None."""
    if run.state != RunState.RETRYING:
        return None
    held = (place for place, action in enumerate(run.actions) if action["state"] == rule_runs.HELD)
    return next((place for place in held if not run.actions[place].get("released")), None)


def release(session: Transaction, who: Identity, run_id: str) -> RuleRun:
    """Send the held e-mail of a run at once, and run the later actions; quiet hours and caps do not count.

    Raises NotFound if there is no such run, Conflict if no e-mail is held or the rule is switched off.
    """
    run, rule, place = _held(session, who, run_id)
    gate = {name: value for name, value in run.actions[place]["gate"].items() if name != "until"}
    rule_runs.update_action(run, place, released=sending.review_of(who, "released"), gate=gate)
    _continue(session, who, run, rule, sentence="Held email of “{name}” sent")
    return run


def discard(session: Transaction, who: Identity, run_id: str) -> RuleRun:
    """Discard the held e-mail of a run, and run the later actions.

    Raises NotFound if there is no such run, Conflict if no e-mail is held or the rule is switched off.
    """
    run, rule, place = _held(session, who, run_id)
    decision: dict[str, Any] = {"discarded": sending.review_of(who, "discarded"), "gate": {}}
    rule_runs.update_action(run, place, state=RunState.DONE, **decision)
    _continue(session, who, run, rule, sentence="Held email of “{name}” discarded")
    return run


def _held(session: Transaction, who: Identity, run_id: str) -> tuple[RuleRun, Rule, int]:
    """Return a run, locked, its rule and the place of the held e-mail."""
    _, _, rule = rule_runs.get(session, who, run_id)
    query = owned(RuleRun, who.tenant_id).where(RuleRun.id == run_id).with_for_update()
    run: RuleRun = session.exec(query).one()
    session.refresh(run)  # the lock may have waited for a change
    place = held_place(run)
    if place is None:
        raise Conflict(NOT_HELD)
    if not rule.enabled:
        raise Conflict("Turn the rule on first.")
    return run, rule, place


def _continue(session: Transaction, who: Identity, run: RuleRun, rule: Rule, *, sentence: str) -> None:
    """Make the job that goes on with a run due, and record who decided."""
    lock_key = f"run:{run.id}"
    if not make_due(session, who.tenant_id, lock_key):
        enqueue(session, who.tenant_id, HandleEvent(event_id=run.event_id, again=run.id), lock_key=lock_key)
    told = {"agent_id": rule.agent_id, "link": f"/rules/runs/{run.id}", "name": rule.name}
    activity.record_by(session, who, ActivityKind.RULE, sentence, **told).event_id = run.event_id
    rule_runs.announce(session, run)
