"""CRM data: what a fake account holds, the events list and the hooks that changes cause."""

from collections.abc import Callable
from threading import RLock
from typing import Any

from platform_app.demo.fake_kommo import hook_trees, sample_account
from platform_app.demo.fake_kommo.fake_clock import FakeClock

Entity = dict[str, Any]
KINDS = ("leads", "contacts", "companies")
SINGULAR = {"leads": "lead", "contacts": "contact", "companies": "company"}
MAX_EVENTS = 200_000


class CrmData:
    """Leads, contacts, companies, tasks and notes. Changes are made by `by`, the id of a member."""

    def __init__(self, clock: FakeClock, tell: Callable[[str, dict[str, Any]], None]) -> None:
        self.clock, self.tell = clock, tell
        self.lock = RLock()
        self.account_id, self.subdomain = 31_000_001, "shop"
        self.pipelines, self.users = sample_account.pipelines(), sample_account.users()
        self.custom_fields = sample_account.custom_fields()
        self.entities: dict[str, dict[int, Entity]] = {kind: {} for kind in (*KINDS, "tasks")}
        self.notes: list[Entity] = []
        self.events: list[Entity] = []
        self.talks: dict[int, Entity] = {}
        self.messages: list[Entity] = []
        self.contact_chats: list[Entity] = []
        self.sources: list[Entity] = []
        self._last_id = 100_000

    def next_id(self) -> int:
        """Return a new id."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def add(self, kind: str, by: int = sample_account.ADMIN, **fields: Any) -> Entity:
        """Add a lead, contact or company, and return it."""
        with self.lock:
            made = self._new(kind, by) | fields
            self.entities[kind][made["id"]] = made
            self.record(f"{SINGULAR[kind]}_added", kind, made, by=by)
        self.tell(f"add_{SINGULAR[kind]}", hook_trees.entity_tree(self, kind, "add", made))
        return made

    def _new(self, kind: str, by: int) -> Entity:
        at = self.clock.now()
        made: Entity = {"id": self.next_id(), "name": "", "responsible_user_id": sample_account.ADMIN, "group_id": 0}
        made |= {"created_by": by, "updated_by": by, "created_at": at, "updated_at": at, "is_deleted": False}
        made |= {"custom_fields_values": None, "tags": [], "contacts": [], "companies": [], "account_id": None}
        if kind == "leads":
            made |= {"price": 0, "pipeline_id": sample_account.SALES, "status_id": sample_account.NEW}
            made |= {"loss_reason_id": None, "closed_at": None, "closest_task_at": None, "score": None}
        if kind == "contacts":
            made |= {"first_name": "", "last_name": ""}
        return made

    def change(self, kind: str, entity_id: int, by: int = sample_account.ADMIN, **fields: Any) -> Entity:
        """Change fields of an entity, and return it; a field that stays as it is causes nothing."""
        with self.lock:
            held = self.entities[kind][entity_id]
            before = {name: held.get(name) for name in fields if held.get(name) != fields[name]}
            if not before:
                return held
            held |= {name: fields[name] for name in before} | {"updated_at": self.clock.now(), "updated_by": by}
            if kind == "leads" and "status_id" in before:
                is_closed = held["status_id"] in (sample_account.WON, sample_account.LOST)
                held["closed_at"] = self.clock.now() if is_closed else None
            self._record_changes(kind, held, before, by)
            trees = hook_trees.change_trees(self, kind, held, before)
        for setting, tree in trees:
            self.tell(setting, tree)
        return held

    def _record_changes(self, kind: str, held: Entity, before: Entity, by: int) -> None:
        if "status_id" in before or "pipeline_id" in before:
            old = {"id": before.get("status_id", held["status_id"])}
            old["pipeline_id"] = before.get("pipeline_id", held["pipeline_id"])
            new = {"id": held["status_id"], "pipeline_id": held["pipeline_id"]}
            values = ([{"lead_status": old}], [{"lead_status": new}])
            self.record("lead_status_changed", kind, held, by=by, values=values)
        if "responsible_user_id" in before:
            self.record("entity_responsible_changed", kind, held, by=by)
        if "price" in before:
            self.record("sale_field_changed", kind, held, by=by)
        if "name" in before:
            self.record("name_field_changed", kind, held, by=by)
        if "tags" in before:
            self.record("entity_tag_added", kind, held, by=by)
        if "custom_fields_values" in before:
            self.record("custom_field_value_changed", kind, held, by=by)
        if {"contacts", "companies"} & before.keys():
            self.record("entity_linked", kind, held, by=by)

    def remove(self, kind: str, entity_id: int, by: int = sample_account.ADMIN) -> None:
        """Delete an entity."""
        with self.lock:
            held = self.entities[kind].pop(entity_id)
            self.record(f"{SINGULAR[kind]}_deleted", kind, held, by=by)
        self.tell(f"delete_{SINGULAR[kind]}", hook_trees.entity_tree(self, kind, "delete", held))

    def add_note(self, kind: str, entity_id: int, by: int = sample_account.ADMIN, **fields: Any) -> Entity:
        """Add a note to an entity, and return it."""
        at = self.clock.now()
        made: Entity = {
            "id": self.next_id(),
            "entity_id": entity_id,
            "created_by": by,
            "updated_by": by,
            "created_at": at,
        }
        made |= {"updated_at": at, "responsible_user_id": by, "note_type": "common", "params": {}} | fields
        with self.lock:
            self.notes.append(made | {"entity_kind": kind})
            self.record(f"{made['note_type']}_note_added", kind, {"id": entity_id}, by=by)
        self.tell(f"note_{SINGULAR[kind]}", hook_trees.note_tree(self, kind, made))
        return made

    def add_task(self, by: int = sample_account.ADMIN, **fields: Any) -> Entity:
        """Add a task, and return it."""
        at = self.clock.now()
        made: Entity = {"id": self.next_id(), "created_by": by, "updated_by": by, "created_at": at, "updated_at": at}
        made |= {"responsible_user_id": sample_account.ADMIN, "group_id": 0, "entity_id": None, "entity_type": None}
        made |= {"text": "", "task_type_id": 1, "complete_till": at + 86_400, "is_completed": False, "duration": 0}
        made |= {"result": []} | fields
        with self.lock:
            self.entities["tasks"][made["id"]] = made
            self.record("task_added", made["entity_type"] or "leads", {"id": made["entity_id"]}, by=by)
        self.tell("add_task", hook_trees.task_tree(self, "add", made))
        return made

    def change_task(self, task_id: int, by: int = sample_account.ADMIN, **fields: Any) -> Entity:
        """Change a task, and return it."""
        with self.lock:
            held = self.entities["tasks"][task_id]
            is_done = bool(fields.get("is_completed")) and not held["is_completed"]
            held |= fields | {"updated_at": self.clock.now(), "updated_by": by}
            if is_done:
                self.record("task_completed", held["entity_type"] or "leads", {"id": held["entity_id"]}, by=by)
        self.tell("update_task", hook_trees.task_tree(self, "update", held))
        return held

    def record(self, kind: str, entity: str, held: Entity, *, by: int, values: tuple[Any, Any] = ((), ())) -> None:
        """Add an entry to the events list, with the values before and after."""
        entry: Entity = {"id": f"01{self.next_id():024d}", "type": kind, "entity_id": held["id"], "created_by": by}
        entry |= {"entity_type": SINGULAR.get(entity, entity), "created_at": self.clock.now()}
        entry |= {"value_before": list(values[0]), "value_after": list(values[1]), "account_id": self.account_id}
        with self.lock:
            self.events.append(entry)
            del self.events[:-MAX_EVENTS]
