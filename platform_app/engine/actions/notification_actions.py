"""Notification actions: what rules and steps tell members."""

from typing import ClassVar, Literal

from platform_app.engine.actions.action_base import Action, Ask, asked, member_of
from platform_app.engine.actions.action_context import Plan, Scene
from platform_app.errors import Invalid
from platform_app.services.accounts import members


class Notify(Action):
    """Notify a member

    Puts a line for them into the recent updates.
    """

    icon: ClassVar[str] = "bell"
    menu_order: ClassVar[int] = 140
    kind: Literal["notify"] = "notify"
    user_id: str = asked("Member", Ask.MEMBER)
    text: str = asked("Text", Ask.LINE)

    def plan(self, scene: Scene) -> Plan:
        """Put a line for the member into the recent updates."""
        member, text = member_of(scene, self.user_id), scene.fill(self.text)
        if not text:
            raise Invalid("The text of the message is empty.", field="text")
        return Plan(
            "Tell {name}: “{text}”",
            {"name": member.name, "text": text},
            do=lambda session, who: members.notify(session, who, member.id, text),
        )
