"""Sequence actions: actions that start and stop sequences."""

from typing import ClassVar, Literal

from platform_app.engine.actions.action_base import Action, ActionInput, action_field
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.engine.enrollments import enrollment_entry


class StartSequence(Action):
    """Start a sequence

    Enrolls the lead or contact if the sequence allows it.
    """

    menu_order: ClassVar[int] = 150
    kind: Literal["start_sequence"] = "start_sequence"
    sequence_id: str = action_field("Sequence", ActionInput.SEQUENCE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to enroll the lead or contact in an enabled sequence."""
        row = enrollment_entry.get_enabled(context.session, context.who, self.sequence_id)
        return ActionPlan(
            "Start the sequence “{name}”",
            {"name": row.name},
            apply=lambda session, who: enrollment_entry.start(session, who, row.id, context.event),
        )


class StopSequence(Action):
    """Stop a sequence

    The lead or contact exits it right away.
    """

    menu_order: ClassVar[int] = 160
    kind: Literal["stop_sequence"] = "stop_sequence"
    sequence_id: str = action_field("Sequence", ActionInput.SEQUENCE)

    def plan(self, context: ActionContext) -> ActionPlan:
        """Plan to end the enrollment of the lead or contact, if any."""
        row = enrollment_entry.get(context.session, context.who, self.sequence_id)
        return ActionPlan(
            "Stop the sequence “{name}”",
            {"name": row.name},
            apply=lambda session, who: enrollment_entry.stop(session, who, row.id, context.event),
        )
