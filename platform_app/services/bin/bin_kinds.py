"""Bin kinds: what the bin knows of each kind of row that can be deleted and restored."""

from collections.abc import Mapping
from dataclasses import dataclass

from platform_app.models.bin import BinKind
from platform_app.models.event import ActivityKind


@dataclass(frozen=True)
class DeletableKind:
    """A kind of row in the bin; its words are message ids."""

    label: str
    activity: ActivityKind  # of what is recorded
    path: str  # of a row's page below /manage/{tenant}, with a place for its id; "": it has none
    restored: str  # recorded when a row is restored, with a place for its name
    removed: str  # recorded when it is deleted for good
    columns: tuple[str, ...]  # names of columns of other tables with the id of such a row, also without a foreign key
    is_for_admins: bool = False  # only owners and admins delete and restore it


KINDS: Mapping[BinKind, DeletableKind] = {
    BinKind.AGENT: DeletableKind(
        "Agent",
        ActivityKind.AGENT,
        "/agents/{id}",
        restored="Agent “{name}” restored",
        removed="Agent “{name}” permanently deleted",
        columns=("agent_id",),
    ),
    BinKind.SCRIPT: DeletableKind(
        "Script",
        ActivityKind.AGENT,
        "",
        restored="Script “{name}” restored",
        removed="Script “{name}” permanently deleted",
        columns=("script_id",),
    ),
    BinKind.RULE: DeletableKind(
        "Rule",
        ActivityKind.RULE,
        "/rules/{id}",
        restored="Rule “{name}” restored",
        removed="Rule “{name}” permanently deleted",
        columns=("rule_id",),
    ),
    BinKind.SEQUENCE: DeletableKind(
        "Sequence",
        ActivityKind.SEQUENCE,
        "/sequences/{id}",
        restored="Sequence “{name}” restored",
        removed="Sequence “{name}” permanently deleted",
        columns=("sequence_id",),
    ),
    BinKind.CONTACT: DeletableKind(
        "Contact",
        ActivityKind.PERSON,
        "/contacts/{id}",
        restored="Contact “{name}” restored",
        removed="Contact “{name}” permanently deleted",
        columns=("contact_id", "subject_id"),
    ),
    BinKind.LEAD: DeletableKind(
        "Lead",
        ActivityKind.PERSON,
        "/leads/{id}",
        restored="Lead “{name}” restored",
        removed="Lead “{name}” permanently deleted",
        columns=("lead_id", "subject_id"),
    ),
    BinKind.TASK: DeletableKind(
        "Task",
        ActivityKind.PERSON,
        "/tasks?task={id}",
        restored="Task “{name}” restored",
        removed="Task “{name}” permanently deleted",
        columns=(),
    ),
    BinKind.CONVERSATION: DeletableKind(
        "Conversation",
        ActivityKind.CONVERSATION,
        "/test-chat?c={id}",
        restored="Conversation “{name}” restored",
        removed="Conversation “{name}” permanently deleted",
        columns=("conversation_id", "subject_id"),
    ),
    BinKind.SOURCE: DeletableKind(
        "Source",
        ActivityKind.KNOWLEDGE,
        "/knowledge/{id}",
        restored="Source “{name}” restored",
        removed="Source “{name}” permanently deleted",
        columns=("source_id", "replaces"),
    ),
    BinKind.CATEGORY: DeletableKind(
        "Category",
        ActivityKind.KNOWLEDGE,
        "/knowledge",
        restored="Category “{name}” restored",
        removed="Category “{name}” permanently deleted",
        columns=("category_id", "parent_id"),
    ),
    BinKind.SITE: DeletableKind(
        "Web address",
        ActivityKind.KNOWLEDGE,
        "/knowledge/sites/{id}",
        restored="Web address “{name}” restored",
        removed="Web address “{name}” permanently deleted",
        columns=("site_id",),
    ),
    BinKind.WEBHOOK: DeletableKind(
        "Webhook",
        ActivityKind.INTEGRATION,
        "/webhooks/{id}",
        restored="Webhook “{name}” restored",
        removed="Webhook “{name}” permanently deleted",
        columns=("webhook_id",),
        is_for_admins=True,
    ),
    BinKind.OUTGOING_WEBHOOK: DeletableKind(
        "Outgoing webhook",
        ActivityKind.INTEGRATION,
        "/webhooks/outgoing/{id}",
        restored="Webhook “{name}” restored",
        removed="Webhook “{name}” permanently deleted",
        columns=("outgoing_id",),
        is_for_admins=True,
    ),
    BinKind.CHANNEL_ACCOUNT: DeletableKind(
        "Channel account",
        ActivityKind.INTEGRATION,
        "/settings/channels/{id}",
        restored="Channel account “{name}” restored",
        removed="Channel account “{name}” permanently deleted",
        columns=("account_id",),
        is_for_admins=True,
    ),
}
