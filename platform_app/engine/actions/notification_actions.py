"""Notification actions: actions of rules and steps that notify members."""

from typing import ClassVar, Literal

from platform_app.clock import new_id
from platform_app.db import Transaction
from platform_app.engine.actions.action_base import Action, ActionInput, action_field, find_member
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.errors import Invalid
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notifications import Notice


class Notify(Action):
    """Notify a teammate

    In the console and as they have chosen in their settings.
    """

    icon: ClassVar[str] = "bell"
    menu_order: ClassVar[int] = 140
    kind: Literal["notify"] = "notify"
    user_id: str = action_field("Member", ActionInput.MEMBER)
    text: str = action_field("Text", ActionInput.LINE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to notify the member. Raises Invalid if the text is empty."""
        member, text = find_member(context, self.user_id), context.render(self.text)
        if not text:
            raise Invalid("The text of the message is empty.", field="text")
        link = _link(context)
        return ActionPlan(
            "Tell {name}: “{text}”",
            {"name": member.name, "text": text},
            apply=lambda session, who: _notify(session, who, user_id=member.id, text=text, link=link),
        )


def _link(context: ActionContext) -> str:
    """Return the page of what the event is about: its conversation, lead or contact, "" if it is about none."""
    event = context.event
    link = conversation_rows.find_link(context.session, context.who, event.conversation_id)
    if link:
        return link
    return f"/leads/{event.lead_id}" if event.lead_id else f"/contacts/{event.contact_id}" if event.contact_id else ""


def _notify(session: Transaction, who: Identity, *, user_id: str, text: str, link: str) -> None:
    """Tell a member a text in the name of a rule or sequence; each run of the action is told by itself."""
    notice = Notice("{name}: {text}", link, {"name": who.name, "text": text})
    notifications.notify(session, who.tenant_id, {user_id}, NotificationKind.RULE, notice=notice, cause=new_id())
