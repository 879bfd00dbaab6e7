"""CRM API: the API v4 of the fake (developers.kommo.com/reference, amocrm.ru/developers)."""

import json
import re
from collections.abc import Callable
from typing import Any

from platform_app.demo.fake_kommo import crm_views, listing
from platform_app.demo.fake_kommo.crm_data import KINDS, CrmData
from platform_app.demo.fake_kommo.crm_writes import CrmWrites
from platform_app.demo.fake_kommo.hooks import HookSender, Subscription
from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply

Entity = dict[str, Any]
_KIND = f"({'|'.join(KINDS)})"
MAX_SUBSCRIPTIONS = 100
Route = tuple[str, str, Callable[..., Reply]]  # method, pattern of the path, who answers


class CrmApi:
    """Answers requests below /api/v4/ with the data of an account."""

    def __init__(self, data: CrmData, hooks: HookSender) -> None:
        self.data, self.hooks, self.writes = data, hooks, CrmWrites(data)
        self.written: list[tuple[str, str, Any]] = []  # method, path and body of what was written by the API
        routes = (*self._reads(), *self._changes())
        self._routes = [(method, re.compile(pattern), answer) for method, pattern, answer in routes]

    def _reads(self) -> list[Route]:
        return [
            ("GET", "account", self._account),
            ("GET", "users", self._users),
            ("GET", "leads/pipelines", self._pipelines),
            ("GET", f"{_KIND}/custom_fields", self._custom_fields),
            ("GET", f"{_KIND}/(\\d+)/links", self._links),
            ("GET", f"{_KIND}/(\\d+)/notes", self._notes),
            ("GET", f"{_KIND}/notes", self._notes),
            ("GET", f"{_KIND}/(\\d+)", self._entity),
            ("GET", _KIND, self._entities),
            ("GET", "tasks/(\\d+)", self._task),
            ("GET", "tasks", self._tasks),
            ("GET", "events", self._events),
            ("GET", "talks/(\\d+)", self._show_talk),
            ("GET", "talks", self._list_talks),
            ("GET", "webhooks", self._subscriptions),
            ("GET", "contacts/chats", self._contact_chats),
            ("GET", "sources", self._sources),
        ]

    def _changes(self) -> list[Route]:
        return [
            ("POST", f"{_KIND}/custom_fields", self._add_custom_fields),
            ("POST", f"{_KIND}/(\\d+)/link", self.writes.link),
            ("POST", f"{_KIND}/(\\d+)/unlink", self.writes.unlink),
            ("POST", f"{_KIND}/(\\d+)/notes", self.writes.add_notes),
            ("POST", f"{_KIND}/notes", self.writes.add_notes),
            ("POST", "leads/complex", self.writes.add_complex),
            ("POST", _KIND, self.writes.add),
            ("PATCH", f"{_KIND}/(\\d+)", self.writes.change_one),
            ("PATCH", _KIND, self.writes.change),
            ("POST", "tasks", self.writes.add_tasks),
            ("PATCH", "tasks/(\\d+)", self.writes.change_task),
            ("PATCH", "tasks", self.writes.change_tasks),
            ("POST", "talks/(\\d+)/close", self._close_talk),
            ("POST", "webhooks", self._subscribe),
            ("DELETE", "webhooks", self._unsubscribe),
            ("POST", "contacts/chats", self._add_contact_chats),
            ("POST", "sources", self._add_sources),
        ]

    def answer(self, call: Call) -> Reply:
        """Answer a request. Raises Refusal if it is refused."""
        path = call.path.removeprefix("/api/v4/").rstrip("/")
        for method, pattern, answer in self._routes:
            if method == call.method and (match := pattern.fullmatch(path)):
                body = self._body(call)
                reply = answer(call, body, *match.groups()) if method != "GET" else answer(call, *match.groups())
                if method != "GET":
                    self.written.append((method, path, body))
                return reply
        raise Refusal(404, "Not Found")

    def _body(self, call: Call) -> Any:
        try:
            return json.loads(call.body) if call.body else None
        except ValueError:
            raise Refusal(400, "Bad Request", "The body is not JSON") from None

    def _account(self, call: Call) -> Reply:
        shown = {"id": self.data.account_id, "name": "Bicycle shop", "subdomain": self.data.subdomain, "country": "RU"}
        shown |= {"currency": "EUR", "amojo_id": "cccccccc-0000-4000-8000-000000000001", "current_user_id": 501}
        settings = {"timezone": "Europe/Moscow", "date_format": "d.m.Y", "time_format": "H:i:s"}
        kinds = [{"id": 1, "name": "Follow-up"}, {"id": 2, "name": "Meeting"}]
        return Reply(200, shown | {"_embedded": {"datetime_settings": settings, "task_types": kinds}})

    def _users(self, call: Call) -> Reply:
        return listing.page(call, "users", self.data.users, dict)

    def _pipelines(self, call: Call) -> Reply:
        return Reply(200, {"_total_items": len(self.data.pipelines), "_embedded": {"pipelines": self.data.pipelines}})

    def _custom_fields(self, call: Call, kind: str) -> Reply:
        return listing.page(call, "custom_fields", self.data.custom_fields[kind], dict)

    def _add_custom_fields(self, call: Call, items: Any, kind: str) -> Reply:
        made = [{"id": self.data.next_id(), "code": None, "sort": 1, "is_api_only": False} | item for item in items]
        self.data.custom_fields[kind] += made
        return Reply(200, {"_embedded": {"custom_fields": made}})

    def _entities(self, call: Call, kind: str) -> Reply:
        with self.data.lock:
            held = list(self.data.entities[kind].values())
        return listing.page(call, kind, held, lambda item: crm_views.entity(self.data, kind, item, call.value("with")))

    def _entity(self, call: Call, kind: str, entity_id: str) -> Reply:
        held = self.data.entities[kind].get(int(entity_id))
        if held is None:
            return Reply(204)  # the vendor's answer where there is nothing
        return Reply(200, crm_views.entity(self.data, kind, held, call.value("with")))

    def _links(self, call: Call, kind: str, entity_id: str) -> Reply:
        held = self.data.entities[kind].get(int(entity_id))
        links = [
            {"entity_id": int(entity_id), "entity_type": kind, "to_entity_id": linked, "to_entity_type": to}
            for to in ("contacts", "companies")
            for linked in (held or {}).get(to, [])
        ]
        return Reply(200, {"_embedded": {"links": links}}) if links else Reply(204)

    def _notes(self, call: Call, kind: str, entity_id: str = "") -> Reply:
        ids = {int(entity_id)} if entity_id else None
        notes = [n for n in self.data.notes if n["entity_kind"] == kind and (ids is None or n["entity_id"] in ids)]
        return listing.page(call, "notes", notes, crm_views.note)

    def _task(self, call: Call, task_id: str) -> Reply:
        held = self.data.entities["tasks"].get(int(task_id))
        return Reply(200, held) if held else Reply(204)

    def _tasks(self, call: Call) -> Reply:
        return listing.page(call, "tasks", list(self.data.entities["tasks"].values()), dict)

    def _events(self, call: Call) -> Reply:
        with self.data.lock:
            newest_first = self.data.events[::-1]
        return listing.page(call, "events", newest_first, dict, most=100)

    def _show_talk(self, call: Call, talk_id: str) -> Reply:
        held = self.data.talks.get(int(talk_id))
        if held is None:
            raise Refusal(404, "Not Found")
        return Reply(200, held)

    def _list_talks(self, call: Call) -> Reply:
        return listing.page(call, "talks", list(self.data.talks.values()), dict)

    def _close_talk(self, call: Call, body: Any, talk_id: str) -> Reply:
        self.data.talks[int(talk_id)] |= {"is_in_work": False, "status": "closed"}
        return Reply(202)

    def _subscriptions(self, call: Call) -> Reply:
        return listing.page(call, "webhooks", [vars(one) for one in self.hooks.subscriptions], dict)

    def _subscribe(self, call: Call, body: Any) -> Reply:
        destination, settings = str(body.get("destination", "")), list(body.get("settings") or [])
        if not destination.startswith(("https://", "http://")) or not settings:
            raise Refusal(400, "Bad Request", "destination and settings are needed")
        known = next((one for one in self.hooks.subscriptions if one.destination == destination), None)
        if known is None and len(self.hooks.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Refusal(400, "Bad Request", "Too many webhooks")
        if known is None:
            known = Subscription(self.data.next_id(), destination, settings)
            self.hooks.subscriptions.append(known)
        known.settings, known.disabled, known.bad_answers = settings, False, 0
        return Reply(201, vars(known) | {"account_id": self.data.account_id})

    def _unsubscribe(self, call: Call, body: Any) -> Reply:
        gone = str((body or {}).get("destination", ""))
        self.hooks.subscriptions[:] = [one for one in self.hooks.subscriptions if one.destination != gone]
        return Reply(204)

    def _contact_chats(self, call: Call) -> Reply:
        return listing.page(call, "chats", self.data.contact_chats, dict)

    def _add_contact_chats(self, call: Call, items: Any) -> Reply:
        made = [{"id": self.data.next_id(), "contact_id": i["contact_id"], "chat_id": i["chat_id"]} for i in items]
        self.data.contact_chats += made
        return Reply(200, {"_embedded": {"chats": made}})

    def _sources(self, call: Call) -> Reply:
        return listing.page(call, "sources", self.data.sources, dict)

    def _add_sources(self, call: Call, items: Any) -> Reply:
        made = [{"id": self.data.next_id()} | item for item in items]
        self.data.sources += made
        return Reply(200, {"_embedded": {"sources": made}})
