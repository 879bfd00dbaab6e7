"""Step gates: the send gate on the steps of a simulated enrollment."""

from dataclasses import replace
from datetime import datetime

from platform_app.automation.send_gate import Decision, SendContext
from platform_app.automation.sequences import CompiledSequence
from platform_app.engine.actions.action_context import ActionContext
from platform_app.engine.actions.send_forecasts import SendForecasts, sending_actions
from platform_app.errors import PlatformError
from platform_app.services.chat import automatic_messages


class StepGates:
    """The send gate on the steps of a simulated enrollment."""

    def __init__(self, forecasts: SendForecasts, compiled: CompiledSequence, contact_id: str) -> None:
        self._forecasts, self._contact_id = forecasts, contact_id
        self._contexts: dict[str, SendContext] = {}
        listed = {step_id: getattr(step, "action", None) or {} for step_id, step in compiled.steps.items()}
        self._sending = {
            step_id: action for step_id, data in listed.items() for action in sending_actions([data] if data else [])
        }

    @property
    def waiting(self) -> set[str]:
        """The ids of steps at which an enrollment waits for the gate: those that send e-mails."""
        return {step_id for step_id, action in self._sending.items() if action.sends == "email"}

    def read_contexts(self, context: ActionContext) -> None:
        """Read the circumstances in which the subject of a trial would get the messages, and what it got lately."""
        for step_id, action in self._sending.items():
            try:
                message = action.plan(context).message
            except PlatformError:
                continue
            if message is None:
                continue
            circumstances = automatic_messages.context_of(context.session, context.who.tenant_id, message)
            if circumstances is not None:
                self._contexts[step_id] = replace(circumstances, sent=())
                self._forecasts.start(self._contact_id, list(circumstances.sent))

    def decide(self, step_id: str, at: datetime) -> Decision:
        """Return the decision on what a step sends at a moment."""
        action = self._sending.get(step_id)
        if action is None:
            return Decision()
        return self._forecasts.request(
            self._contact_id,
            action,
            at,
            context=self._contexts.get(step_id),
            is_retried=step_id in self.waiting,
        )
