"""Notification actions: actions of rules and steps that notify members."""

from typing import ClassVar, Literal

from platform_app.engine.actions.action_base import Action, ActionInput, action_field, find_member
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.errors import Invalid
from platform_app.services.accounts import members


class Notify(Action):
    """Notify a member

    Puts a line for them into the recent updates.
    """

    icon: ClassVar[str] = "bell"
    menu_order: ClassVar[int] = 140
    kind: Literal["notify"] = "notify"
    user_id: str = action_field("Member", ActionInput.MEMBER)
    text: str = action_field("Text", ActionInput.LINE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to notify the member in the activity feed. Raises Invalid if the text is empty."""
        member, text = find_member(context, self.user_id), context.render(self.text)
        if not text:
            raise Invalid("The text of the message is empty.", field="text")
        return ActionPlan(
            "Tell {name}: “{text}”",
            {"name": member.name, "text": text},
            apply=lambda session, who: members.notify(session, who, member.id, text),
        )
