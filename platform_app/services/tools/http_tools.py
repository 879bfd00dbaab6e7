"""HTTP tools: requests to other systems that a tenant offers to its agents: add, change, remove, call."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app import encryption
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound, Unavailable
from platform_app.form_fields import parse_typed
from platform_app.integrations import egress
from platform_app.llm.model_request import ToolDefinition
from platform_app.models.conversation import Conversation
from platform_app.models.event import ActivityKind
from platform_app.models.http_tool import HTTP_TOOL_FORM, HttpMethod, HttpTool, ToolEffect
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.chat import agent_tools
from platform_app.services.chat.agent_tools import MAX_RESULT_CHARS, ToolOffer, ToolPlan
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.feed import activity
from platform_app.services.tools.tool_forms import origin_of, parse_header, require_admin, store_secret
from platform_app.services.tools.tool_schemas import check_arguments, parse_schema

MAX_TOOLS = 50  # of a tenant
MAX_RESPONSE_BYTES = 200_000
PREFIX = "http_"  # of the names by which agents know these tools
PAGE = "/settings/tools"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_PLACE = re.compile(r"\{([A-Za-z0-9_]{1,40})\}")


def list_tools(session: Transaction, tenant_id: str) -> list[HttpTool]:
    """Return the tenant's HTTP tools, sorted by name."""
    return list(session.exec(owned(HttpTool, tenant_id).order_by(HttpTool.name)).all())


def get(session: Transaction, who: Identity, tool_id: str, *, lock: bool = False) -> HttpTool:
    """Return an HTTP tool. Raises Forbidden unless `who` is an owner or admin, NotFound if there is none."""
    require_admin(who)
    query = owned(HttpTool, who.tenant_id).where(HttpTool.id == tool_id)
    row: HttpTool | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Tool not found.")
    return row


def secret_suffix(session: Transaction, who: Identity, tool_id: str) -> str | None:
    """Return the last characters of a tool's secret, "" if it is short, None if there is none.

    Raises Forbidden unless `who` is an owner or admin, Conflict if the secret cannot be decrypted.
    """
    require_admin(who)
    secret = tenant_secrets.read(session, who.tenant_id, _purpose(tool_id))
    return None if secret is None else encryption.visible_suffix(secret)


def save(session: Transaction, who: Identity, tool_id: str, form: dict[str, str]) -> HttpTool:
    """Store a tool from a form; without an id a new one. An empty secret keeps the stored one for the same address.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such tool, LimitReached if the tenant
    has MAX_TOOLS, Conflict if the name is taken, and Invalid with the field's name for a wrong value.
    """
    require_admin(who)
    row = get(session, who, tool_id, lock=True) if tool_id else _new(session, who)
    before = row.url
    row.name, row.description = _name(form), clean_line(form.get("description"), "description", max_length=1_000)
    if not row.description:
        raise Invalid("Say what it is for.", field="description")
    row.effect = ToolEffect(_choice(form, "effect", ToolEffect))
    row.method = HttpMethod(_choice(form, "method", HttpMethod))
    row.parameters = json.dumps(parse_schema(form.get("parameters", "")), ensure_ascii=False)
    row.url = _url(form.get("url", ""), json.loads(row.parameters))
    row.seconds, row.header = _seconds(form), parse_header(form)
    row.updated_at = now()
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("There is a tool of this name already.", field="name") from error
    store_secret(
        session,
        who.tenant_id,
        _purpose(row.id),
        form.get("secret", ""),
        is_moved=bool(before) and origin_of(before) != origin_of(row.url),
    )
    sentence = "Tool “{name}” changed" if tool_id else "Tool “{name}” added"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=f"{PAGE}/{row.id}", name=row.name)
    return row


def remove(session: Transaction, who: Identity, tool_id: str) -> HttpTool:
    """Delete a tool with its secret; agents can use it no more.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such tool.
    """
    row = get(session, who, tool_id, lock=True)
    session.execute(owned_delete(HttpTool, who.tenant_id).where(col(HttpTool.id) == row.id))
    tenant_secrets.delete(session, who.tenant_id, _purpose(row.id))
    activity.record_by(session, who, ActivityKind.PERSON, "Tool “{name}” removed", link=PAGE, name=row.name)
    return row


class HttpTools:
    """The HTTP tools of a tenant, as a source of tools of agents."""

    def offers(self, session: Transaction, tenant_id: str) -> list[ToolOffer]:
        """Return the tools of the tenant."""
        return [
            ToolOffer(f"{PREFIX}{row.name}", row.name, row.description, "globe")
            for row in list_tools(session, tenant_id)
        ]

    def define(self, session: Transaction, conversation: Conversation, name: str) -> ToolDefinition | None:
        """Return what the model is told of a tool, or None if there is none of this name."""
        row = _find(session, conversation.tenant_id, name)
        return None if row is None else ToolDefinition(name, row.description, json.loads(row.parameters))

    def plan(
        self, session: Transaction, conversation: Conversation, name: str, arguments: dict[str, Any]
    ) -> ToolPlan | None:
        """Return the plan of a request. Raises Invalid if the arguments do not fit its schema."""
        row = _find(session, conversation.tenant_id, name)
        if row is None:
            return None
        check_arguments(json.loads(row.parameters), arguments)
        secret = tenant_secrets.read(session, row.tenant_id, _purpose(row.id))
        headers = {row.header: secret} if secret and row.header else {}
        address, body = request_of(row, arguments)
        return ToolPlan(
            "{method} {url}",
            {"method": row.method.value, "url": address},
            call=lambda key: _call(row, address, body, headers | {"Idempotency-Key": key}),
            is_reading=row.effect == ToolEffect.READS,
        )


def register_tools() -> None:
    """Register the HTTP tools as tools of agents in this process."""
    if not any(isinstance(source, HttpTools) for source in agent_tools.SOURCES):
        agent_tools.SOURCES.append(HttpTools())


def request_of(row: HttpTool, arguments: dict[str, Any]) -> tuple[str, bytes]:
    """Return the address and the body of a request with arguments, each encoded for its place."""
    left = dict(arguments)

    def fill(place: re.Match[str]) -> str:
        text = quote(_as_text(left.pop(place[1], "")), safe="")
        return text.replace(".", "%2E") if text in (".", "..") else text  # they would name another path

    address = _PLACE.sub(fill, row.url)
    if row.method in (HttpMethod.GET, HttpMethod.DELETE):
        query = urlencode({name: _as_text(value) for name, value in left.items()})
        separator = "&" if urlsplit(address).query else "?"
        return (f"{address}{separator}{query}" if query else address), b""
    return address, json.dumps(left, ensure_ascii=False).encode()


def _call(row: HttpTool, address: str, body: bytes, headers: dict[str, str]) -> str:
    """Make a request; return its response as text. Raises Unavailable if there is none, or it is no success."""
    given = headers | ({"Content-Type": "application/json"} if body else {})
    try:
        answer = egress.fetch(
            address,
            body,
            given,
            method=row.method.value,
            seconds=row.seconds,
            max_bytes=MAX_RESPONSE_BYTES,
            is_trusted=False,
        )
    except egress.ResponseTooLarge as error:
        raise Unavailable("The other system answered with too much.") from error
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise Unavailable("The other system did not answer.") from error
    text = answer.body.decode("utf-8", "replace")[:MAX_RESULT_CHARS]
    if not 200 <= answer.status < 300:
        raise Unavailable("The other system answered {status}: {text}", status=answer.status, text=text[:300])
    return text


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _find(session: Transaction, tenant_id: str, name: str) -> HttpTool | None:
    if not name.startswith(PREFIX):
        return None
    row: HttpTool | None = session.exec(
        owned(HttpTool, tenant_id).where(HttpTool.name == name.removeprefix(PREFIX))
    ).first()
    return row


def _new(session: Transaction, who: Identity) -> HttpTool:
    if len(list_tools(session, who.tenant_id)) >= MAX_TOOLS:
        raise LimitReached("You can add up to {count} tools.", count=MAX_TOOLS)
    return HttpTool(tenant_id=who.tenant_id, name="", description="", url="")


def _url(given: Any, schema: dict[str, Any]) -> str:
    """Return an address whose places are arguments of the schema. Raises Invalid if it is none."""
    text = clean_line(given, "url", max_length=500)
    try:
        address = egress.check(text)
    except Invalid as error:
        raise Invalid(error.sentence, field="url") from error
    parts = urlsplit(address)
    if " " in address or not address.isascii() or "{" in parts.netloc or parts.fragment:
        raise Invalid("This isn’t an address.", field="url")
    unknown = [name for name in _PLACE.findall(address) if name not in schema["required"]]
    if unknown or "{" in _PLACE.sub("", address):
        raise Invalid("Each argument in braces has to be among the required ones.", field="url")
    return address


def _name(form: dict[str, str]) -> str:
    name = form.get("name", "").strip()
    if not _NAME.fullmatch(name):
        raise Invalid(
            "The name is of 2 to 40 small Latin letters, digits and _, and begins with a letter.", field="name"
        )
    return name


def _seconds(form: dict[str, str]) -> int:
    shown = HTTP_TOOL_FORM["seconds"]
    number = parse_typed(shown, form.get("seconds", "")[:20])
    if not isinstance(number, int) or not shown.allows(number):
        raise Invalid(shown.problem, field="seconds")
    return number


def _choice(form: dict[str, str], field: str, kinds: Any) -> str:
    if form.get(field) not in list(kinds):
        raise Invalid(HTTP_TOOL_FORM[field].problem, field=field)
    return form[field]


def _purpose(tool_id: str) -> str:
    return f"http tool secret {tool_id}"
