"""Send forecasts: the send gate over the actions of a backtest or a simulation, contact by contact."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlmodel import col

from platform_app.automation.rules import is_off
from platform_app.automation.send_forecast import SendForecast
from platform_app.automation.send_gate import Decision, OutboundMessage, SendContext, Sender, ServiceWindow
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import Action
from platform_app.errors import Invalid
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.chat import sending


class SendForecasts:
    """What the send gate would do with the messages of a draft; what was really sent meanwhile does not count."""

    def __init__(self, session: Transaction, who: Identity) -> None:
        self._session, self._who = session, who
        self._forecasts: dict[str, SendForecast] = defaultdict(SendForecast)
        self._policy = sending.policy_of(session, who.tenant_id)

    def request(
        self,
        contact_id: str,
        action: Action,
        at: datetime,
        *,
        context: SendContext | None = None,
        window: ServiceWindow | None = None,
        has_template: bool | None = None,
        is_retried: bool = False,
    ) -> Decision:
        """Return the decision on an action that sends something to a contact at a moment, and remember its outcome.

        `context` are the circumstances if more is known of them than the contact, `window` is that of the channel, if
        it has one; `has_template` says whether the chosen template can be sent, if that is known. `is_retried`: an
        action that is held is requested again.
        """
        if not action.sends:
            return Decision()
        usable = action.has_template if has_template is None else has_template
        message = OutboundMessage(Sender.AUTOMATION, is_exempt=action.is_exempt, has_template=usable)
        circumstances = replace(context or self._context(contact_id, at), window=window)
        return self._forecasts[contact_id].request(circumstances, message, at, is_retried=is_retried)

    def start(self, contact_id: str, sent: list[datetime]) -> None:
        """Let a contact begin with messages that were sent already."""
        self._forecasts[contact_id] = SendForecast(sent)

    def _context(self, contact_id: str, at: datetime) -> SendContext:
        zone, opted_out_at = self._contacts.get(contact_id, ("", None))
        is_out = opted_out_at is not None and opted_out_at <= at
        context = SendContext(self._policy, zone or self._who.time_zone)
        return replace(context, opted_out_at=opted_out_at) if is_out else context

    @cached_property
    def _contacts(self) -> dict[str, tuple[str, datetime | None]]:
        """Time zone and opt-out of the contacts that have one."""
        query = owned(Contact, self._who.tenant_id).where(
            (col(Contact.time_zone) != "") | col(Contact.opted_out_at).is_not(None)
        )
        columns = query.with_only_columns(Contact.id, Contact.time_zone, Contact.opted_out_at)
        return {contact_id: (zone, at) for contact_id, zone, at in self._session.execute(columns)}


def sending_actions(listed: list[dict[str, Any]]) -> list[Action]:
    """Return the actions that send something to a contact; those turned off or not parsable are left out."""
    sending = []
    for data in listed:
        if is_off(data):
            continue
        try:
            action = actions.parse_action(data)
        except Invalid:
            continue
        if action.sends:
            sending.append(action)
    return sending
