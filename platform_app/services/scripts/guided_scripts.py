"""Guided scripts: progress of a guided script in a conversation: the answers so far and the next question."""

from dataclasses import dataclass, field
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation import guided_steps, text_templates
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.guided_steps import CollectedField, GuidedStep, Position
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import PlatformError
from platform_app.i18n import LANGUAGES, translate
from platform_app.llm import prompts
from platform_app.llm.extraction import ExtractedFields, RequestedField
from platform_app.models.conversation import Conversation
from platform_app.models.crm import UNNAMED, Contact, Lead
from platform_app.models.person import Identity, Role
from platform_app.models.script import Script, ScriptProgress
from platform_app.services.crm import contacts, leads

CORRECTION_MESSAGES = 2  # messages after the last answer in which corrections are read
_QUESTION_LABELS = {
    "contact.name": "your name",
    "contact.phone": "your phone number",
    "contact.email": "your email address",
    "lead.title": "what you are interested in",
    "lead.budget": "your budget",
}
_FIELDS = {"contact.phone": "phones", "contact.email": "emails"}


@dataclass
class GuidedProgress:
    """The progress of a guided script in a conversation."""

    script_id: str
    title: str
    steps: list[GuidedStep]
    given: dict[str, str] = field(default_factory=dict)  # display values by fact
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    after: int = 0  # messages since the last answer
    labels: dict[str, str] = field(default_factory=dict)  # by fact
    collectable: dict[str, RequestedField] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """The current step and its missing facts."""
        return guided_steps.current_position(self.steps, self.given, self.refused)

    @property
    def is_active(self) -> bool:
        """Whether messages are searched for answers: while one is missing, and a few messages longer."""
        return self.position.step is not None or self.after < CORRECTION_MESSAGES

    @property
    def wanted(self) -> list[RequestedField]:
        """The facts that the script collects, as a model is asked for them."""
        names = dict.fromkeys(wanted_field.fact for step in self.steps for wanted_field in step.fields)
        return [self.collectable[name] for name in names if name in self.collectable]

    @property
    def requested(self) -> tuple[CollectedField, ...]:
        """The missing facts to ask for now; one with choices alone, so that its quick replies answer the question."""
        missing = self.position.missing
        first = next((place for place, wanted in enumerate(missing) if self._has_choices(wanted.fact)), len(missing))
        return missing[: max(first, 1)]

    def _has_choices(self, fact: str) -> bool:
        field = self.collectable.get(fact)
        return field is not None and (bool(field.options) or field.kind == "yes_no")

    def choices(self, language: str) -> list[str]:
        """Return the choices of the fact that is asked for; yes and no in a language of the platform alone."""
        field = self.collectable.get(self.requested[0].fact) if self.requested else None
        if field is None:
            return []
        is_known = field.kind == "yes_no" and language in LANGUAGES
        return [translate(language, words) for words in ("Yes", "No")] if is_known else list(field.options)

    def for_prompt(self, language: str) -> prompts.GuidedState:
        """Return the progress as the prompt holds it. `language` is that of questions: "ru" or "en"."""
        at = self.position
        given = [(self._question_label(name, language), value) for name, value in self.given.items()]
        goal = self.steps[at.step].goal if at.step is not None else ""
        wanted = [(self._question_label(missing.fact, language), missing.hint) for missing in self.requested]
        return prompts.GuidedState(self.title, goal, given, wanted)

    def _question_label(self, fact: str, language: str) -> str:
        """Return the words that ask for a fact; a custom field keeps its name."""
        return translate(language, _QUESTION_LABELS[fact]) if fact in _QUESTION_LABELS else self.labels.get(fact, fact)

    def as_json(self) -> dict[str, Any]:
        """Return the progress as a trace stores it."""
        at = self.position
        return {
            "title": self.title,
            "step": at.step,
            "steps": len(self.steps),
            "given": [[self.labels.get(name, name), value] for name, value in self.given.items()],
            "wanted": [self.labels.get(missing.fact, missing.fact) for missing in at.missing],
        }


def get_progress(
    session: Transaction, conversation: Conversation, script_id: str, facts: Facts
) -> GuidedProgress | None:
    """Return the progress of a script in a conversation, or None if it has no steps."""
    tenant_id = conversation.tenant_id
    row: Script | None = session.exec(owned(Script, tenant_id).where(Script.id == script_id)).first()
    if row is None or not row.steps:
        return None
    own = fact_snapshots.fact_catalogue(session, tenant_id)
    steps, progress = guided_steps.parse_steps(row.steps), _progress_row(session, tenant_id, conversation.id, row.id)
    state = GuidedProgress(row.id, row.title, steps, collectable=_collectable_facts(own))
    if progress is not None:
        state.refused, state.asked, state.after = progress.refused, progress.asked, progress.after
    for name in dict.fromkeys(wanted_field.fact for step in steps for wanted_field in step.fields):
        state.labels[name] = own[name].label if name in own else name
        value = facts.values.get(name)
        kept = str(text_templates.format_value(value, facts.zone)) if value not in (None, "", 0) else ""
        kept = kept or str((progress.values if progress else {}).get(name, ""))
        if kept:
            state.given[name] = kept
    return state


def _collectable_facts(own: Catalogue) -> dict[str, RequestedField]:
    return {
        name: RequestedField(name, own[name].label, kind, own[name].options)
        for name, kind in guided_steps.collectable_facts(own).items()
    }


def _progress_row(session: Transaction, tenant_id: str, conversation_id: str, script_id: str) -> ScriptProgress | None:
    query = owned(ScriptProgress, tenant_id).where(
        ScriptProgress.conversation_id == conversation_id, ScriptProgress.script_id == script_id
    )
    row: ScriptProgress | None = session.exec(query.with_for_update()).first()
    return row


def store_answers(tenant_id: str, conversation_id: str, guidance: GuidedProgress, told: ExtractedFields) -> None:
    """Write extracted answers to the contact and lead, and store what to ask for next.

    A value that its field does not accept is left out and asked for again.
    """
    with session_scope(tenant_id) as session:
        talk = session.exec(owned(Conversation, tenant_id).where(Conversation.id == conversation_id)).one()
        row = _progress_row(session, tenant_id, conversation_id, guidance.script_id)
        row = row or ScriptProgress(tenant_id=tenant_id, conversation_id=conversation_id, script_id=guidance.script_id)
        session.add(row)
        values, refused = dict(row.values), list(row.refused)
        for name, value in told.values.items():
            if _write_value(session, talk, name, value):
                values[name] = value
                refused = [fact for fact in refused if fact != name]
        row.refused = [*refused, *(fact for fact in told.refused if fact not in values and fact not in refused)]
        row.values = values
        given = guidance.given | values
        at = guided_steps.current_position(guidance.steps, given, row.refused)
        row.asked = [missing.fact for missing in at.missing]
        row.after = 0 if at.step is not None else row.after + 1


def _write_value(session: Transaction, talk: Conversation, name: str, value: str) -> bool:
    """Write a value to the contact or lead of a conversation; return whether it was accepted."""
    holder, _, field_name = name.partition(".")
    who = _agent_identity(talk)
    try:
        with session.savepoint():
            if holder == "contact":
                contact = _contact(session, who, talk, value if name == "contact.name" else UNNAMED)
                mine = _FIELDS.get(name, field_name)
                contacts.save(session, who, contact.id, {mine: _new_value(contact, mine, value)})
            elif talk.lead_id:
                lead: Lead = leads.get(session, who, talk.lead_id)
                leads.save(session, who, lead.id, {field_name: value})
            return True
    except PlatformError:
        return False


def _new_value(contact: Contact, name: str, value: str) -> Any:
    """Return the new value of a field; a new address or number is put before the others."""
    return [value, *getattr(contact, name)] if name in ("phones", "emails") else value


def _contact(session: Transaction, who: Identity, talk: Conversation, name: str) -> Contact:
    """Return the contact of a conversation, creating one if it has none."""
    if talk.contact_id:
        return contacts.get(session, who, talk.contact_id)
    made = contacts.create(session, who, name=name)
    talk.contact_id = made.id
    return made


def _agent_identity(talk: Conversation) -> Identity:
    known_of: dict[str, Any] = {
        "name": "",
        "email": "",
        "slug": "",
        "tenant_name": "",
        "language": "en",
        "time_zone": "UTC",
    }
    return Identity(user_id="", tenant_id=talk.tenant_id, role=Role.OPERATOR, **known_of)


def list_progress(
    session: Transaction, who: Identity, conversation_id: str
) -> list[tuple[str, int | None, int, list[str]]]:
    """Return (title, step, number of steps, labels of missing facts) of a conversation's guided scripts.

    The step counts from 0 and is None when the script is finished.
    """
    query = owned(ScriptProgress, who.tenant_id).where(ScriptProgress.conversation_id == conversation_id)
    lines = []
    own = fact_snapshots.fact_catalogue(session, who.tenant_id)
    for row in session.exec(query.order_by(ScriptProgress.created_at)).all():
        script: Script | None = session.exec(owned(Script, who.tenant_id).where(Script.id == row.script_id)).first()
        if script is None or script.deleted_at is not None:
            continue
        steps = guided_steps.parse_steps(script.steps)
        at = guided_steps.current_position(steps, row.values, row.refused)
        names = [fact for fact in row.asked if at.step is not None]
        lines.append((script.title, at.step, len(steps), [own[name].label if name in own else name for name in names]))
    return lines
