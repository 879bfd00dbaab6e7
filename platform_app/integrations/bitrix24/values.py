"""Bitrix24 values: its contacts, deals, tasks, comments and fields as those of a CRM."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from platform_app.errors import Invalid
from platform_app.integrations import form_trees
from platform_app.integrations.base import CrmChange, CrmHook, CrmRecord, CrmStage
from platform_app.integrations.bitrix24.api import BitrixClient, mapping
from platform_app.integrations.bitrix24.commands import Command, Item, Listing
from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.integration import RecordKind

DEAL_TYPE = 2  # entityTypeId
DONE = "5"  # the status of a task
MULTIFIELDS = {"phones": "PHONE", "emails": "EMAIL"}
NAMES = ("NAME", "SECOND_NAME", "LAST_NAME")
_NOUNS = {"deal": "lead", "contact": "contact"}  # by the name in the timeline
_BINDINGS = {"D": "lead", "C": "contact"}  # before the id in the binding of a task
_TASK_FIELDS = ("ID", "TITLE", "DESCRIPTION", "STATUS", "DEADLINE", "RESPONSIBLE_ID", "CREATED_DATE", "CHANGED_DATE")
CONTACTS = Listing("crm.contact.list", select=("*", "UF_*", "PHONE", "EMAIL"))
DEALS = Listing("crm.deal.list", select=("*", "UF_*"))
TASKS = Listing("tasks.task.list", select=(*_TASK_FIELDS, "UF_CRM_TASK"), id_name="id", within="tasks")
LISTS = {RecordKind.CONTACT: CONTACTS, RecordKind.LEAD: DEALS, RecordKind.TASK: TASKS}
BINDINGS = "contacts"  # in a deal that was read: its contacts, which lists of deals do not have
SUBJECTS = (("deal", DEALS), ("contact", CONTACTS))  # what has comments, by its name in the timeline
HOLDERS = {RecordKind.LEAD: Holder.LEAD, RecordKind.CONTACT: Holder.CONTACT}
_STAGE_KINDS = {"S": StageKind.WON, "F": StageKind.LOST}
FIELD_KINDS = {
    "string": FieldKind.TEXT,
    "url": FieldKind.TEXT,
    "integer": FieldKind.NUMBER,
    "double": FieldKind.NUMBER,
    "money": FieldKind.MONEY,
    "boolean": FieldKind.YES_NO,
    "date": FieldKind.DATE,
    "datetime": FieldKind.DATE,
    "enumeration": FieldKind.CHOICE,
}
_EVENTS = {
    f"{event}{action}": (kind, action == "DELETE")
    for event, kind in (
        ("ONCRMDEAL", RecordKind.LEAD),
        ("ONCRMCONTACT", RecordKind.CONTACT),
        ("ONTASK", RecordKind.TASK),
        ("ONCRMTIMELINECOMMENT", RecordKind.NOTE),
    )
    for action in ("ADD", "UPDATE", "DELETE")
}


@dataclass(frozen=True)
class ApiField:
    """A custom field: how its values are read and written."""

    label: str
    kind: str  # of Bitrix24
    options: Mapping[str, str]  # by id
    is_multiple: bool
    is_read_only: bool

    def read(self, value: Any) -> str:
        """Return a value as fields of the platform store it."""
        if value in (None, "", [], False) and not (self.kind == "boolean" and value is False):
            return ""
        if self.kind == "enumeration":
            given = value if isinstance(value, list) else [value]
            return ", ".join(self.options[str(item)] for item in given if str(item) in self.options)
        if self.kind == "boolean":
            return "yes" if str(value) in ("1", "Y", "True") else "no"
        if self.kind in ("date", "datetime"):
            return str(value)[:10]
        if self.kind in ("double", "money"):
            return _plain_number(str(value).partition("|")[0], places=2 if self.kind == "money" else None)
        return str(value)

    def write(self, text: str) -> Any:
        """Return a stored text as a value, "" for none. Raises ValueError if it is none of the field's choices."""
        if self.kind == "boolean":
            return {"yes": "1", "no": "0"}.get(text, "")
        if self.kind != "enumeration" or not text:
            return text
        ids = {label.casefold(): item_id for item_id, label in self.options.items()}
        given = text.split(",") if self.is_multiple else [text]
        try:
            found = [ids[part.strip().casefold()] for part in given]
        except KeyError as error:
            raise ValueError(text) from error
        return found if self.is_multiple else found[0]


def _plain_number(text: str, *, places: int | None = None) -> str:
    """Return a number with some decimals, or those that it needs; "" for what is none."""
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return ""
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return ""
    return f"{number.normalize():f}" if places is None else f"{number:.{places}f}"


def custom_fields(definitions: Any) -> Iterator[tuple[str, ApiField]]:
    """Yield the custom fields whose values are exchanged, by name; sums have a currency there and are only read."""
    for name, held in definitions.items() if isinstance(definitions, dict) else ():
        if not str(name).startswith("UF_CRM_") or not isinstance(held, dict):
            continue
        kind, is_multiple = str(held.get("type")), bool(held.get("isMultiple"))
        if kind in FIELD_KINDS and (kind == "enumeration" or not is_multiple):
            label = next((str(held[key]) for key in ("formLabel", "listLabel", "title") if held.get(key)), name)
            items = [item for item in held.get("items") or [] if isinstance(item, dict)]
            options = {str(item.get("ID")): str(item.get("VALUE")) for item in items}
            yield name, ApiField(label, kind, options, is_multiple, bool(held.get("isReadOnly")) or kind == "money")


def read_hook(body: bytes) -> CrmHook:
    """Return what a post of an outgoing webhook says; other events have no changes. Raises Invalid if unreadable."""
    try:
        tree = form_trees.parse_tree(body)
    except form_trees.UnreadableForm:
        raise Invalid("The body can’t be read.") from None
    auth, data = mapping(tree, "auth"), mapping(tree, "data")
    kind, is_deletion = _EVENTS.get(str(tree.get("event", "")).upper(), (None, False))
    parts = [data, *(mapping(data, name) for name in ("FIELDS", "FIELDS_AFTER", "FIELDS_BEFORE"))]
    ids = [written for part in parts if isinstance(written := part.get("ID"), str) and written.isdecimal()]
    changes = [CrmChange(kind, ids[0], is_deletion)] if kind and ids and ids[0].isascii() else []
    return CrmHook(str(auth.get("domain", ""))[:100].lower(), changes, str(auth.get("application_token", ""))[:300])


def kept_text(kind: RecordKind, text: str) -> str:
    """Return a text as Bitrix24 keeps it: the title of a task is one line."""
    return " ".join(text.split()) if kind == RecordKind.TASK else text


def subject_of(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the deal or contact that a task or note is about, by its name in the timeline and its id."""
    return ("deal", str(values["lead"])) if values.get("lead") else ("contact", str(values["contact"]))


def task_binding(entity: str, subject: str) -> str:
    """Return what binds a task to a deal or contact."""
    return f"{entity[0].upper()}_{subject}"


def created_id(result: Any) -> str:
    """Return the id of what a call has created, "" if it names none."""
    held = result.get("task") if isinstance(result, dict) else result
    made = str(held.get("id") if isinstance(held, dict) else held)
    return made if made.isascii() and made.isdecimal() else ""


def _instant(written: Any) -> datetime:
    read = datetime.fromisoformat(str(written))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def full_name(item: Item) -> str:
    """Return the name of a contact or member."""
    return " ".join(" ".join(str(item.get(name) or "") for name in NAMES).split())


def _texts(held: Any) -> list[str]:
    return [str(item["VALUE"]) for item in held or [] if isinstance(item, dict) and item.get("VALUE")]


def _reference(value: Any) -> str:
    return "" if value in (None, "", "0", 0) else str(value)


def _record(kind: RecordKind, item: Item, values: dict[str, Any]) -> CrmRecord:
    return CrmRecord(kind, str(item["ID"]), _instant(item["DATE_CREATE"]), _instant(item["DATE_MODIFY"]), values)


def _read_contact(item: Item) -> CrmRecord:
    values: dict[str, Any] = {name: _texts(item.get(api_name)) for name, api_name in MULTIFIELDS.items()}
    return _record(RecordKind.CONTACT, item, values | {"name": full_name(item)})


def _read_deal(item: Item) -> CrmRecord:
    budget = _plain_number(str(item.get("OPPORTUNITY") or 0), places=2) or "0.00"
    values: dict[str, Any] = {"title": str(item.get("TITLE") or ""), "budget": budget, "stage": str(item["STAGE_ID"])}
    main = _reference(item.get("CONTACT_ID"))
    others = [_reference(link.get("CONTACT_ID")) for link in item.get(BINDINGS) or ()]
    values |= {"contact": main, "contacts": sorted({other for other in others if other not in ("", main)})}
    values["responsible"] = _reference(item.get("ASSIGNED_BY_ID"))
    return _record(RecordKind.LEAD, item, values)


def _read_task(item: Item) -> CrmRecord:
    """Return a task, without values if it is bound to no deal or contact."""
    title, more, values = str(item.get("title") or ""), str(item.get("description") or ""), dict[str, Any]()
    bound = [str(one).partition("_") for one in item.get("ufCrmTask") or []]
    subjects = {_BINDINGS[letter]: subject for letter, _, subject in reversed(bound) if letter in _BINDINGS}
    for name in ("lead", "contact"):
        if name in subjects and not values:
            values = {name: subjects[name], "is_done": str(item.get("status")) == DONE}
            values["text"] = more if title.endswith("…") and more.startswith(title[:-1]) else title
            values["due_at"] = _instant(item["deadline"]).astimezone(UTC).isoformat() if item.get("deadline") else ""
            values["responsible"] = _reference(item.get("responsibleId"))
    at = _instant(item["createdDate"])
    return CrmRecord(RecordKind.TASK, str(item["id"]), at, _instant(item.get("changedDate") or at), values)


def _read_comment(item: Item) -> CrmRecord:
    """Return a comment, without values if it has no text or belongs to neither a deal nor a contact."""
    noun, text, at = _NOUNS.get(str(item["ENTITY_TYPE"])), str(item.get("COMMENT") or ""), _instant(item["CREATED"])
    values = {"text": text, noun: str(item["ENTITY_ID"])} if noun and text.strip() else {}
    return CrmRecord(RecordKind.NOTE, str(item["ID"]), at, at, values)


READERS: Mapping[RecordKind, Callable[[Item], CrmRecord]] = {
    RecordKind.CONTACT: _read_contact,
    RecordKind.LEAD: _read_deal,
    RecordKind.TASK: _read_task,
    RecordKind.NOTE: _read_comment,
}


def stages_of(category: int) -> Command:
    """Return the call for the stages of a pipeline in order."""
    place = f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
    return Command("crm.status.list", {"order": {"SORT": "ASC"}, "filter": {"ENTITY_ID": place}})


def with_contacts(client: BitrixClient, deals: Sequence[Item]) -> list[Item]:
    """Return deals with all their contacts: their lists name the main one alone. Raises CrmError if a call fails."""
    linked = [str(deal["ID"]) for deal in deals if deal.get("ID") and to_number(deal.get("CONTACT_ID"))]
    lists = client.whole({deal: Command("crm.deal.contact.items.get", {"id": deal}) for deal in linked})
    return [deal | {BINDINGS: lists.get(str(deal.get("ID")), [])} for deal in deals]


def comments_of(entity: str, subject: str) -> Command:
    """Return the call for the comments of a deal or contact."""
    params = {"filter": {"ENTITY_TYPE": entity, "ENTITY_ID": subject}, "order": {"ID": "ASC"}}
    return Command("crm.timeline.comment.list", params)


def to_number(value: Any) -> int:
    """Return a number of the API, 0 for what is none."""
    return int(value) if str(value).isascii() and str(value).isdecimal() else 0


def read_stage(item: Item) -> CrmStage:
    """Return a stage; its semantics say whether it is won or lost."""
    kind = _STAGE_KINDS.get(str(item.get("SEMANTICS") or ""), StageKind.OPEN)
    return CrmStage(str(item.get("STATUS_ID") or ""), str(item.get("NAME") or ""), kind)
