"""Tasks: the handler of each kind of job, and the Dramatiq actor that runs the jobs that are next."""

from collections.abc import Mapping

import dramatiq

from platform_app.broker import QUEUE, WAKE_ACTOR
from platform_app.engine import callback_registry
from platform_app.engine.rules import rule_worker
from platform_app.engine.sequences import step_calls
from platform_app.services.channels import chat_answer_mail, outbound, waiting_updates
from platform_app.services.chat import replies
from platform_app.services.crm import import_job
from platform_app.services.integrations import exchange
from platform_app.services.knowledge import index_rebuild, site_reading, sources
from platform_app.services.mail import invitation_mail, notification_mail, password_reset_mail, two_factor_mail
from platform_app.services.tenants import tenant_exports
from platform_app.services.webhooks import outgoing_deliveries
from worker.runner import Handler, Runner

HANDLERS: Mapping[str, Handler] = {
    "index_source": sources.index_source,
    "remove_source": sources.remove_source,
    "read_site": site_reading.read_site,
    "rebuild_index": index_rebuild.rebuild_index,
    "import_contacts": import_job.import_contacts,
    "exchange_crm": exchange.exchange,
    "handle_event": rule_worker.handle_event,
    "take_step": step_calls.take_step,
    "reply": replies.run_job,
    "read_updates": waiting_updates.read_updates,
    "deliver_message": outbound.deliver_message,
    "send_chat_answers": chat_answer_mail.send_chat_answers,
    "send_webhook": outgoing_deliveries.send_webhook,
    "send_invitation": invitation_mail.send_invitation,
    "send_password_reset": password_reset_mail.send_password_reset,
    "send_two_factor_reset": two_factor_mail.send_two_factor_reset,
    "send_notification": notification_mail.send_notification,
    "send_digest": notification_mail.send_digest,
    "export_tenant": tenant_exports.export_tenant,
}

callback_registry.register_callbacks()


def declare(broker: dramatiq.Broker, runner: Runner) -> None:
    """Declare the actor that runs jobs until none may be claimed; a job that a wake-up names has no precedence."""

    def wake(*job_ids: str) -> None:
        runner.run_all()

    dramatiq.actor(actor_name=WAKE_ACTOR, queue_name=QUEUE, broker=broker)(wake)
