"""Team channel: a messenger that the team has connected in Kommo, with customers who write there."""

import secrets
from collections.abc import Callable
from typing import Any

from platform_app.demo.fake_kommo import hook_trees, sample_account
from platform_app.demo.fake_kommo.crm_data import CrmData, Entity

INCOMING, OUTGOING = "incoming_chat_message", "outgoing_chat_message"
BOT = 0  # who wrote, in the events list
TEXT_LIMIT = 4_096  # characters of one message of the messenger


class TeamChannel:
    """Customers, their chats, and what they have received; `on_message` is told of each message of a customer."""

    def __init__(self, data: CrmData) -> None:
        self.data = data
        self.received: dict[int, list[str]] = {}  # texts of bots and managers, by the id of the lead
        self.on_message: Callable[[Entity], object] = lambda message: None

    def customer(self, name: str = "Olga", phone: str = "+7 900 000-00-01") -> int:
        """Add a contact and a lead of a customer; return the id of the lead."""
        values = {"field_id": sample_account.PHONE, "field_code": "PHONE", "field_name": "Phone"}
        phones = values | {"field_type": "multitext", "values": [{"value": phone, "enum_code": "WORK"}]}
        contact = self.data.add("contacts", name=name, first_name=name, custom_fields_values=[phones])
        return int(self.data.add("leads", name=f"Lead of {name}", contacts=[contact["id"]])["id"])

    def write(self, lead_id: int, text: str) -> Entity:
        """Let a customer write a message; return it."""
        chat, is_new = self._chat(lead_id)
        message = self._message(chat, text) | {"type": "incoming", "id": secrets.token_hex(16)}
        with self.data.lock:
            self.data.messages.append(message)
            chat |= {"updated_at": self.data.clock.now(), "is_read": False}
        self._record(INCOMING, chat, message, by=BOT)
        action = "add" if is_new else "update"
        self.data.tell(f"{action}_talk", hook_trees.talk_tree(self.data, action, chat))
        self.data.tell("add_message", hook_trees.message_tree(self.data, message))
        self.on_message(message)
        return message

    def manager_writes(self, lead_id: int, text: str, by: int = sample_account.SELLER) -> None:
        """Let a manager answer in Kommo; the events list tells, no hook does."""
        chat, _ = self._chat(lead_id)
        self._deliver(chat, text, by=by)

    def bot_writes(self, lead_id: int, text: str) -> None:
        """Let a bot answer."""
        chat, _ = self._chat(lead_id)
        self._deliver(chat, text, by=BOT)

    def _deliver(self, chat: Entity, text: str, *, by: int) -> None:
        message = self._message(chat, text[:TEXT_LIMIT]) | {"type": "outgoing", "id": secrets.token_hex(16)}
        with self.data.lock:
            self.data.messages.append(message | {"by": by})
            self.received.setdefault(chat["entity_id"], []).append(message["text"])
        self._record(OUTGOING, chat, message, by=by)

    def _chat(self, lead_id: int) -> tuple[Entity, bool]:
        with self.data.lock:
            for held in self.data.talks.values():
                if held["entity_id"] == lead_id:
                    return held, False
            lead = self.data.entities["leads"][lead_id]
            made: Entity = {"talk_id": self.data.next_id(), "chat_id": secrets.token_hex(16), "origin": "telegram"}
            made |= {"id": made["talk_id"], "contact_id": lead["contacts"][0] if lead["contacts"] else None}
            made |= {"entity_id": lead_id, "entity_type": "lead", "is_in_work": True, "is_read": False, "rate": 0}
            made |= {"created_at": self.data.clock.now(), "updated_at": self.data.clock.now()}
            self.data.talks[made["talk_id"]] = made
            return made, True

    def _message(self, chat: Entity, text: str) -> Entity:
        contact = self.data.entities["contacts"].get(chat["contact_id"] or 0, {})
        about: dict[str, Any] = {name: chat[name] for name in ("chat_id", "talk_id", "contact_id", "entity_id")}
        about |= {"text": text, "created_at": self.data.clock.now(), "entity_type": "lead", "element_type": 2}
        about |= {"element_id": chat["entity_id"], "origin": chat["origin"]}
        return about | {"author": {"id": chat["chat_id"], "type": "external", "name": contact.get("name", "")}}

    def _record(self, kind: str, chat: Entity, message: Entity, *, by: int) -> None:
        told = {"message": {"id": message["id"], "origin": chat["origin"], "talk_id": chat["talk_id"]}}
        self.data.record(kind, "leads", {"id": chat["entity_id"]}, by=by, values=((), [told]))

    def last_text(self, lead_id: int) -> str:
        """Return what the customer of a lead wrote last, which {{message_text}} of a bot is."""
        incoming = [m["text"] for m in self.data.messages if m["entity_id"] == lead_id and m["type"] == "incoming"]
        return str(incoming[-1]) if incoming else ""
