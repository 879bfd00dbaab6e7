"""Audited rows: the tables whose changes the audit log records, and what it says of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from platform_app.models.agent import Agent
from platform_app.models.api_key import ApiKey
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.bin import BinEntry
from platform_app.models.budget import Budget
from platform_app.models.channel import ChannelAccount
from platform_app.models.embedding_model import EmbeddingModel
from platform_app.models.http_tool import HttpTool
from platform_app.models.integration import CrmConnection
from platform_app.models.invitation import Invitation
from platform_app.models.kommo_chats import KommoChats
from platform_app.models.mail import MailServer
from platform_app.models.mcp_server import McpServer
from platform_app.models.model_provider import ModelProvider
from platform_app.models.outgoing_webhook import OutgoingWebhook
from platform_app.models.person import Member, PasswordReset, Session, Tenant, User
from platform_app.models.reranker import Reranker
from platform_app.models.rule import Rule
from platform_app.models.second_factor import RecoveryCode, SecondFactor
from platform_app.models.secret import Secret
from platform_app.models.sequence import Sequence
from platform_app.models.webhook import IncomingWebhook


@dataclass(frozen=True)
class AuditedTable:
    """What is recorded of the rows of a table. A column that stands nowhere here is not recorded."""

    kind: AuditObject | None  # None: the column `kind` of a row says it
    name: str = "name"  # column with the name; "": none
    created: AuditAction | None = None
    removed: AuditAction | None = None
    shown: tuple[str, ...] = ()  # changes are recorded with the value before and after
    named: tuple[str, ...] = ()  # only that they changed: long, or addresses that may hold a password
    secrets: tuple[str, ...] = ()  # only that a secret was changed
    hashed: str = ""  # the hash of a password: only that it was changed
    switch: str = ""  # on or off
    off_since: str = ""  # a time while it is off
    on_since: str = ""  # a time while it is on
    ended: str = ""  # a time from which it is deleted
    removed_by: str = ""  # any change of it removes the row permanently
    published: str = ""  # the number of the newest version
    user: str = ""  # column with the id of the user it is done to
    by_user: bool = False  # the user does it, if nobody else is known to

    @property
    def watched(self) -> frozenset[str]:
        """Return the columns whose changes are recorded."""
        single = (self.hashed, self.switch, self.off_since, self.on_since, self.ended, self.removed_by)
        named = {*self.shown, *self.named, *self.secrets, *single, self.published}
        return frozenset(named - {""})


_MADE: Mapping[str, Any] = {"created": AuditAction.CREATED, "removed": AuditAction.REMOVED}
_DEFINED: Mapping[str, Any] = {"published": "published_number"}
_KINDS = AuditObject
AUDITED: Mapping[type, AuditedTable] = {
    Tenant: AuditedTable(
        _KINDS.COMPANY,
        created=AuditAction.CREATED,
        shown=(
            *("name", "language", "time_zone", "country", "currency", "stop_on_member_reply", "require_two_factor"),
            "run_days",
        ),
        named=("sending",),
    ),
    User: AuditedTable(
        _KINDS.ACCOUNT, shown=("name", "email"), hashed="password_hash", off_since="disabled_at", user="id"
    ),
    Member: AuditedTable(_KINDS.MEMBER, "", **_MADE, shown=("role",), off_since="disabled_at", user="user_id"),
    Session: AuditedTable(
        _KINDS.SESSION,
        "",
        created=AuditAction.SIGNED_IN,
        removed=AuditAction.SIGNED_OUT,
        user="user_id",
        by_user=True,
    ),
    PasswordReset: AuditedTable(_KINDS.PASSWORD_RESET, "", created=AuditAction.CREATED, user="user_id"),
    SecondFactor: AuditedTable(
        _KINDS.SECOND_FACTOR, "", removed=AuditAction.TURNED_OFF, on_since="confirmed_at", user="user_id"
    ),
    RecoveryCode: AuditedTable(_KINDS.RECOVERY_CODES, "", created=AuditAction.SECRET_CHANGED, user="user_id"),
    Invitation: AuditedTable(_KINDS.INVITATION, "email", **_MADE, shown=("role",), ended="revoked_at"),
    ApiKey: AuditedTable(_KINDS.API_KEY, **_MADE, shown=("name", "role", "scopes"), ended="revoked_at"),
    Secret: AuditedTable(
        _KINDS.SECRET,
        "purpose",
        created=AuditAction.SECRET_CHANGED,
        removed=AuditAction.REMOVED,
        secrets=("sealed",),
    ),
    MailServer: AuditedTable(
        _KINDS.MAIL_SERVER,
        "host",
        **_MADE,
        shown=("host", "port", "security", "user_name", "sender_address", "sender_name"),
    ),
    ModelProvider: AuditedTable(
        _KINDS.MODEL_PROVIDER,
        **_MADE,
        shown=("name", "wire", "transcription_model", "input_price", "output_price", "is_default"),
        named=("base_url",),
    ),
    EmbeddingModel: AuditedTable(_KINDS.EMBEDDING_MODEL, "model", **_MADE, shown=("state",)),
    Reranker: AuditedTable(_KINDS.RERANKER, "model", **_MADE, shown=("model",)),
    Budget: AuditedTable(
        _KINDS.BUDGET,
        **_MADE,
        shown=("name", "scope", "unit", "period", "hard_limit", "soft_percent"),
    ),
    HttpTool: AuditedTable(
        _KINDS.HTTP_TOOL, **_MADE, shown=("name", "method", "effect", "header"), named=("url", "parameters")
    ),
    McpServer: AuditedTable(_KINDS.MCP_SERVER, **_MADE, shown=("name", "header"), named=("url", "tools")),
    CrmConnection: AuditedTable(
        _KINDS.CRM_CONNECTION, **_MADE, shown=("state",), named=("conflict_rules",), off_since="paused_at"
    ),
    KommoChats: AuditedTable(_KINDS.KOMMO_CHATS, "", **_MADE),
    ChannelAccount: AuditedTable(
        _KINDS.CHANNEL_ACCOUNT,
        created=AuditAction.CREATED,
        shown=("name", "is_shadow"),
        named=("settings", "token", "live_stages", "live_tags"),
        switch="enabled",
    ),
    IncomingWebhook: AuditedTable(
        _KINDS.WEBHOOK,
        created=AuditAction.CREATED,
        shown=("name", "signed", "creates_contact"),
        secrets=("address_secret", "secret"),
        switch="enabled",
    ),
    OutgoingWebhook: AuditedTable(
        _KINDS.OUTGOING_WEBHOOK,
        created=AuditAction.CREATED,
        shown=("name", "kinds"),
        named=("url",),
        secrets=("secret",),
        switch="enabled",
    ),
    Agent: AuditedTable(_KINDS.AGENT, **_DEFINED, switch="active"),
    Rule: AuditedTable(_KINDS.RULE, **_DEFINED, switch="enabled"),
    Sequence: AuditedTable(_KINDS.SEQUENCE, **_DEFINED, switch="enabled"),
    BinEntry: AuditedTable(None, created=AuditAction.DELETED, removed=AuditAction.RESTORED, removed_by="expires_at"),
}
NAMELESS = frozenset(
    {AuditObject.CONTACT, AuditObject.LEAD, AuditObject.TASK, AuditObject.CONVERSATION}
)  # of customers: only ids stay
