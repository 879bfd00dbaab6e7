"""CRM actions: what rules and steps do with leads, contacts and their tasks, tags and notes."""

from datetime import timedelta
from typing import Any, ClassVar, Literal

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.engine.actions.action_base import Action, Ask, asked, days_of, member_of
from platform_app.engine.actions.action_context import Plan, Scene
from platform_app.services.crm import contacts, leads, notes, pipelines, tags, tasks


class ChangeStage(Action):
    """Put the lead into a stage

    Of any pipeline; what happens there follows.
    """

    icon: ClassVar[str] = "git-commit-horizontal"
    menu_order: ClassVar[int] = 30
    kind: Literal["change_stage"] = "change_stage"
    stage_id: str = asked("Stage", Ask.STAGE)

    def plan(self, scene: Scene) -> Plan:
        """Move the lead."""
        lead_id = scene.lead()
        stage = pipelines.get_stage(scene.session, scene.who, self.stage_id)
        return Plan(
            "Put the lead into {stage}",
            {"stage": stage.name},
            do=lambda session, who: leads.move_to_stage(session, who, lead_id, stage.id),
        )


class Assign(Action):
    """Make a member responsible

    They see the lead as their own.
    """

    icon: ClassVar[str] = "user-check"
    menu_order: ClassVar[int] = 40
    kind: Literal["assign"] = "assign"
    user_id: str = asked("Member", Ask.MEMBER)

    def plan(self, scene: Scene) -> Plan:
        """Make the member responsible for the lead."""
        lead_id, member = scene.lead(), member_of(scene, self.user_id)
        return Plan(
            "Make {name} responsible for the lead",
            {"name": member.name},
            do=lambda session, who: leads.save(session, who, lead_id, {"responsible_id": member.id}),
        )


class CreateTask(Action):
    """Create a task

    For a member or for nobody yet, with a day it is due.
    """

    icon: ClassVar[str] = "list-checks"
    menu_order: ClassVar[int] = 50
    kind: Literal["create_task"] = "create_task"
    text: str = asked("What is to be done", Ask.LINE)
    user_id: str = asked("Responsible", Ask.MEMBER, needed=False)
    days: str = asked("Due in days", Ask.DAYS, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Write a task for the lead, else for the contact."""
        of = {"lead_id": scene.lead()} if scene.has("lead") else {"contact_id": scene.contact()}
        member = member_of(scene, self.user_id) if self.user_id else None
        due = now() + timedelta(days=days_of(self.days)) if self.days else None
        text = scene.fill(self.text)
        more: dict[str, Any] = of | {"due_at": due, "responsible_id": member.id if member else None}
        return Plan(
            "Create the task “{text}”",
            {"text": text},
            do=lambda session, who: tasks.create(session, who, text=text, **more),
        )


class UpdateField(Action):
    """Change a field

    Of the contact or the lead, your own fields too.
    """

    icon: ClassVar[str] = "pencil-line"
    menu_order: ClassVar[int] = 60
    kind: Literal["update_field"] = "update_field"
    field: str = asked("Field", Ask.FIELD)
    value: str = asked("Value", Ask.VALUE, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Save a value of the contact or the lead."""
        holder, _, name = self.field.partition(".")
        value: Any = scene.fill(self.value)
        if name in ("emails", "phones"):
            value = [value] if value else []
        store, row_id = (leads, scene.lead()) if holder == "lead" else (contacts, scene.contact())
        own = fact_snapshots.fact_catalogue(scene.session, scene.who.tenant_id).get(self.field)
        return Plan(
            "Set {field} to “{text}”",
            {"field": own.label if own and own.is_custom else self.field, "text": scene.fill(self.value)},
            do=lambda session, who: store.save(session, who, row_id, {name: value}),
        )


class AddTag(Action):
    """Add a tag

    To the lead, else to the contact.
    """

    icon: ClassVar[str] = "tag"
    menu_order: ClassVar[int] = 70
    kind: Literal["add_tag"] = "add_tag"
    tag: str = asked("Tag", Ask.TAG)

    def plan(self, scene: Scene) -> Plan:
        """Give the lead, else the contact, a tag."""
        tag = scene.fill(self.tag)
        store, row_id = (leads, scene.lead()) if scene.has("lead") else (contacts, scene.contact())
        return Plan(
            "Add the tag “{text}”",
            {"text": tag},
            do=lambda session, who: tags.add_tag(session, who, [row_id], tag, target=store),
        )


class RemoveTag(Action):
    """Remove a tag

    From the lead, else from the contact.
    """

    icon: ClassVar[str] = "eraser"
    menu_order: ClassVar[int] = 80
    kind: Literal["remove_tag"] = "remove_tag"
    tag: str = asked("Tag", Ask.TAG)

    def plan(self, scene: Scene) -> Plan:
        """Take a tag from the lead, else from the contact."""
        tag = scene.fill(self.tag)
        store, row_id = (leads, scene.lead()) if scene.has("lead") else (contacts, scene.contact())
        return Plan(
            "Remove the tag “{text}”",
            {"text": tag},
            do=lambda session, who: tags.remove_tag(session, who, row_id, tag, target=store),
        )


class WriteNote(Action):
    """Write a note

    On the card of the lead, else of the contact.
    """

    icon: ClassVar[str] = "sticky-note"
    menu_order: ClassVar[int] = 90
    kind: Literal["write_note"] = "write_note"
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Write a note about the lead, else about the contact."""
        of = {"lead_id": scene.lead()} if scene.has("lead") else {"contact_id": scene.contact()}
        text = scene.fill(self.text)
        return Plan(
            "Write the note “{text}”",
            {"text": text},
            do=lambda session, who: notes.create(session, who, text=text, **of),
        )
