"""Integration actions: what a connected CRM alone can do; the usual actions change its leads there too."""

from typing import ClassVar, Literal

from platform_app.db import Transaction
from platform_app.engine.actions.action_base import Action, ActionInput, action_field
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads
from platform_app.services.integrations import bots


class LinkContact(Action):
    """Link the contact to the lead

    As the lead’s main contact, in the CRM too.
    """

    icon: ClassVar[str] = "link"
    menu_order: ClassVar[int] = 95
    kind: Literal["link_contact"] = "link_contact"

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to make the contact that of the lead."""
        lead_id, contact = context.lead_id(), contacts.get(context.session, context.who, context.contact_id())
        return ActionPlan(
            "Link {name} to the lead",
            {"name": contact.name},
            apply=lambda session, who: leads.save(session, who, lead_id, {"contact_id": contact.id}),
        )


class RunCrmBot(Action):
    """Start a bot of the CRM

    On the lead, for example a Kommo Salesbot. Its number is in the address of its page.
    """

    icon: ClassVar[str] = "bot"
    menu_order: ClassVar[int] = 115
    kind: Literal["run_crm_bot"] = "run_crm_bot"
    bot_id: str = action_field("Bot number", ActionInput.LINE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to start the bot on the lead in its CRM."""
        bot_id = context.render(self.bot_id)
        call = bots.plan_start(context.session, context.who, context.lead_id(), bot_id)
        return ActionPlan("Start the bot {number} of the CRM", {"number": bot_id}, call=call)

    @classmethod
    def missing_setup(cls, session: Transaction, who: Identity) -> str:
        """Return that a CRM has to be connected, or ""."""
        return "" if bots.is_connected(session, who.tenant_id) else bots.NOT_CONNECTED
