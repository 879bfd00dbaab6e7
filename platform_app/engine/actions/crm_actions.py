"""CRM actions: actions of rules and steps on leads, contacts, tasks, tags and notes."""

from datetime import timedelta
from typing import Any, ClassVar, Literal

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.engine.actions.action_base import Action, ActionInput, action_field, find_member, parse_days
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.services.crm import contacts, leads, notes, pipelines, tags, tasks


class ChangeStage(Action):
    """Move lead to a stage

    In any pipeline. Rules for that stage will run.
    """

    icon: ClassVar[str] = "git-commit-horizontal"
    menu_order: ClassVar[int] = 30
    kind: Literal["change_stage"] = "change_stage"
    stage_id: str = action_field("Stage", ActionInput.STAGE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to move the lead to the stage."""
        lead_id = context.lead_id()
        stage = pipelines.get_stage(context.session, context.who, self.stage_id)
        return ActionPlan(
            "Move lead to {stage}",
            {"stage": stage.name},
            apply=lambda session, who: leads.move_to_stage(session, who, lead_id, stage.id),
        )


class Assign(Action):
    """Assign lead

    The lead becomes theirs.
    """

    icon: ClassVar[str] = "user-check"
    menu_order: ClassVar[int] = 40
    kind: Literal["assign"] = "assign"
    user_id: str = action_field("Member", ActionInput.MEMBER)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to make the member responsible for the lead."""
        lead_id, member = context.lead_id(), find_member(context, self.user_id)
        return ActionPlan(
            "Assign lead to {name}",
            {"name": member.name},
            apply=lambda session, who: leads.save(session, who, lead_id, {"responsible_id": member.id}),
        )


class CreateTask(Action):
    """Create a task

    Assign to a member or leave open, with a due date.
    """

    icon: ClassVar[str] = "list-checks"
    menu_order: ClassVar[int] = 50
    kind: Literal["create_task"] = "create_task"
    text: str = action_field("Task", ActionInput.LINE)
    user_id: str = action_field("Owner|lead", ActionInput.MEMBER, required=False)
    days: str = action_field("Due in (days)", ActionInput.DAYS, required=False)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to create a task for the lead, else for the contact."""
        of = {"lead_id": context.lead_id()} if context.is_about("lead") else {"contact_id": context.contact_id()}
        member = find_member(context, self.user_id) if self.user_id else None
        due = now() + timedelta(days=parse_days(self.days)) if self.days else None
        text = context.render(self.text)
        more: dict[str, Any] = of | {"due_at": due, "responsible_id": member.id if member else None}
        return ActionPlan(
            "Create the task “{text}”",
            {"text": text},
            apply=lambda session, who: tasks.create(session, who, text=text, **more),
        )


class UpdateField(Action):
    """Update a field

    Of the contact or lead, including custom fields.
    """

    icon: ClassVar[str] = "pencil-line"
    menu_order: ClassVar[int] = 60
    kind: Literal["update_field"] = "update_field"
    field: str = action_field("Field", ActionInput.FIELD)
    value: str = action_field("Value", ActionInput.VALUE, required=False)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to change a field of the contact or lead."""
        holder, _, name = self.field.partition(".")
        value: Any = context.render(self.value)
        if name in ("emails", "phones"):
            value = [value] if value else []
        store, row_id = (leads, context.lead_id()) if holder == "lead" else (contacts, context.contact_id())
        own = fact_snapshots.fact_catalogue(context.session, context.who.tenant_id).get(self.field)
        return ActionPlan(
            "Set {field} to “{text}”",
            {"field": own.label if own and own.is_custom else self.field, "text": context.render(self.value)},
            apply=lambda session, who: store.save(session, who, row_id, {name: value}),
        )


class AddTag(Action):
    """Add a tag

    Added to the lead, or to the contact if there’s no lead.
    """

    icon: ClassVar[str] = "tag"
    menu_order: ClassVar[int] = 70
    kind: Literal["add_tag"] = "add_tag"
    tag: str = action_field("Tag", ActionInput.TAG)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to add the tag to the lead, else to the contact."""
        tag = context.render(self.tag)
        store, row_id = (leads, context.lead_id()) if context.is_about("lead") else (contacts, context.contact_id())
        return ActionPlan(
            "Add the tag “{text}”",
            {"text": tag},
            apply=lambda session, who: tags.add_tag(session, who, [row_id], tag, target=store),
        )


class RemoveTag(Action):
    """Remove a tag

    Removed from the lead, or from the contact if there’s no lead.
    """

    icon: ClassVar[str] = "eraser"
    menu_order: ClassVar[int] = 80
    kind: Literal["remove_tag"] = "remove_tag"
    tag: str = action_field("Tag", ActionInput.TAG)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to remove the tag from the lead, else from the contact."""
        tag = context.render(self.tag)
        store, row_id = (leads, context.lead_id()) if context.is_about("lead") else (contacts, context.contact_id())
        return ActionPlan(
            "Remove the tag “{text}”",
            {"text": tag},
            apply=lambda session, who: tags.remove_tag(session, who, row_id, tag, target=store),
        )


class WriteNote(Action):
    """Add a note

    On the lead’s card, or the contact’s if there’s no lead.
    """

    icon: ClassVar[str] = "sticky-note"
    menu_order: ClassVar[int] = 90
    kind: Literal["write_note"] = "write_note"
    text: str = action_field("Text", ActionInput.TEXT)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to add a note to the lead, else to the contact."""
        is_about_lead = context.is_about("lead")
        of: dict[str, Any] = {"lead_id": context.lead_id()} if is_about_lead else {"contact_id": context.contact_id()}
        text = context.render(self.text)
        return ActionPlan(
            "Add note “{text}”",
            {"text": text},
            apply=lambda session, who: notes.create(session, who, text=text, **of),
        )
