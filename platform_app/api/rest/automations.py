"""Automations: rules with their runs, sequences, and the enrollments in them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, ListQuery, Page, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.api.rest.scripts import Switch
from platform_app.db import owned
from platform_app.engine.enrollments import enrollments
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.models.sequence import Enrollment, EnrollmentState, ExitReason, Sequence
from platform_app.services.api_keys.scopes import Scope

MAX_SUBJECTS = 100  # of one request to enroll


class DefinitionView(View):
    """A rule or a sequence: what is published runs while it is enabled."""

    id: str
    created_at: datetime
    updated_at: datetime
    name: str
    agent_id: str | None
    enabled: bool
    trigger: str
    published_number: int
    draft: dict[str, Any]
    published: dict[str, Any]


class RunView(View):
    """A run of a rule for an event."""

    id: str
    at: datetime
    rule_id: str
    event_id: str
    state: RunState
    fired: bool
    actions: list[dict[str, Any]]
    finished_at: datetime | None


class RunQuery(ListQuery):
    """What a list of runs shows."""

    rule_id: Id | None = None
    state: RunState | None = None


class EnrollmentView(View):
    """A contact's or lead's way through a sequence."""

    id: str
    created_at: datetime
    sequence_id: str
    lead_id: str | None
    contact_id: str | None
    state: EnrollmentState
    leaving: ExitReason | None
    step_id: str
    due_at: datetime | None
    entered_at: datetime
    ended_at: datetime | None


class EnrollmentQuery(ListQuery):
    """What a list of enrollments shows."""

    sequence_id: Id | None = None
    state: EnrollmentState | None = None
    lead_id: Id | None = None
    contact_id: Id | None = None


class NewEnrollments(Input):
    """Leads or contacts to enroll, as the trigger of the sequence has it."""

    sequence_id: Id
    subject_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_SUBJECTS)]


class EnrollmentsView(BaseModel):
    """The enrollments that were made; who may not enter is left out."""

    data: list[EnrollmentView]


@operation("GET", "/rules", Scope.RULES_READ, query=ListQuery, answer=Page[DefinitionView])
def list_rules(call: Call) -> Page[DefinitionView]:
    """List rules, the newest first."""
    query = owned(Rule, call.who.tenant_id).where(col(Rule.deleted_at).is_(None))
    return page(call.session, query, call.query, model=Rule, view=DefinitionView)


@operation("GET", "/rules/{rule_id}", Scope.RULES_READ, answer=DefinitionView)
def get_rule(call: Call) -> DefinitionView:
    """Read a rule."""
    return DefinitionView.model_validate(rules.DEFINITIONS.get(call.session, call.who, call.ids["rule_id"]))


@operation("PUT", "/rules/{rule_id}/enabled", Scope.RULES_WRITE, body=Switch, answer=DefinitionView)
def switch_rule(call: Call) -> DefinitionView:
    """Switch a rule on or off."""
    row = rules.DEFINITIONS.switch(call.session, call.who, call.ids["rule_id"], enabled=call.body.enabled)
    return DefinitionView.model_validate(row)


@operation("GET", "/rule-runs", Scope.RULES_READ, query=RunQuery, answer=Page[RunView])
def list_rule_runs(call: Call) -> Page[RunView]:
    """List runs of rules, the newest first."""
    query = owned(RuleRun, call.who.tenant_id)
    for name in ("rule_id", "state"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(RuleRun, name) == value)
    return page(call.session, query, call.query, model=RuleRun, view=RunView)


@operation("GET", "/sequences", Scope.SEQUENCES_READ, query=ListQuery, answer=Page[DefinitionView])
def list_sequences(call: Call) -> Page[DefinitionView]:
    """List sequences, the newest first."""
    query = owned(Sequence, call.who.tenant_id).where(col(Sequence.deleted_at).is_(None))
    return page(call.session, query, call.query, model=Sequence, view=DefinitionView)


@operation("GET", "/sequences/{sequence_id}", Scope.SEQUENCES_READ, answer=DefinitionView)
def get_sequence(call: Call) -> DefinitionView:
    """Read a sequence."""
    return DefinitionView.model_validate(sequences.DEFINITIONS.get(call.session, call.who, call.ids["sequence_id"]))


@operation("PUT", "/sequences/{sequence_id}/enabled", Scope.SEQUENCES_WRITE, body=Switch, answer=DefinitionView)
def switch_sequence(call: Call) -> DefinitionView:
    """Switch a sequence on or off; what waits in it is held while it is off."""
    row = sequences.DEFINITIONS.switch(call.session, call.who, call.ids["sequence_id"], enabled=call.body.enabled)
    return DefinitionView.model_validate(row)


@operation("GET", "/enrollments", Scope.SEQUENCES_READ, query=EnrollmentQuery, answer=Page[EnrollmentView])
def list_enrollments(call: Call) -> Page[EnrollmentView]:
    """List enrollments, the newest first."""
    query = owned(Enrollment, call.who.tenant_id)
    for name in ("sequence_id", "state", "lead_id", "contact_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Enrollment, name) == value)
    return page(call.session, query, call.query, model=Enrollment, view=EnrollmentView)


@operation("POST", "/enrollments", Scope.SEQUENCES_WRITE, body=NewEnrollments, answer=EnrollmentsView, status=201)
def enroll(call: Call) -> EnrollmentsView:
    """Enroll leads or contacts in a sequence that is switched on."""
    sent: NewEnrollments = call.body
    rows = enrollments.enroll(call.session, call.who, sent.sequence_id, list(dict.fromkeys(sent.subject_ids)))
    call.session.flush()
    return EnrollmentsView(data=[EnrollmentView.model_validate(row) for row in rows])


@operation("GET", "/enrollments/{enrollment_id}", Scope.SEQUENCES_READ, answer=EnrollmentView)
def get_enrollment(call: Call) -> EnrollmentView:
    """Read an enrollment."""
    return EnrollmentView.model_validate(enrollments.get(call.session, call.who, call.ids["enrollment_id"]))


@operation("POST", "/enrollments/{enrollment_id}/pause", Scope.SEQUENCES_WRITE, answer=EnrollmentView)
def pause_enrollment(call: Call) -> EnrollmentView:
    """Pause an enrollment."""
    return EnrollmentView.model_validate(enrollments.pause(call.session, call.who, call.ids["enrollment_id"]))


@operation("POST", "/enrollments/{enrollment_id}/resume", Scope.SEQUENCES_WRITE, answer=EnrollmentView)
def resume_enrollment(call: Call) -> EnrollmentView:
    """Resume a paused enrollment."""
    return EnrollmentView.model_validate(enrollments.resume(call.session, call.who, call.ids["enrollment_id"]))


@operation("POST", "/enrollments/{enrollment_id}/end", Scope.SEQUENCES_WRITE, answer=EnrollmentView)
def end_enrollment(call: Call) -> EnrollmentView:
    """End an enrollment."""
    return EnrollmentView.model_validate(enrollments.remove(call.session, call.who, call.ids["enrollment_id"]))
