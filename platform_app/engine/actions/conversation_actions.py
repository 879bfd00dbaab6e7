"""Conversation actions: actions of rules and steps in a conversation."""

from typing import ClassVar, Literal

from platform_app.automation.availability import Availability
from platform_app.channels.quick_replies import cut_titles
from platform_app.db import Transaction
from platform_app.engine.actions.action_base import (
    Action,
    ActionInput,
    action_field,
    find_member,
    limits_field,
)
from platform_app.engine.actions.action_context import ActionContext, ActionPlan, ActionResult
from platform_app.models.person import Identity
from platform_app.services.chat import agent_messages, hand_off, message_templates, opt_outs, triage
from platform_app.services.chat.automatic_messages import AutomaticMessage
from platform_app.services.crm import contacts


class SendMessage(Action):
    """Send a message

    Sent right away as the agent, in the same conversation.
    """

    icon: ClassVar[str] = "message-square"
    menu_order: ClassVar[int] = 10
    sends: ClassVar[str] = "message"
    kind: Literal["send_message"] = "send_message"
    text: str = action_field("Text", ActionInput.TEXT)
    quick_replies: str = action_field("Quick replies, one per line", ActionInput.QUICK_REPLIES, required=False)
    template: str = action_field("Template outside the messaging window", ActionInput.TEMPLATE, required=False)
    template_values: str = action_field("Template values, one per line", ActionInput.TEMPLATE_VALUES, required=False)
    limits: str = limits_field()

    @property
    def has_template(self) -> bool:
        """Whether it can go out as a template."""
        return bool(self.template)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to send the text, or the template when the channel takes no free text, in the agent's name."""
        conversation, text, is_exempt = context.conversation(), context.render(self.text), self.is_exempt
        lines = [line for line in self.template_values.splitlines() if line.strip()]
        use = message_templates.use_of(self.template, [context.render(line) for line in lines])
        usable = message_templates.find(context.session, conversation, use) is not None
        titles = cut_titles(context.render(line) for line in self.quick_replies.splitlines() if line.strip())
        message = AutomaticMessage(is_exempt, conversation, has_template=usable)

        def send(session: Transaction, who: Identity) -> object:
            return agent_messages.send_message(
                session, who, conversation.id, text, is_exempt=is_exempt, template=use, quick_replies=titles
            )

        if titles:
            values = {"text": text, "titles": ", ".join(titles)}
            return ActionPlan("Send “{text}” with quick replies: {titles}", values, apply=send, message=message)
        return ActionPlan("Send “{text}”", {"text": text}, apply=send, message=message)


class AskAgent(Action):
    """Have the agent write a message

    The agent writes it using its settings, scripts and knowledge.
    """

    icon: ClassVar[str] = "sparkles"
    menu_order: ClassVar[int] = 20
    sends: ClassVar[str] = "message"
    kind: Literal["ask_agent"] = "ask_agent"
    prompt: str = action_field("Instructions for the message", ActionInput.TEXT)
    limits: str = limits_field()

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to have the agent of the conversation write a message, which a worker sends."""
        conversation, prompt, is_exempt = context.conversation(), context.render(self.prompt), self.is_exempt
        return ActionPlan(
            "Let the agent write: “{text}”",
            {"text": prompt},
            apply=lambda session, who: agent_messages.request_message(
                session, who, conversation.id, prompt, is_exempt=is_exempt
            ),
            message=AutomaticMessage(is_exempt, conversation),
        )


class HandOff(Action):
    """Hand off to a person

    The agent pauses until the conversation is returned to it.
    """

    icon: ClassVar[str] = "hand"
    menu_order: ClassVar[int] = 120
    kind: Literal["hand_off"] = "hand_off"

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to hand the conversation off to members."""
        conversation = context.conversation()
        return ActionPlan("Hand off to a person", apply=lambda s, who: hand_off.hand_off(s, who, conversation.id))


UNAVAILABLE = [one for one in Availability if one != Availability.AVAILABLE]


class AssignConversation(Action):
    """Assign the conversation

    Assign to a member or in turn to those who are available.
    """

    icon: ClassVar[str] = "user-plus"
    menu_order: ClassVar[int] = 125
    kind: Literal["assign_conversation"] = "assign_conversation"
    user_id: str = action_field("Member", ActionInput.MEMBER, required=False)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to assign the conversation to the member, or in turn."""
        conversation = context.conversation()
        if not self.user_id:
            words = "Assign the conversation in turn"
            return ActionPlan(words, apply=lambda session, who: _assign_in_turn(session, who, conversation.id))
        member = find_member(context, self.user_id)
        return ActionPlan(
            "Assign the conversation to {name}",
            {"name": member.name},
            apply=lambda session, who: triage.assign(session, who, conversation.id, member.id),
        )


def _assign_in_turn(session: Transaction, who: Identity, conversation_id: str) -> ActionResult:
    """Assign a conversation in turn; return to whom, or why to nobody."""
    assignee, reasons = triage.assign_in_turn(session, who, conversation_id)
    if assignee is not None:
        return ActionResult("Conversation assigned to {name}, in turn", {"name": assignee.name})
    sentence = (
        "Not assigned: nobody is available. Away: {away}, day off: {day_off}, outside working hours: "
        "{outside_hours}, no page open in the last 30 minutes: {idle}"
    )
    return ActionResult(sentence, {name.value: str(reasons[name]) for name in UNAVAILABLE})


class OptOut(Action):
    """Opt the contact out

    The contact gets no more messages until a member changes this.
    """

    icon: ClassVar[str] = "bell-off"
    menu_order: ClassVar[int] = 135
    kind: Literal["opt_out"] = "opt_out"

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to opt the contact out of messages."""
        contact = contacts.get(context.session, context.who, context.contact_id())
        return ActionPlan(
            "Opt {name} out",
            {"name": contact.name},
            apply=lambda session, who: opt_outs.opt_out(session, who, contact.id),
        )


class CloseConversation(Action):
    """Close the conversation

    No more messages will be sent.
    """

    icon: ClassVar[str] = "circle-check"
    menu_order: ClassVar[int] = 130
    kind: Literal["close_conversation"] = "close_conversation"

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to close the conversation."""
        conversation = context.conversation()
        return ActionPlan(
            "Close the conversation", apply=lambda session, who: hand_off.close(session, who, conversation.id)
        )
