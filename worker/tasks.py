"""Tasks: one actor per kind of job; each is given the id of a row."""

from collections.abc import Mapping

import dramatiq

from platform_app.broker import OTHER_KINDS, QUEUE
from platform_app.engine import handling, outside_steps, purposes
from platform_app.services import importing, knowledge, rebuilding, replies
from worker.runner import Handler, Runner

HANDLERS: Mapping[str, Handler] = {
    "index_source": knowledge.index_source,
    "remove_source": knowledge.remove_source,
    "rebuild_index": rebuilding.rebuild_index,
    "import_contacts": importing.import_contacts,
    "handle_event": handling.handle_event,
    "take_step": outside_steps.take_step,
    "reply": replies.run_job,
}

purposes.declare()


def declare(broker: dramatiq.Broker, runner: Runner) -> None:
    """Declare an actor for each kind that the runner handles."""

    def wake(job_id: str) -> None:
        runner.run(job_id)

    for kind in (*runner.handlers, OTHER_KINDS):
        dramatiq.actor(actor_name=kind, queue_name=QUEUE, broker=broker)(wake)
