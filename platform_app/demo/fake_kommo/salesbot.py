"""Salesbot: a bot that asks our widget with each message and shows what it is told to.

References: developers.kommo.com/docs/private-chatbot-integration, salesbot-sdk, and the reference of the execution
confirmation (at most 10 handlers, `show` of at most 80 characters, 25 buttons); the claims of the token are those of
BotDisposableTokenModel of amocrm/amocrm-api-php, which checks HS512 with the secret of the integration. `data` is read
by a later step as {{json.answer}}; that a long text goes through there is inferred.
"""

import secrets
from dataclasses import dataclass
from threading import Thread
from typing import Any

import httpx

from platform_app.demo.fake_kommo import json_web_tokens
from platform_app.demo.fake_kommo.crm_data import Entity
from platform_app.demo.fake_kommo.hook_forms import encode
from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply
from platform_app.demo.fake_kommo.team_channel import TeamChannel
from platform_app.demo.fake_kommo.tokens import TokenServer

ANSWER_SECONDS = 2.0
MAX_HANDLERS, MAX_SHOWN, MAX_BUTTONS = 10, 80, 25
TOKEN_SECONDS = 300


@dataclass
class Turn:
    """A bot that waits for our widget's answer."""

    lead_id: int
    text: str
    is_used: bool = False


class Salesbot:
    """The bot, its widget's address and what waits; `ask` is posted in threads of their own."""

    def __init__(self, channel: TeamChannel, tokens: TokenServer) -> None:
        self.channel, self.tokens = channel, tokens
        self.bot_id, self.widget_url = 61001, ""
        self.is_json = True  # else the widget is asked by a form
        self.routes: dict[str, str] = {}  # the start of the widget's address, and where it leads on this machine
        self.turns: dict[str, Turn] = {}
        self.statuses: list[int] = []  # of the widget's answers, 0: none within 2 seconds
        self.unanswered = 0
        channel.on_message = self._begin
        self._threads: list[Thread] = []

    def _begin(self, message: Entity) -> None:
        if self.widget_url:
            self.start(message["entity_id"], message["text"])

    def start(self, lead_id: int, text: str) -> None:
        """Run the bot on a lead: it asks the widget, if its address is known, and waits."""
        continue_id = self.open_turn(lead_id, text)
        if not self.widget_url:
            return
        thread = Thread(target=self.ask, args=(continue_id,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def open_turn(self, lead_id: int, text: str) -> str:
        """Let the bot wait on a lead; return the id by which it goes on."""
        continue_id = secrets.token_hex(12)
        self.turns[continue_id] = Turn(lead_id, text)
        return continue_id

    def wait(self) -> None:
        """Wait until the widget was asked for all that was written."""
        while self._threads:
            self._threads.pop(0).join(10)

    def request(self, continue_id: str) -> dict[str, Any]:
        """Return what the widget is asked with."""
        turn, host = self.turns[continue_id], self.tokens.host
        contacts = self.channel.data.entities["leads"][turn.lead_id]["contacts"]
        at = self.tokens.clock.now()
        claims: dict[str, Any] = {"iss": f"https://{host}", "subdomain": host.split(".")[0], "iat": at}
        claims |= {"exp": at + TOKEN_SECONDS, "jti": secrets.token_hex(8)}
        claims |= {"account_id": self.channel.data.account_id, "client_uuid": self.tokens.client_id}
        claims |= {"entity_id": turn.lead_id, "entity_type": 2, "bot_type": "salesbot"}
        names = self.channel.data.entities["contacts"]
        data = {"message": turn.text, "lead": str(turn.lead_id), "contact": str(contacts[0] if contacts else "")}
        data |= {"name": names[contacts[0]]["name"] if contacts else ""}
        url = f"https://{host}/api/v4/salesbot/{self.bot_id}/continue/{continue_id}"
        token = json_web_tokens.sign(claims, self.tokens.client_secret, algorithm="HS512")
        return {"data": data, "token": token, "return_url": url}

    def ask(self, continue_id: str) -> int:
        """Post to the widget; return the status, 0 if there is no answer within 2 seconds."""
        address, headers = self.widget_url, {"content-type": "application/x-www-form-urlencoded"}
        for start, there in self.routes.items():
            if address.startswith(start):
                headers["host"] = start.split("://")[-1]
                address = there + address[len(start) :]
        asked = self.request(continue_id)
        how: dict[str, Any] = {"json": asked} if self.is_json else {"content": encode(asked)}
        if self.is_json:
            del headers["content-type"]
        try:
            status = httpx.post(address, headers=headers, timeout=ANSWER_SECONDS, trust_env=False, **how).status_code
        except httpx.HTTPError:
            status = 0
        self.statuses.append(status)
        self.unanswered += status == 0
        return status

    def run(self, call: Call, items: Any) -> Reply:
        """Answer POST /api/v2/salesbot/run. Raises Refusal if the bot is another one or there is no such lead."""
        for item in items if isinstance(items, list) else [items]:
            lead_id = int(item.get("entity_id", 0))
            if item.get("bot_id") != self.bot_id or lead_id not in self.channel.data.entities["leads"]:
                raise Refusal(400, "Bad Request", "Bot or entity not found")
            self.start(lead_id, self.channel.last_text(lead_id))
        return Reply(202, {"success": True})

    def resume(self, call: Call, body: Any) -> Reply:
        """Answer POST …/continue/{id}: the bot shows what it was told. Raises Refusal if it does not wait."""
        bot_id, continue_id = call.path.split("/")[-3], call.path.rsplit("/", 1)[-1]
        turn = self.turns.get(continue_id)
        if turn is None or turn.is_used or bot_id != str(self.bot_id):
            raise Refusal(404, "Not Found", "The bot does not wait")
        body = body if isinstance(body, dict) else {}
        handlers = body.get("execute_handlers") or []
        if len(handlers) > MAX_HANDLERS:
            raise Refusal(400, "Bad Request", "Too many handlers")
        shown = [handler.get("params", {}) for handler in handlers if handler.get("handler") == "show"]
        for params in shown:
            if len(str(params.get("value", ""))) > MAX_SHOWN or len(params.get("buttons") or []) > MAX_BUTTONS:
                raise Refusal(400, "Bad Request", "The value of show is too long")
        turn.is_used = True
        for params in shown:
            self.channel.bot_writes(turn.lead_id, str(params.get("value", "")))
        if answer := (body.get("data") or {}).get("answer"):
            self.channel.bot_writes(turn.lead_id, str(answer))
        return Reply(202, {"success": True})
