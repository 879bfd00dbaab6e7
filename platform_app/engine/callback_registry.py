"""Callback registry: registers the callbacks of each kind of job."""

from types import ModuleType

from platform_app.db import Transaction
from platform_app.engine.rules import rule_runs
from platform_app.engine.sequences import step_calls
from platform_app.engine.tools import action_tools
from platform_app.job_callbacks import CALLBACKS, OTHER_KINDS, JobCallbacks
from platform_app.jobs import RebuildIndex
from platform_app.models.event import ActivityKind
from platform_app.models.job import JobState
from platform_app.services.channels import attachments, chat_answer_mail, outbound, waiting_updates
from platform_app.services.chat import knowledge_tool, media_reading, reply_jobs
from platform_app.services.crm import import_job
from platform_app.services.embedding import provider_embedder
from platform_app.services.feed import activity
from platform_app.services.integrations import exchange
from platform_app.services.knowledge import index_rebuild, site_jobs, source_jobs
from platform_app.services.mail import invitation_mail, notification_mail, password_reset_mail, two_factor_mail
from platform_app.services.tenants import tenant_exports
from platform_app.services.tools import http_tools, mcp_servers
from platform_app.services.webhooks import outgoing_deliveries

_MODULES: dict[str, ModuleType] = {  # with the functions on_failure, on_retry and payload_from_keys
    "read_site": site_jobs,
    "import_contacts": import_job,
    "exchange_crm": exchange,
    "take_step": step_calls,
    "reply": reply_jobs,
    "read_updates": waiting_updates,
    "deliver_message": outbound,
    "send_chat_answers": chat_answer_mail,
    "send_webhook": outgoing_deliveries,
    "send_invitation": invitation_mail,
    "send_password_reset": password_reset_mail,
    "send_two_factor_reset": two_factor_mail,
    "send_notification": notification_mail,
    "export_tenant": tenant_exports,
}


def register_callbacks() -> None:
    """Register the callbacks, the tools of agents and the embedders of tenants in this process.

    Workers and the console call it.
    """
    action_tools.register_tools()
    knowledge_tool.register_tools()
    http_tools.register_tools()
    mcp_servers.register_tools()
    media_reading.register_fetch(attachments.fetch)
    provider_embedder.register()
    CALLBACKS["index_source"] = JobCallbacks(
        source_jobs.on_indexing_failure, source_jobs.on_indexing_retry, source_jobs.indexing_payload_from_keys
    )
    CALLBACKS["remove_source"] = JobCallbacks(
        source_jobs.on_removal_failure, source_jobs.on_removal_retry, source_jobs.removal_payload_from_keys
    )
    CALLBACKS["rebuild_index"] = JobCallbacks(
        index_rebuild.on_failure, index_rebuild.on_retry, lambda session, job: RebuildIndex()
    )
    CALLBACKS["handle_event"] = JobCallbacks(rule_runs.on_failure, rule_runs.on_retry)
    for kind, module in _MODULES.items():
        CALLBACKS[kind] = JobCallbacks(module.on_failure, module.on_retry, module.payload_from_keys)
    CALLBACKS["send_digest"] = JobCallbacks(
        notification_mail.on_failure, notification_mail.on_retry, notification_mail.digest_from_keys
    )
    CALLBACKS[OTHER_KINDS] = JobCallbacks(_on_other_failure, lambda session, tenant_id, payload: None)


def _on_other_failure(
    session: Transaction, tenant_id: str, kind: str, *, state: JobState, sentence: str, values: dict[str, str]
) -> None:
    """Record an activity about the failure of a job of an unknown kind."""
    told, reason = "Background job “{job}” failed: {reason}", sentence.format_map(values)
    link = f"/jobs?state={state.value}"
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, job=kind, reason=reason)
