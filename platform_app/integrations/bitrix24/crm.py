"""Bitrix24: a portal of Bitrix24 as a CRM that is connected by an incoming webhook.

A lead of the platform is a deal there: deals alone have pipelines with stages. Notes are comments of the timeline, and
tasks are those that are bound to a deal or contact.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from platform_app.integrations import crm_messages
from platform_app.integrations.base import (
    FIELD_PREFIX,
    CallEntry,
    Crm,
    CrmAccount,
    CrmChange,
    CrmError,
    CrmField,
    CrmPage,
    CrmPipeline,
    CrmRecord,
    CrmType,
    CrmUser,
    CrmWrite,
    CrmWritten,
)
from platform_app.integrations.bitrix24.api import BATCH_SIZE, BitrixClient, mapping
from platform_app.integrations.bitrix24.commands import Command, Item, parse_address
from platform_app.integrations.bitrix24.errors import LACKING_SCOPE, PRODUCT
from platform_app.integrations.bitrix24.values import (
    CONTACTS,
    DEAL_TYPE,
    DEALS,
    FIELD_KINDS,
    HOLDERS,
    LISTS,
    READERS,
    SUBJECTS,
    TASKS,
    ApiField,
    comments_of,
    custom_fields,
    full_name,
    kept_text,
    read_hook,
    read_stage,
    stages_of,
    subject_of,
    task_binding,
    to_number,
    with_contacts,
)
from platform_app.integrations.bitrix24.writes import SOURCE, Writer
from platform_app.models.crm import FieldKind
from platform_app.models.integration import CrmKind, RecordKind

_SCOPES = {"crm": ("crm",), "task": ("task", "tasks"), "user": ("user", "user_basic", "user_brief")}


class BitrixCrm(Crm):
    """A portal of Bitrix24."""

    def __init__(self, host: str, code: str) -> None:
        self.calls: list[CallEntry] = []
        self._client = BitrixClient(host, code, note=lambda entry: self.calls.append(entry))
        self._fields: dict[RecordKind, dict[str, ApiField]] = {}
        self._has_activity_times = False

    def account(self) -> CrmAccount:
        """Return the portal. Raises CrmError with the rights that the webhook lacks."""
        held = self._client.results({"scope": Command("scope")}).get("scope")
        scopes = {str(scope) for scope in held} if isinstance(held, list) else set[str]()
        lacking = [name for name, enough in _SCOPES.items() if not scopes & set(enough)]
        if lacking:
            raise CrmError(LACKING_SCOPE, product=PRODUCT, scopes=", ".join(lacking))
        return CrmAccount(self._client.host, self._client.host, self._client.host)

    def pipelines(self) -> list[CrmPipeline]:
        """Return the pipelines of deals in order."""
        held = self._client.call(Command("crm.category.list", {"entityTypeId": DEAL_TYPE}))
        rows = [row for row in mapping(held, "categories").values() if isinstance(row, dict)]
        keys = [(to_number(row.get("sort")), to_number(row.get("id"))) for row in rows]
        shown = sorted((*key, str(row.get("name") or "")) for key, row in zip(keys, rows, strict=True))
        stages = self._client.whole({f"c{number}": stages_of(number) for _, number, _ in shown})
        return [
            CrmPipeline(str(number), name, tuple(map(read_stage, stages[f"c{number}"]))) for _, number, name in shown
        ]

    def users(self) -> list[CrmUser]:
        """Return the members who can sign in."""
        command = Command("user.get", {"FILTER": {"ACTIVE": "true", "USER_TYPE": "employee"}})
        rows = self._client.whole({"users": command})["users"]
        return [CrmUser(str(row["ID"]), full_name(row), str(row.get("EMAIL") or "")) for row in rows if row.get("ID")]

    def fields(self) -> list[CrmField]:
        """Return the custom fields of deals and contacts; sums are not written, since they have a currency there."""
        return [
            CrmField(
                name,
                HOLDERS[kind],
                field.label,
                FieldKind.TEXT if field.is_multiple else FIELD_KINDS[field.kind],
                () if field.is_multiple else tuple(label[:80] for label in field.options.values()),
                field.is_read_only,
            )
            for kind, fields in self._definitions().items()
            for name, field in fields.items()
        ]

    def _definitions(self) -> dict[RecordKind, dict[str, ApiField]]:
        """Return the custom fields of deals and contacts by name; read once."""
        if not self._fields:
            names = {RecordKind.LEAD: "crm.deal.fields", RecordKind.CONTACT: "crm.contact.fields"}
            held = self._client.results({kind.value: Command(method) for kind, method in names.items()})
            self._fields = {kind: dict(custom_fields(held.get(kind.value))) for kind in names}
            self._has_activity_times = all("LAST_ACTIVITY_TIME" in (held.get(kind.value) or {}) for kind in names)
        return self._fields

    def page(self, kind: RecordKind, cursor: str, *, pipelines: Sequence[str] = ()) -> CrmPage:
        """Return up to 250 records in the order of their ids, or the comments of as many deals or contacts."""
        if kind == RecordKind.NOTE:
            return self._page_of_comments(cursor)
        listing = LISTS[kind]
        if kind == RecordKind.LEAD and pipelines:
            listing = replace(listing, where={"@CATEGORY_ID": list(pipelines)})
        items, after = self._client.pages(listing, cursor or "0")
        return CrmPage(self._records(kind, items), after)

    def _page_of_comments(self, cursor: str) -> CrmPage:
        """Return the comments of the next deals or contacts: comments cannot be listed by themselves."""
        place, _, after = (cursor or "0 0").partition(" ")
        entity, listing = SUBJECTS[int(place)]
        items, after = self._client.pages(replace(listing, select=("ID",)), after)
        records = self._comments([(entity, str(item["ID"])) for item in items])
        if after:
            return CrmPage(records, f"{place} {after}")
        return CrmPage(records, f"{int(place) + 1} 0" if int(place) + 1 < len(SUBJECTS) else "")

    def _comments(self, subjects: Sequence[tuple[str, str]], since: datetime | None = None) -> list[CrmRecord]:
        """Return the comments of deals and contacts, or those since an instant."""
        lists = self._client.whole({f"{entity}{ident}": comments_of(entity, ident) for entity, ident in subjects})
        records = self._records(RecordKind.NOTE, [item for items in lists.values() for item in items])
        return [record for record in records if since is None or record.created_at >= since]

    def read(self, kind: RecordKind, external_ids: Sequence[str]) -> list[CrmRecord]:
        """Return some records as they are now. Raises CrmError if a call fails."""
        ids = [external_id for external_id in external_ids if external_id.isascii() and external_id.isdecimal()]
        parts = [ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE)]
        items: list[Item] = []
        if kind == RecordKind.NOTE:
            for part in parts:
                commands = {f"n{note}": Command("crm.timeline.comment.get", {"id": note}) for note in part}
                answers = self._client.batch(commands)
                for error in answers.errors.values():
                    if type(error) is not CrmError or error.sentence == crm_messages.DENIED:  # else it is not there
                        raise error
                items += [item for item in answers.results.values() if isinstance(item, dict)]
        elif parts:
            name = "ID" if kind == RecordKind.TASK else "@ID"
            listings = [replace(LISTS[kind], where={name: part}) for part in parts]
            held = self._client.results({f"r{place}": listing.page("0") for place, listing in enumerate(listings)})
            items = [item for result in held.values() for item in LISTS[kind].items(result)]
        return self._records(kind, items)

    def _records(self, kind: RecordKind, items: Sequence[Item]) -> list[CrmRecord]:
        """Return items as records, without those that cannot be read or are bound to no deal or contact."""
        fields = self._definitions().get(kind, {}) if items and kind in HOLDERS else {}
        items = with_contacts(self._client, items) if kind == RecordKind.LEAD else items
        records: list[CrmRecord] = []
        for item in items:
            try:
                record = READERS[kind](item)
                values = {f"{FIELD_PREFIX}{name}": field.read(item.get(name)) for name, field in fields.items()}
            except (KeyError, TypeError, ValueError):
                continue
            records += [replace(record, values=record.values | values)] if record.values else []
        return records

    def changes(self, since: datetime) -> list[CrmChange]:
        """Return what was changed since an instant, but not what was deleted: that is posted alone."""
        self._definitions()
        at, kinds = since.astimezone(UTC).isoformat(timespec="seconds"), tuple(LISTS)
        listings = [
            replace(CONTACTS, where={">=DATE_MODIFY": at}, select=("ID", "DATE_MODIFY")),
            replace(DEALS, where={">=DATE_MODIFY": at}, select=("ID", "DATE_MODIFY")),
            replace(TASKS, where={">=CHANGED_DATE": at}, select=("ID", "CHANGED_DATE", "UF_CRM_TASK")),
        ]
        if self._has_activity_times:  # else a filter by them is ignored
            active = {">=LAST_ACTIVITY_TIME": at}
            listings += [replace(listing, where=active, select=("ID",)) for _, listing in SUBJECTS]
        lists = self._client.everything(listings)
        dated = [
            (str(item.get("DATE_MODIFY") or item.get("changedDate") or ""), CrmChange(kind, str(item[listing.id_name])))
            for kind, listing, items in zip(kinds, listings, lists, strict=False)
            for item in items
            if kind != RecordKind.TASK or item.get("ufCrmTask")
        ]
        dated.sort(key=lambda pair: pair[0])
        pairs = zip(SUBJECTS, lists[len(kinds) :], strict=False)
        subjects = [(entity, str(item["ID"])) for (entity, _), items in pairs for item in items]
        notes = self._comments(subjects, since) if subjects else []
        return [change for _, change in dated] + [CrmChange(RecordKind.NOTE, note.external_id) for note in notes]

    def write(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
        """Write records in batches; after a failure those that were not written are missing in the result."""
        return Writer(self._client, self._definitions().get(kind, {})).write(kind, writes)

    def find_created(self, kind: RecordKind, write: CrmWrite, since: datetime) -> list[str]:
        """Return the ids of deals and contacts with our key, or of tasks and comments with the text, since then."""
        if kind in HOLDERS:
            where = {"ORIGINATOR_ID": SOURCE, "ORIGIN_ID": write.key}
            items = self._client.everything([replace(LISTS[kind], where=where)])[0]
            return [str(item["ID"]) for item in items if item.get("ORIGIN_ID") == write.key]
        entity, subject = subject_of(write.values)
        if kind == RecordKind.NOTE:
            records = self._comments([(entity, subject)], since)
        else:
            at = since.astimezone(UTC).isoformat(timespec="seconds")
            where = {"UF_CRM_TASK": task_binding(entity, subject), ">=CREATED_DATE": at}
            records = self._records(kind, self._client.everything([replace(TASKS, where=where)])[0])
        noun = "lead" if write.values.get("lead") else "contact"
        wanted = {"text": kept_text(kind, write.values["text"]), noun: write.values[noun]}
        return [record.external_id for record in records if wanted.items() <= record.values.items()]

    def run_bot(self, bot_id: str, lead_id: str) -> None:
        """Start a workflow on a deal, by the number of its template."""
        document = ["crm", "CCrmDocumentDeal", f"DEAL_{int(lead_id)}"]
        params = {"TEMPLATE_ID": int(bot_id), "DOCUMENT_ID": document}
        self._client.call(Command("bizproc.workflow.start", params), creates=True)


_WEBHOOK_HELP = (
    "Made in Bitrix24 by an administrator under Applications, Developer resources, Other, Incoming webhook, with the "
    "rights CRM, Tasks and Users."
)
BITRIX24 = CrmType(
    kind=CrmKind.BITRIX24,
    label="Bitrix24",
    description="Contacts, leads, tasks and notes go both ways; what changes there starts your rules.",
    token_help=_WEBHOOK_HELP,
    parse_access=lambda _, address: parse_address(address),
    open=BitrixCrm,
    read_hook=read_hook,
    key_label="Address of the incoming webhook",
    posts_help="In Bitrix24, add an outgoing webhook with this address and the events of deals, contacts, tasks and "
    "timeline comments. Without it, deletions there aren’t noticed here.",
    lacking=frozenset(["tags"]),
)
