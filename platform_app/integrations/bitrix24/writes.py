"""Bitrix24 writes: creates and changes contacts, deals, tasks and comments, in batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from platform_app.integrations import crm_messages
from platform_app.integrations.base import FIELD_PREFIX, CrmError, CrmUncertain, CrmWrite, CrmWritten, contacts_of
from platform_app.integrations.bitrix24.api import BATCH_SIZE, BitrixClient
from platform_app.integrations.bitrix24.commands import CREATED, REFERENCE, Command, Item
from platform_app.integrations.bitrix24.errors import PRODUCT
from platform_app.integrations.bitrix24.values import (
    CONTACTS,
    DEAL_TYPE,
    HOLDERS,
    MULTIFIELDS,
    NAMES,
    ApiField,
    created_id,
    kept_text,
    subject_of,
    task_binding,
)
from platform_app.models.integration import RecordKind

SOURCE = "gpt-agents"  # ORIGINATOR_ID of what the platform creates; ORIGIN_ID is its own key
MAX_TITLE = 250  # characters of a task's title
_Plan = tuple[CrmWrite, list[Command]]


class Writer:
    """Writes records of one kind, whose custom fields are `fields`."""

    def __init__(self, client: BitrixClient, fields: Mapping[str, ApiField]) -> None:
        self._client, self._fields = client, fields

    def write(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
        """Write records in batches; after a failure those that were not written are missing in the result.

        Raises CrmError if none was written.
        """
        held, written = self._held_addresses(kind, writes), list[CrmWritten]()
        plans = [(write, write_commands(kind, write, self._api_fields(kind, write, held))) for write in writes]
        for place, part in enumerate(_batches(plans)):
            try:
                if len(part) == 1 and any(command.has_reference for command in part[0][1]):
                    written.append(self._write_alone(*part[0]))
                else:
                    written += self._write_batch(part)
            except CrmError:
                if place == 0:
                    raise
                break
        return written

    def _write_batch(self, part: Sequence[_Plan]) -> list[CrmWritten]:
        """Write records in one request; those are missing of which something is still to be done or found out.

        Raises CrmError if Bitrix24 did nothing, CrmUncertain if all that it did is a part of one record.
        """
        commands = {
            f"w{place}c{number}": command.filled(f"{REFERENCE}[w{place}c0][task][id]")
            for place, (_, own) in enumerate(part)
            for number, command in enumerate(own)
        }
        if not commands:
            return [CrmWritten(write.key, write.external_id) for write, _ in part]
        answers = self._client.batch(commands, creates=not part[0][0].external_id)
        written, waiting = list[CrmWritten](), list[CrmError]()
        for place, (write, own) in enumerate(part):
            keys = [f"w{place}c{number}" for number in range(len(own))]
            failed = [answers.errors[key] for key in keys if key in answers.errors]
            external_id = write.external_id or created_id(answers.results.get(f"w{place}c0"))
            if failed and external_id != write.external_id:
                waiting.insert(0, CrmUncertain(crm_messages.UNCERTAIN, product=PRODUCT))
            elif failed and type(failed[0]) is CrmError:
                written.append(_refused(write, failed[0]))
            elif failed:
                waiting.append(failed[0])
            elif external_id:
                written.append(CrmWritten(write.key, external_id))
        if waiting and not written:
            raise waiting[0]
        return written

    def _write_alone(self, write: CrmWrite, commands: Sequence[Command]) -> CrmWritten:
        """Write a record whose text Bitrix24 would fill with results of other calls in a batch.

        Raises CrmUncertain if it was created and what is to follow failed.
        """
        external_id = write.external_id
        try:
            for command in commands:
                result = self._client.call(command.filled(external_id), creates=not external_id)
                external_id = external_id or created_id(result)
        except CrmError as error:
            if external_id != write.external_id:
                raise CrmUncertain(crm_messages.UNCERTAIN, product=PRODUCT) from error
            if type(error) is not CrmError:
                raise
            return _refused(write, error)
        return CrmWritten(write.key, external_id)

    def _held_addresses(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> dict[str, Item]:
        """Return the numbers and addresses that contacts have, with their ids: a write replaces some of them."""
        ids = [write.external_id for write in writes if write.external_id and MULTIFIELDS.keys() & write.values.keys()]
        if kind != RecordKind.CONTACT or not ids:
            return {}
        listing = replace(CONTACTS, where={"@ID": ids}, select=("ID", *MULTIFIELDS.values()))
        return {str(item.get("ID")): item for item in self._client.everything([listing])[0]}

    def _api_fields(self, kind: RecordKind, write: CrmWrite, held: Mapping[str, Item]) -> Item:
        """Return the fields of a record as the API takes them, without choices that there are not any more."""
        values, fields = write.values, plain_fields(kind, write.values, is_new=not write.external_id)
        for name, api_name in MULTIFIELDS.items():
            if name in values:
                fields[api_name] = multifield(held.get(write.external_id, {}).get(api_name), values[name])
        for name, field in self._fields.items():
            if f"{FIELD_PREFIX}{name}" in values and not field.is_read_only:
                with suppress(ValueError):
                    fields[name] = field.write(str(values[f"{FIELD_PREFIX}{name}"] or ""))
        if kind in HOLDERS and not write.external_id:
            fields |= {"ORIGINATOR_ID": SOURCE, "ORIGIN_ID": write.key}
        if kind == RecordKind.TASK and not write.external_id:
            fields.setdefault("RESPONSIBLE_ID", self._client.user_id)  # a task has to have somebody
        return fields


def write_commands(kind: RecordKind, write: CrmWrite, fields: Item) -> list[Command]:
    """Return the calls that write a record; the first one creates it."""
    values, record = write.values, write.external_id
    if kind == RecordKind.NOTE:
        if record:
            return [Command("crm.timeline.comment.update", {"id": record, "fields": fields})]
        entity, subject = subject_of(values)
        about = {"ENTITY_TYPE": entity, "ENTITY_ID": subject}
        return [Command("crm.timeline.comment.add", {"fields": fields | about})]
    if kind == RecordKind.CONTACT:
        change = Command("crm.contact.update", {"id": record, "fields": fields})
        return ([change] if fields else []) if record else [Command("crm.contact.add", {"fields": fields})]
    if kind == RecordKind.TASK:
        return _task_commands(write, fields)
    if not record:
        stage = str(values.get("stage") or "")
        fields = fields | ({"STAGE_ID": stage, "CATEGORY_ID": _category(stage)} if stage else {})
        contacts = contacts_of(values)
        return [Command("crm.deal.add", {"fields": fields | ({"CONTACT_IDS": contacts} if contacts else {})})]
    commands = [Command("crm.deal.update", {"id": record, "fields": fields})] if fields else []
    if stage := str(values.get("stage") or ""):  # the other method does not change the pipeline
        moved = {"categoryId": _category(stage), "stageId": stage}
        commands.append(Command("crm.item.update", {"entityTypeId": DEAL_TYPE, "id": record, "fields": moved}))
    if not {"contact", "contacts"}.isdisjoint(values):
        commands.append(_contacts_command(write))
    return commands


def _contacts_command(write: CrmWrite) -> Command:
    """Return the call that sets all contacts of a deal, of which one is the main one."""
    contacts = contacts_of({name: write.before.get(name) for name in ("contact", "contacts")} | write.values)
    if not contacts:
        return Command("crm.deal.contact.items.delete", {"id": write.external_id})
    items = [
        {"CONTACT_ID": contact, "SORT": (place + 1) * 10, "IS_PRIMARY": "N" if place else "Y"}
        for place, contact in enumerate(contacts)
    ]
    return Command("crm.deal.contact.items.set", {"id": write.external_id, "items": items})


def _task_commands(write: CrmWrite, fields: Item) -> list[Command]:
    values, record = write.values, write.external_id
    if record:
        commands = [Command("tasks.task.update", {"taskId": record, "fields": fields})] if fields else []
    else:
        about = {"UF_CRM_TASK": [task_binding(*subject_of(values))]}
        commands = [Command("tasks.task.add", {"fields": fields | about})]
    if "is_done" in values and (record or values["is_done"]):
        method = "tasks.task.complete" if values["is_done"] else "tasks.task.renew"
        commands.append(Command(method, {"taskId": record or CREATED}))
    return commands


def plain_fields(kind: RecordKind, values: Mapping[str, Any], *, is_new: bool) -> Item:
    """Return the fields of a record that are written as they are."""
    fields: Item = {}
    if kind == RecordKind.NOTE:
        return {"COMMENT": values["text"]} if "text" in values else {}
    if "title" in values:
        fields["TITLE"] = values["title"]
    if "budget" in values and (float(values["budget"] or 0) or not is_new):  # else by the products of the deal
        fields |= {"OPPORTUNITY": values["budget"], "IS_MANUAL_OPPORTUNITY": "Y"}
    if "name" in values:
        first, *more = str(values["name"]).split() or ["—"]
        fields |= dict(zip(NAMES, (first, " ".join(more[:-1]), " ".join(more[-1:])), strict=True))
    if kind == RecordKind.TASK and "text" in values:
        text = kept_text(kind, values["text"])
        is_long = len(text) > MAX_TITLE
        fields |= {"TITLE": f"{text[: MAX_TITLE - 1]}…", "DESCRIPTION": text} if is_long else {"TITLE": text}
    if "due_at" in values and (values["due_at"] or not is_new):
        fields["DEADLINE"] = values["due_at"]
    if values.get("responsible"):
        fields["RESPONSIBLE_ID" if kind == RecordKind.TASK else "ASSIGNED_BY_ID"] = values["responsible"]
    return fields


def multifield(held: Any, wanted: Sequence[str]) -> list[Item]:
    """Return what makes numbers or addresses those that are wanted, in their order; each keeps its kind."""
    held = [item for item in held or [] if isinstance(item, dict)]
    kinds = {str(item.get("VALUE")): str(item.get("VALUE_TYPE") or "WORK") for item in held}
    kept = [item for item in held if str(item.get("VALUE")) in wanted]
    if [str(item["VALUE"]) for item in kept] != list(wanted[: len(kept)]):
        kept = []  # the order is that in which they were added
    gone = [{"ID": item.get("ID"), "DELETE": "Y"} for item in held if item not in kept]
    added = [{"VALUE": text, "VALUE_TYPE": kinds.get(text, "WORK")} for text in wanted[len(kept) :]]
    return gone + added


def _category(stage: str) -> str:
    """Return the pipeline of a stage: stages of others than the first are called "C7:NEW"."""
    head, colon, _ = stage.partition(":")
    return head[1:] if colon and head[:1] == "C" and head[1:].isdecimal() else "0"


def _batches(plans: Sequence[_Plan]) -> Iterator[list[_Plan]]:
    """Yield writes that go in one request, those whose text is no text in a batch by themselves."""
    part: list[_Plan] = []
    for plan in plans:
        is_alone = any(command.has_reference for command in plan[1])
        if part and (is_alone or sum(len(own) for _, own in part) + len(plan[1]) > BATCH_SIZE):
            yield part
            part = []
        if is_alone:
            yield [plan]
        else:
            part.append(plan)
    if part:
        yield part


def _refused(write: CrmWrite, error: CrmError) -> CrmWritten:
    return CrmWritten(write.key, write.external_id, error.sentence, dict(error.values))
