"""Fake Telegram: the Bot API over a real socket, as core.telegram.org/bots/api (10.3, 2026-08-24) describes it.

- Making requests: `/bot<token>/METHOD`, JSON; `{"ok": true, "result": …}`, or `{"ok": false, "error_code",
  "description", "parameters"}`; an unknown token is 401 Unauthorized.
- getUpdates: `offset` confirms all updates before it; waits up to `timeout` seconds; 409 Conflict while a webhook is
  set, and for a request that another one ends.
- setWebhook: each post carries `X-Telegram-Bot-Api-Secret-Token`; one that is not answered with 2xx is repeated.
- sendMessage: 1 to 4096 characters after entities parsing, else 400; HTML that cannot be parsed is 400 "can't parse
  entities"; 403 "bot was blocked by the user"; 400 "chat not found" before the user pressed Start (bots/faq: a bot
  cannot write first); 429 with `parameters.retry_after` (ResponseParameters). `reply_markup` is a ReplyKeyboardMarkup,
  whose pressed button sends its text as a message of the user, or a ReplyKeyboardRemove.
- getFile: `file_path` to be downloaded from `/file/bot<token>/<file_path>`, at most 20 MB.
- Update, Message: `update_id` grows; an album is several messages with one `media_group_id`; a changed message is
  `edited_message` with `edit_date`; my_chat_member with status kicked when the user blocks the bot, else member.
"""

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from threading import Condition, Thread
from typing import Any

import httpx

from tests.fakes.local_server import LocalServer
from tests.fakes.telegram_updates import Customer

TOKEN = "700001:" + "A" * 35
TAGS = frozenset(
    ["a", "b", "blockquote", "code", "del", "em", "i", "ins", "pre", "s", "span", "strike", "strong"]
    + ["tg-emoji", "tg-spoiler", "u"]
)  # bots/api#html-style
Fault = Callable[["Call"], None]


class Refusal(Exception):
    """An answer of the API that is not ok."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status, self.parameters = status, parameters


class Call:
    """A request to a method, and what a fault may do with it."""

    def __init__(self, fake: "FakeTelegram", method: str, fields: dict[str, Any], answer: Any) -> None:
        self.fake, self.method, self.fields, self.answer = fake, method, fields, answer


class TelegramHtml(HTMLParser):
    """Reads HTML as Telegram does: known tags alone, all of them closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in TAGS:
            raise Refusal(400, f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refusal(400, "Bad Request: can't parse entities: unexpected end tag")

    def handle_data(self, data: str) -> None:
        self.text += data


class FakeTelegram(LocalServer):
    """One bot, its customers and its server; `faults` by method are used up one for each call."""

    def __init__(self, token: str = TOKEN, username: str = "shop_bot") -> None:
        self.token, self.username, self.bot_id = token, username, int(token.split(":")[0])
        self.sent: list[dict[str, Any]] = []  # messages that reached customers
        self.typing: list[int] = []
        self.calls: list[str] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.updates: list[dict[str, Any]] = []  # not yet confirmed
        self.blocked: set[int] = set()
        self.started: set[int] = set()
        self.files: dict[str, bytes] = {}
        self.webhook: dict[str, Any] = {}
        self.commands: dict[str, Any] = {}  # by language
        self.routes: dict[str, str] = {}  # where the start of a webhook's address leads in a test
        self.posts: list[int] = []  # statuses of posts to the webhook
        self.change = Condition()
        self.ids, self.message_ids = itertools.count(1000), itertools.count(1)
        self._polls = itertools.count(1)
        self._poll, self._is_closed = 0, False
        super().__init__(_handler(self))
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a caller that died
        Thread(target=self._post_updates, daemon=True).start()

    def close(self) -> None:
        """Stop the server."""
        self._is_closed = True
        with self.change:
            self.change.notify_all()
        super().close()

    def customer(self, chat_id: int = 5001, name: str = "Anna", language: str = "en") -> Customer:
        """Return somebody who can write to the bot."""
        return Customer(self, chat_id, name, language)

    def put(self, **update: Any) -> dict[str, Any]:
        """Add an update for the bot."""
        with self.change:
            made = {"update_id": next(self.ids)} | update
            self.updates.append(made)
            self.change.notify_all()
            return made

    def texts(self, chat_id: int = 5001) -> list[str]:
        """Return the plain texts that a customer has received."""
        return [one["plain"] for one in self.sent if one["chat_id"] == chat_id]

    def answer(self, token: str, method: str, fields: dict[str, Any]) -> Any:
        """Return the result of a call. Raises Refusal as the API would."""
        self.calls.append(method)
        if token != self.token:
            raise Refusal(401, "Unauthorized")
        fault = self.faults[method].pop(0) if self.faults[method] else None
        call = Call(self, method, fields, getattr(self, f"do_{method}", None))
        if call.answer is None:
            raise Refusal(404, "Not Found: method not found")
        if fault is not None:
            fault(call)
        return call.answer(fields)

    def do_getMe(self, fields: dict[str, Any]) -> Any:
        """Return the bot."""
        return {"id": self.bot_id, "is_bot": True, "first_name": "Shop", "username": self.username}

    def do_setWebhook(self, fields: dict[str, Any]) -> bool:
        """Set the webhook; it has to be https."""
        if not fields["url"].startswith("https://"):
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        with self.change:
            self.webhook = dict(fields)
            self.change.notify_all()
        return True

    def do_deleteWebhook(self, fields: dict[str, Any]) -> bool:
        """Remove the webhook; updates stay unless they are to be dropped."""
        with self.change:
            self.webhook = {}
            if fields.get("drop_pending_updates"):
                self.updates.clear()
        return True

    def do_getWebhookInfo(self, fields: dict[str, Any]) -> Any:
        """Return what is set."""
        return {"url": self.webhook.get("url", ""), "pending_update_count": len(self.updates)}

    def do_setMyCommands(self, fields: dict[str, Any]) -> bool:
        """Set the commands in the bot's menu for a language, "" for all others."""
        self.commands[fields.get("language_code", "")] = fields["commands"]
        return True

    def do_getUpdates(self, fields: dict[str, Any]) -> Any:
        """Return updates from the offset on, waiting for the first one."""
        end = time.monotonic() + min(float(fields.get("timeout", 0)), 30)
        with self.change:
            if self.webhook:
                raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
            self._poll = mine = next(self._polls)
            self.change.notify_all()
            if offset := fields.get("offset"):
                self.updates = [one for one in self.updates if one["update_id"] >= offset]
            while not self.updates and not self._is_closed and (left := end - time.monotonic()) > 0:
                self.change.wait(left)
                if self._poll != mine:
                    raise Refusal(409, "Conflict: terminated by other getUpdates request")
            return self.updates[: int(fields.get("limit", 100))]

    def do_sendMessage(self, fields: dict[str, Any]) -> Any:
        """Deliver a text to a customer."""
        chat_id, plain = self._reachable(fields), str(fields["text"])
        if fields.get("parse_mode") == "HTML":
            read = TelegramHtml()
            read.feed(plain)
            read.close()
            if read.open:
                raise Refusal(400, "Bad Request: can't parse entities: Can't find end tag")
            plain = read.text
        if not plain.strip():
            raise Refusal(400, "Bad Request: message text is empty")
        if len(plain) > 4096:
            raise Refusal(400, "Bad Request: message is too long")
        markup = fields.get("reply_markup") or {}
        if any(not str(button.get("text", "")).strip() for row in markup.get("keyboard", []) for button in row):
            raise Refusal(400, "Bad Request: keyboard button text must be non-empty")
        return self._deliver(chat_id, {"text": fields["text"], "plain": plain, "markup": markup})

    def do_sendPhoto(self, fields: dict[str, Any]) -> Any:
        """Deliver a photo to a customer."""
        return self._deliver(self._reachable(fields), {"plain": str(fields.get("caption", ""))[:1024], "photo": True})

    def do_sendDocument(self, fields: dict[str, Any]) -> Any:
        """Deliver a file to a customer."""
        return self._deliver(self._reachable(fields), {"plain": str(fields.get("caption", ""))[:1024], "file": True})

    def do_sendChatAction(self, fields: dict[str, Any]) -> bool:
        """Show that the bot is typing."""
        self.typing.append(self._reachable(fields))
        return True

    def do_answerCallbackQuery(self, fields: dict[str, Any]) -> bool:
        """End the progress of a pressed button."""
        return True

    def do_getFile(self, fields: dict[str, Any]) -> Any:
        """Return where a file can be downloaded."""
        content = self.files.get(fields["file_id"])
        if content is None:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > 20_000_000:
            raise Refusal(400, "Bad Request: file is too big")
        return {"file_id": fields["file_id"], "file_size": len(content), "file_path": f"photos/{fields['file_id']}"}

    def _reachable(self, fields: dict[str, Any]) -> int:
        chat_id = int(fields["chat_id"])
        if chat_id in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if chat_id not in self.started:
            raise Refusal(400, "Bad Request: chat not found")
        return chat_id

    def _deliver(self, chat_id: int, message: dict[str, Any]) -> Any:
        with self.change:
            made = {"message_id": next(self.message_ids), "date": int(time.time()), "chat_id": chat_id}
            self.sent.append(made | message)
            self.change.notify_all()
        return made | {"chat": {"id": chat_id, "type": "private"}}

    def _post_updates(self) -> None:
        """Post updates to the webhook in their order, each until it is answered with 2xx."""
        while not self._is_closed:
            with self.change:
                self.change.wait_for(lambda: self._is_closed or (self.webhook and self.updates), 1)
                if self._is_closed or not self.webhook or not self.updates:
                    continue
                hook, update = dict(self.webhook), self.updates[0]
            if self.post(hook, update) // 100 == 2:
                with self.change:
                    self.updates = [one for one in self.updates if one["update_id"] != update["update_id"]]
            else:
                with self.change:
                    self.change.wait(0.1)

    def post(self, hook: dict[str, Any], update: dict[str, Any]) -> int:
        """Post an update to a webhook; return the status, 0 if there was no answer."""
        address, headers = hook["url"], {"x-telegram-bot-api-secret-token": hook.get("secret_token", "")}
        for start, local in self.routes.items():
            if address.startswith(start):
                address, headers["host"] = local + address[len(start) :], start.split("://")[1]
        try:
            status = httpx.post(address, json=update, headers=headers, timeout=10).status_code
        except httpx.HTTPError:
            status = 0
        self.posts.append(status)
        return status


def _handler(fake: FakeTelegram) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _, _, token, path = (self.path.split("/", 3) + ["", "", ""])[:4]
            content = fake.files.get(path.rpartition("/")[2]) if token == f"bot{fake.token}" else None
            self._reply(200 if content is not None else 404, content or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            _, bot, method = (self.path.split("/") + ["", ""])[:3]
            try:
                result = fake.answer(bot.removeprefix("bot"), method, json.loads(body or b"{}"))
                status, answer = 200, {"ok": True, "result": result}
            except Refusal as error:
                status, answer = error.status, {"ok": False, "error_code": error.status, "description": str(error)}
                answer |= {"parameters": error.parameters} if error.parameters else {}
            except Silence:
                self.close_connection = True
                return
            except Garbage:
                self._reply(200, b"<html>not JSON")
                return
            self._reply(status, json.dumps(answer).encode())

        def _reply(self, status: int, content: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the caller has gone
                self.close_connection = True

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler


class Silence(Exception):
    """The connection ends without an answer."""


class Garbage(Exception):
    """The answer is not JSON."""


def refuse(status: int, description: str = "", **parameters: Any) -> Fault:
    """Return a fault: the call is refused and nothing is done."""

    def fault(call: Call) -> None:
        raise Refusal(status, description or f"Error {status}", **parameters)

    return fault


def silent_after(call: Call) -> None:
    """Do what was asked and end the connection without an answer."""
    call.answer(call.fields)
    raise Silence


def garbage_after(call: Call) -> None:
    """Do what was asked and answer with something that is not JSON."""
    call.answer(call.fields)
    raise Garbage
