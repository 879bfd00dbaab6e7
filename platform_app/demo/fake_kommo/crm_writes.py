"""CRM writes: what the API v4 changes; answers come in another order than the items, as only request_id counts."""

from typing import Any

from platform_app.demo.fake_kommo.crm_data import SINGULAR, CrmData, Entity
from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply
from platform_app.demo.fake_kommo.validation import check_items, is_field

ROBOT = 0  # who changes by the API, in the events list
_CHANGED = ("name", "price", "status_id", "pipeline_id", "responsible_user_id", "loss_reason_id", "first_name")


class CrmWrites:
    """Writes of the API v4 to the data of an account. Each raises Refusal if it does not take what is sent."""

    def __init__(self, data: CrmData) -> None:
        self.data = data

    def add(self, call: Call, items: Any, kind: str) -> Reply:
        """Add leads, contacts or companies."""
        made = [self._add(kind, item) for item in check_items(self.data, kind, items)]
        return self._answer(kind, [self._named(item, held) for item, held in zip(items, made, strict=True)])

    def _add(self, kind: str, item: Entity) -> Entity:
        inner = item.get("_embedded") or {}
        fields = {name: item[name] for name in (*_CHANGED, "last_name") if item.get(name) is not None}
        if kind == "contacts" and not fields.get("name"):
            fields["name"] = f"{item.get('first_name', '')} {item.get('last_name', '')}".strip()
        if kind == "leads" and not fields.get("name"):
            fields["name"] = "New lead"
        fields["custom_fields_values"] = self._merged(kind, None, item.get("custom_fields_values"))
        fields["tags"] = self._tags([*(inner.get("tags") or []), *(item.get("tags_to_add") or [])])
        fields["contacts"] = [one["id"] for one in inner.get("contacts") or []]
        fields["companies"] = [one["id"] for one in inner.get("companies") or []]
        if "status_id" in fields and "pipeline_id" not in fields:
            fields["pipeline_id"] = self._pipeline_of(fields["status_id"])
        return self.data.add(kind, by=ROBOT, **fields)

    def _pipeline_of(self, status_id: int) -> int:
        for pipeline in self.data.pipelines:
            if any(status["id"] == status_id for status in pipeline["_embedded"]["statuses"]):
                return int(pipeline["id"])
        return int(self.data.pipelines[0]["id"])

    def change(self, call: Call, items: Any, kind: str) -> Reply:
        """Change leads, contacts or companies by their id."""
        checked = check_items(self.data, kind, items)
        missing = [item.get("id") for item in checked if item.get("id") not in self.data.entities[kind]]
        if missing:
            raise Refusal(404, "Not Found", f"Entities {missing} not found")
        return self._answer(kind, [self._named(item, self._change(kind, item)) for item in checked])

    def change_one(self, call: Call, item: Any, kind: str, entity_id: str) -> Reply:
        """Change a lead, contact or company."""
        reply = self.change(call, [(item or {}) | {"id": int(entity_id)}], kind)
        return Reply(200, reply.body["_embedded"][kind][0])

    def _change(self, kind: str, item: Entity) -> Entity:
        held = self.data.entities[kind][item["id"]]
        fields = {name: item[name] for name in (*_CHANGED, "last_name") if name in item}
        if "status_id" in fields and "pipeline_id" not in fields and fields["status_id"] not in (142, 143):
            fields["pipeline_id"] = self._pipeline_of(fields["status_id"])
        if "custom_fields_values" in item:
            before = held["custom_fields_values"]
            fields["custom_fields_values"] = self._merged(kind, before, item["custom_fields_values"])
        inner = item.get("_embedded") or {}
        if "tags" in inner:
            fields["tags"] = self._tags(inner["tags"] or [])
        if item.get("tags_to_add") or item.get("tags_to_delete"):
            gone = {tag.get("name") for tag in item.get("tags_to_delete") or []}
            kept = [tag for tag in held["tags"] if tag["name"] not in gone]
            fields["tags"] = self._tags([*kept, *(item.get("tags_to_add") or [])])
        return self.data.change(kind, item["id"], by=ROBOT, **fields)

    def _tags(self, given: list[Entity]) -> list[Entity]:
        by_name = {str(tag.get("name")): tag for tag in given if tag.get("name")}
        return [{"id": abs(hash(name)) % 10**6, "name": name, "color": None} for name in by_name]

    def _merged(self, kind: str, before: list[Entity] | None, given: list[Entity] | None) -> list[Entity] | None:
        """Return the values of all fields; a field that is written loses the values it had, null clears it."""
        held = {item["field_id"]: item for item in before or []}
        for item in given or []:
            field = next(field for field in self.data.custom_fields[kind] if is_field(field, item))
            held.pop(field["id"], None)
            if item.get("values"):
                about = {"field_id": field["id"], "field_name": field["name"], "field_code": field["code"]}
                values = [self._value(field, value) for value in item["values"]]
                held[field["id"]] = about | {"field_type": field["type"], "values": values}
        return list(held.values()) or None

    def _value(self, field: Entity, value: Entity) -> Entity:
        for option in field.get("enums") or []:
            if value.get("enum_id") == option["id"] or value.get("value") == option["value"]:
                return {"value": option["value"], "enum_id": option["id"], "enum_code": None}
        return value

    def add_complex(self, call: Call, items: Any) -> Reply:
        """Add leads, each with a contact and a company."""
        answers = []
        for item in check_items(self.data, "leads", items):
            inner = item.get("_embedded") or {}
            contacts = [held.get("id") or self._add("contacts", held)["id"] for held in inner.get("contacts") or []]
            companies = [held.get("id") or self._add("companies", held)["id"] for held in inner.get("companies") or []]
            linked = {"contacts": [{"id": n} for n in contacts], "companies": [{"id": n} for n in companies]}
            lead = self._add("leads", item | {"_embedded": inner | linked})
            made = {"id": lead["id"], "contact_id": contacts[0] if contacts else None, "merged": False}
            made |= {"company_id": companies[0] if companies else None}
            answers.append(made | {"request_id": [item.get("request_id")]})
        return Reply(200, answers)

    def add_notes(self, call: Call, items: Any, kind: str, entity_id: str = "") -> Reply:
        """Add notes to entities."""
        answers = []
        for item in check_items(self.data, "notes", items):
            target = int(entity_id or item.get("entity_id") or 0)
            if target not in self.data.entities[kind]:
                raise Refusal(404, "Not Found", "Entity not found")
            fields = {"note_type": item.get("note_type", "common"), "params": item.get("params") or {}}
            note = self.data.add_note(kind, target, by=ROBOT, **fields)
            answers.append(self._named(item, note) | {"entity_id": target})
        return self._answer("notes", answers)

    def add_tasks(self, call: Call, items: Any) -> Reply:
        """Add tasks."""
        names = ("entity_id", "entity_type", "text", "complete_till", "task_type_id", "responsible_user_id")
        answers = []
        for item in check_items(self.data, "tasks", items):
            fields = {name: item[name] for name in names if item.get(name) is not None}
            answers.append(self._named(item, self.data.add_task(by=ROBOT, **fields)))
        return self._answer("tasks", answers)

    def change_task(self, call: Call, item: Any, task_id: str) -> Reply:
        """Change a task."""
        if int(task_id) not in self.data.entities["tasks"]:
            raise Refusal(404, "Not Found")
        fields = {name: value for name, value in item.items() if name not in ("id", "request_id")}
        held = self.data.change_task(int(task_id), by=ROBOT, **fields)
        return Reply(200, {"id": held["id"], "updated_at": held["updated_at"]})

    def change_tasks(self, call: Call, items: Any) -> Reply:
        """Change tasks by their id."""
        answers = [self.change_task(call, item, str(item.get("id", 0))).body for item in items]
        return self._answer("tasks", answers)

    def link(self, call: Call, items: Any, kind: str, entity_id: str) -> Reply:
        """Link an entity to others."""
        for item in items:
            owner, to, linked, others = self._link(item, kind, int(entity_id))
            is_main = (item.get("metadata") or {}).get("is_main")
            self._set_links(owner, {to: [linked, *others] if is_main else [*others, linked]})
        return Reply(200, {"_embedded": {"links": items}})

    def unlink(self, call: Call, items: Any, kind: str, entity_id: str) -> Reply:
        """Take links of an entity to others away."""
        for item in items:
            owner, to, _, others = self._link(item, kind, int(entity_id))
            self._set_links(owner, {to: others})
        return Reply(204)

    def _set_links(self, owner: tuple[str, int], links: Entity) -> None:
        self.data.change(owner[0], owner[1], by=ROBOT, **links)

    def _link(self, item: Entity, kind: str, entity_id: int) -> tuple[tuple[str, int], str, int, list[int]]:
        """Return who holds a link, under which name, to which id, and its other links; a lead holds its contacts."""
        to, linked = item.get("to_entity_type"), item.get("to_entity_id")
        if entity_id not in self.data.entities[kind]:
            raise Refusal(404, "Not Found")
        if to not in SINGULAR or linked not in self.data.entities[to]:
            raise Refusal(400, "Bad Request", "Entity to link not found")
        if to == "leads":
            kind, entity_id, to, linked = "leads", linked, kind, entity_id
        others = [held for held in self.data.entities[kind][entity_id][to] if held != linked]
        return (kind, entity_id), to, linked, others

    def _named(self, item: Entity, held: Entity) -> Entity:
        named = {"id": held["id"], "updated_at": held["updated_at"]}
        return named | {"request_id": str(item["request_id"])} if "request_id" in item else named

    def _answer(self, kind: str, answers: list[Entity]) -> Reply:
        return Reply(200, {"_links": {}, "_embedded": {kind: answers[::-1]}})
