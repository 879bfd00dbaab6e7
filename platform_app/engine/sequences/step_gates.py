"""Step gates: the send gate on the steps of a simulated enrollment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from platform_app.automation.send_gate import Decision, SendContext, ServiceWindow
from platform_app.automation.sequences import CompiledSequence
from platform_app.engine.actions.action_context import ActionContext
from platform_app.engine.actions.send_forecasts import SendForecasts, sending_actions
from platform_app.errors import PlatformError
from platform_app.services.chat import automatic_messages


class StepGates:
    """The send gate on the steps of a simulated enrollment."""

    def __init__(
        self,
        forecasts: SendForecasts,
        compiled: CompiledSequence,
        contact_id: str,
        *,
        replies: Sequence[datetime] = (),
        window: ServiceWindow | None = None,
    ) -> None:
        """Prepare the gates of a draft.

        `replies` are the moments at which the contact writes meanwhile, `window` is that of the conversation at the
        entry, if its channel has one.
        """
        self._forecasts, self._contact_id = forecasts, contact_id
        self._replies, self._window = sorted(replies), window
        self._contexts: dict[str, SendContext] = {}
        self._usable: dict[str, bool] = {}  # whether the template of a step can be sent
        running = {step_id: step for step_id, step in compiled.steps.items() if not step.off}
        listed = {step_id: getattr(step, "action", None) or {} for step_id, step in running.items()}
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
                self._usable[step_id] = message.has_template
                self._contexts[step_id] = replace(circumstances, sent=())
                self._forecasts.start(self._contact_id, list(circumstances.sent))

    def decide(self, step_id: str, at: datetime) -> Decision:
        """Return the decision on what a step sends at a moment."""
        action = self._sending.get(step_id)
        if action is None:
            return Decision()
        context = self._contexts.get(step_id)
        window = context.window if context is not None else self._window
        return self._forecasts.request(
            self._contact_id,
            action,
            at,
            context=context,
            window=self._window_at(window, at) if action.sends == "message" else None,
            has_template=self._usable.get(step_id),
            is_retried=step_id in self.waiting,
        )

    def _window_at(self, window: ServiceWindow | None, at: datetime) -> ServiceWindow | None:
        """Return a window as the replies up to a moment have left it."""
        wrote = [moment for moment in self._replies if moment <= at]
        if window is None or not wrote:
            return window
        return replace(window, wrote_at=max(wrote[-1], window.wrote_at or wrote[-1]))
