"""Handling: the worker weighs the rules that listen to an event, and does what they say, each once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from platform_app.automation.rules import Definition, definition
from platform_app.db import Transaction, owned
from platform_app.engine import actions, entering, judging, log
from platform_app.engine.scene import Plan, Scene
from platform_app.errors import PlatformError, Unavailable
from platform_app.events import Cause, acts_because
from platform_app.jobs import LeaseLost, RunningJob
from platform_app.known import of_event
from platform_app.models.event import Event
from platform_app.models.rule import Rule, RuleRun, RuleVersion, RunState
from platform_app.services import effects
from platform_app.services.effects import SureFailure, Uncertain

_logger = structlog.get_logger()
TRIES = 5  # of an action that goes outside
IN_DOUBT = "Whether it arrived is not known. Look there first: trying again does it once more."
_TO_DO = (RunState.RUNNING, RunState.RETRYING)


def handle_event(job: RunningJob) -> None:
    """Weigh the rules once, then do the actions of those that fire, in order.

    A run whose action goes outside and fails is tried again with the job, while the others go on.
    """
    with job.step() as session:
        query = owned(Event, job.tenant_id).where(Event.id == job.payload.event_id)
        event: Event | None = session.exec(query).first()
        if event is None:
            return
        runs = _runs(session, event) or judging.weigh(session, event)
        if not job.payload.again:
            entering.handle(session, event)
        todo = [run.id for run in runs if run.state in _TO_DO and job.payload.again in ("", run.id)]
    waiting = [run_id for run_id in todo if _run(job, event, run_id)]
    if waiting:
        raise SureFailure("An action of a rule is tried again.")


def _runs(session: Transaction, event: Event) -> list[RuleRun]:
    query = owned(RuleRun, event.tenant_id).where(RuleRun.event_id == event.id)
    return list(session.exec(query.order_by(RuleRun.place, RuleRun.id)).all())


@dataclass(frozen=True)
class _Call:
    """A call to the outside that an action wants."""

    place: int
    make: Callable[[str], dict[str, Any]]
    repeatable: bool


def _run(job: RunningJob, event: Event, run_id: str) -> bool:
    """Do the actions of a run that are left; tell whether one has to be tried again later."""
    while True:
        began = time.monotonic()
        try:
            call = _next(job, event, run_id, began)
        except (Unavailable, LeaseLost):
            raise
        except Uncertain:
            _mark(job, run_id, RunState.UNCERTAIN, began, sentence=IN_DOUBT)
            return False
        except PlatformError as error:
            _mark(job, run_id, RunState.FAILED, began, sentence=error.sentence, values=error.values)
            return False
        except Exception:  # a fault of ours: the job is tried again, at last the run says so
            if job.attempt < TRIES:
                raise
            _logger.exception("an action of a rule failed", run_id=run_id)
            _mark(job, run_id, RunState.FAILED, began, sentence="Something went wrong.")
            return False
        if call is None:
            return False
        if isinstance(call, _Call) and (ended := _outside(job, event, run_id, call=call, began=began)) is not None:
            return ended


def _next(job: RunningJob, event: Event, run_id: str, began: float) -> _Call | bool | None:
    """Do the next action; return the call when it goes outside, True when it is done, None when the run is over."""
    with job.step() as session:
        run = _locked(session, job.tenant_id, run_id)
        rule: Rule = session.exec(owned(Rule, job.tenant_id).where(Rule.id == run.rule_id)).one()
        place = next((at for at, line in enumerate(run.actions) if line["state"] != RunState.DONE), None)
        if run.state not in _TO_DO:
            return None
        if place is not None and effects.is_in_doubt(session, job.tenant_id, log.key_of(event.id, run_id, place)):
            raise Uncertain(run_id)
        if place is None or not rule.enabled:
            log.end(session, run, rule, RunState.DONE if place is None else RunState.CANCELLED)
            return None
        plan = _plan(session, run, rule, event=event, place=place)
        log.line(run, place, sentence=plan.sentence, values=plan.values)
        if plan.call is not None:
            return _Call(place, plan.call, plan.repeatable)
        if plan.do is not None:
            acts_because(session, Cause(event.id, event.depth + 1))
            plan.do(session, log.acting(session, rule))
        log.line(run, place, state=RunState.DONE, ms=round((time.monotonic() - began) * 1_000))
        return True


def _plan(session: Transaction, run: RuleRun, rule: Rule, *, event: Event, place: int) -> Plan:
    wanted = version_of(session, run.tenant_id, run.rule_id, run.version).actions[place]
    scene = Scene(session, log.acting(session, rule), event, of_event(event))
    return actions.action(wanted).plan(scene)


def version_of(session: Transaction, tenant_id: str, rule_id: str, number: int) -> Definition:
    """Return a published definition."""
    query = owned(RuleVersion, tenant_id).where(RuleVersion.rule_id == rule_id, RuleVersion.number == number)
    return definition(session.exec(query).one().definition)


def _outside(job: RunningJob, event: Event, run_id: str, *, call: _Call, began: float) -> bool | None:
    """Make a call once; return whether to try again later when the run cannot go on, None when it can."""
    key = log.key_of(event.id, run_id, call.place)
    try:
        effects.once(job, key, call.make, repeatable=call.repeatable)
    except Uncertain:
        _mark(job, run_id, RunState.UNCERTAIN, began, sentence=IN_DOUBT)
        return False
    except PlatformError as error:
        _mark(job, run_id, RunState.FAILED, began, sentence=error.sentence, values=error.values)
        return False
    except (SureFailure, OSError, TimeoutError, *actions.UNHEARD) as error:
        sure = error if isinstance(error, SureFailure) else SureFailure("The address does not answer.")
        state = RunState.FAILED if job.attempt >= TRIES else RunState.RETRYING
        _mark(job, run_id, state, began, sentence=sure.sentence, values=sure.values)
        return state == RunState.RETRYING
    with job.step() as session:
        run = _locked(session, job.tenant_id, run_id)
        log.line(run, call.place, state=RunState.DONE, ms=round((time.monotonic() - began) * 1_000))
        run.state = RunState.RUNNING
    return None


def _mark(
    job: RunningJob,
    run_id: str,
    state: RunState,
    began: float,
    *,
    sentence: str,
    values: dict[str, object] | None = None,
) -> None:
    """Write down that the next action did not happen."""
    with job.step() as session:
        run = _locked(session, job.tenant_id, run_id)
        rule: Rule = session.exec(owned(Rule, job.tenant_id).where(Rule.id == run.rule_id)).one()
        place = next(at for at, line in enumerate(run.actions) if line["state"] != RunState.DONE)
        told = {"error": sentence, "error_values": {name: str(value) for name, value in (values or {}).items()}}
        log.line(run, place, state=state, ms=round((time.monotonic() - began) * 1_000), **told)
        if state == RunState.RETRYING:
            run.state = state
        else:
            log.end(session, run, rule, state)


def _locked(session: Transaction, tenant_id: str, run_id: str) -> RuleRun:
    run: RuleRun = session.exec(owned(RuleRun, tenant_id).where(RuleRun.id == run_id).with_for_update()).one()
    return run
