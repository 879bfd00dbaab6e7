"""CRM: an account of Kommo or amoCRM as a CRM that is connected, on top of the client of its API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from platform_app.errors import Invalid
from platform_app.integrations.base import (
    READ_LIMIT,
    CallEntry,
    CrmAccount,
    CrmChange,
    CrmError,
    CrmField,
    CrmHook,
    CrmPage,
    CrmPipeline,
    CrmRecord,
    CrmStage,
    CrmType,
    CrmUser,
    CrmWrite,
    CrmWritten,
    SubscribableCrm,
)
from platform_app.integrations.kommo import crm_changes, crm_records, crm_writes, lookups
from platform_app.integrations.kommo.client import AccessSource, LongLivedToken
from platform_app.integrations.kommo.crm_client import LoggedClient, translated_errors
from platform_app.integrations.kommo.crm_records import LISTS
from platform_app.integrations.kommo.entities import CustomField
from platform_app.integrations.kommo.hosts import parse_account_host
from platform_app.integrations.oauth_tokens import Access
from platform_app.models.crm import Holder
from platform_app.models.integration import CrmKind, RecordKind

HOOK_SETTINGS = [
    *(f"{action}_{noun}" for noun in ("lead", "contact") for action in ("add", "update", "delete", "restore")),
    *(f"{action}_{noun}" for noun in ("lead", "contact") for action in ("responsible", "note")),
    "status_lead",
    "add_task",
    "update_task",
    "delete_task",
]
_BOT_PATH, _BOT_LEAD = "/api/v2/salesbot/run", 2


class KommoCrm(SubscribableCrm):
    """An account of Kommo or amoCRM."""

    def __init__(self, host: str, source: AccessSource) -> None:
        self._client, self._host = LoggedClient(source), host
        self._definitions: dict[int, CustomField] | None = None
        self._company_names: dict[int, str] = {}

    @property
    def calls(self) -> list[CallEntry]:
        """The calls that were made since they were set to []."""
        return self._client.calls

    @calls.setter
    def calls(self, calls: list[CallEntry]) -> None:
        self._client.calls = calls

    def account(self) -> CrmAccount:
        """Return the account."""
        with translated_errors():
            account = self._client.account()
        return CrmAccount(str(account.id), account.name or account.subdomain, self._host)

    def pipelines(self) -> list[CrmPipeline]:
        """Return the pipelines that are not archived, in order."""
        with translated_errors():
            held = self._client.pipelines()
        shown = sorted((row for row in held if not row.is_archive), key=lambda row: (row.sort, row.id))
        return [
            CrmPipeline(
                str(row.id),
                row.name,
                tuple(
                    CrmStage(crm_records.stage_id(row.id, status.id), status.name, crm_records.stage_kind(status.id))
                    for status in row.statuses
                ),
            )
            for row in shown
        ]

    def users(self) -> list[CrmUser]:
        """Return the members who can sign in."""
        with translated_errors():
            held = self._client.users()
        return [CrmUser(str(user.id), user.name, user.email) for user in held if user.is_active]

    def fields(self) -> list[CrmField]:
        """Return the custom fields of leads and contacts whose values are texts, numbers, dates or choices."""
        shown = [
            CrmField(crm_records.COMPANY, holder, "Company", is_read_only=True)
            for holder in (Holder.LEAD, Holder.CONTACT)
        ]
        with translated_errors():
            for path, holder in (("leads", Holder.LEAD), ("contacts", Holder.CONTACT)):
                fields = self._client.custom_fields(path)
                shown += [crm_records.read_field(row, holder) for row in fields if crm_records.is_exchanged(row)]
        return shown

    def page(self, kind: RecordKind, cursor: str, *, pipelines: Sequence[str] = ()) -> CrmPage:
        """Return a page of records in the order of their ids."""
        lists = LISTS[kind]
        place, _, address = cursor.partition(" ")
        number = int(place or 0)
        path = lists[number].path
        query: dict[str, Any] = {"order[id]": "asc"} | lists[number].query
        if kind == RecordKind.LEAD and pipelines:
            query["filter[pipeline_id][]"] = list(pipelines)
        with translated_errors():
            pages = self._client.resume(address) if address else self._client.linked_pages(path, query)
            page = next(iter(pages), None)
            items = page.items if page else []
            records = crm_records.read_records(kind, items, path, self._companies(kind, items))
        if page is not None and page.next_address:
            return CrmPage(records, f"{number} {page.next_address}")
        return CrmPage(records, f"{number + 1} " if number + 1 < len(lists) else "")

    def read(self, kind: RecordKind, external_ids: Sequence[str]) -> list[CrmRecord]:
        """Return some records as they are now."""
        records: list[CrmRecord] = []
        if not external_ids:
            return records
        with translated_errors():
            for source in LISTS[kind]:
                query = {"filter[id][]": list(external_ids)} | source.query
                for items in self._client.pages(source.path, query):
                    records += crm_records.read_records(kind, items, source.path, self._companies(kind, items))
        wanted = set(external_ids)
        return [record for record in records if record.external_id in wanted]

    def _companies(self, kind: RecordKind, items: list[dict[str, Any]]) -> dict[int, str]:
        """Return the names of the companies of leads or contacts by id; each is asked for once."""
        lacking = [held for held in crm_records.company_ids(kind, items) if held not in self._company_names]
        for start in range(0, len(lacking), READ_LIMIT):
            query = {"filter[id][]": lacking[start : start + READ_LIMIT]}
            for page in self._client.pages("companies", query):
                self._company_names |= {int(item["id"]): str(item.get("name") or "") for item in page}
        return self._company_names

    def changes(self, since: datetime) -> list[CrmChange]:
        """Return what the events list and the lists of tasks and notes say."""
        with translated_errors():
            return crm_changes.list_changes(self._client, int(since.timestamp()))

    def write(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
        """Write records in one request; if Kommo does not take it, each by itself."""
        try:
            return self._write(kind, writes)
        except CrmError as error:
            if type(error) is not CrmError:
                raise
            if len(writes) == 1:
                return [CrmWritten(writes[0].key, error=error.sentence, error_values=dict(error.values))]
        return [written for write in writes for written in self.write(kind, [write])]

    def _write(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
        with translated_errors():
            return crm_writes.send(self._client, kind, writes, self._field_definitions)

    def _field_definitions(self) -> dict[int, CustomField]:
        """Return the custom fields by id; read once."""
        if self._definitions is None:
            paths = ("leads", "contacts")
            self._definitions = {row.id: row for path in paths for row in self._client.custom_fields(path)}
        return self._definitions

    def find_created(self, kind: RecordKind, write: CrmWrite, since: datetime) -> list[str]:
        """Return the ids of records like the values of a write that were created since an instant."""
        at, values = int(since.timestamp()), write.values
        with translated_errors():
            if kind == RecordKind.NOTE:
                path, entity_id = crm_writes.subject_of(values)
                made = lookups.find_note(self._client, path, entity_id, text=values["text"], since=at)
                return [str(made)] if made else []
            if kind == RecordKind.TASK:
                return self._find_tasks(values, at)
            return self._find_entity(kind, values, at)

    def _find_tasks(self, values: dict[str, Any], since: int) -> list[str]:
        """Return tasks with a text; without a time of its own a task was given one when it was created."""
        path, entity_id = crm_writes.subject_of(values)
        query = {"filter[entity_type]": path, "filter[entity_id]": entity_id, "filter[updated_at][from]": since}
        items = [item for page in self._client.pages("tasks", query) for item in page]
        due = values.get("due_at") or ""
        return [
            record.external_id
            for record in crm_records.read_records(RecordKind.TASK, items, "tasks")
            if record.values["text"] == values["text"] and record.created_at >= datetime.fromtimestamp(since, UTC)
            if not due or record.values["due_at"] == due
        ]

    def _find_entity(self, kind: RecordKind, values: dict[str, Any], since: int) -> list[str]:
        source, name = LISTS[kind][0], values.get("title") or values.get("name") or ""
        query = {"query": name, "filter[created_at][from]": since} | source.query
        items = [item for page in self._client.pages(source.path, query) for item in page]
        records = crm_records.read_records(kind, items, source.path)
        named = [record for record in records if name in (record.values.get("title"), record.values.get("name"))]
        return [record.external_id for record in named if record.created_at >= datetime.fromtimestamp(since, UTC)]

    def subscribe(self, address: str) -> None:
        """Have Kommo post changes of leads, contacts and tasks to an address."""
        with translated_errors():
            self._client.post("webhooks", {"destination": address, "settings": HOOK_SETTINGS})

    def unsubscribe(self, address: str) -> None:
        """Have Kommo no longer post to an address."""
        with translated_errors():
            self._client.delete("webhooks", {"destination": address})

    def run_bot(self, bot_id: str, lead_id: str) -> None:
        """Start a Salesbot on a lead."""
        body = [{"bot_id": int(bot_id), "entity_id": int(lead_id), "entity_type": _BOT_LEAD}]
        with translated_errors():
            self._client.post(_BOT_PATH, body)


def _read_hook(body: bytes) -> CrmHook:
    try:
        return crm_changes.read_hook(body)
    except ValueError:
        raise Invalid("The body can’t be read.") from None


_KEY_HELP = (
    "Made there under Settings, Integrations: create a private integration, open “Keys and scopes”, and generate a "
    "long-lived token."
)
KOMMO = CrmType(
    kind=CrmKind.KOMMO,
    label="Kommo / amoCRM",
    description="Contacts, leads, tasks and notes go both ways; what changes there starts your rules.",
    account_label="Address of the account",
    account_help="For example shop.kommo.com or shop.amocrm.ru.",
    token_help=_KEY_HELP,
    parse_access=lambda account, token: (parse_account_host(account), token),
    open=lambda host, token: KommoCrm(host, LongLivedToken(Access(host, token))),
    read_hook=_read_hook,
    signs_in=True,
    budget_places=0,
)
