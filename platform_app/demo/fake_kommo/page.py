"""Page: what can be done by hand in the fake: stages are changed, customers and managers write."""

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply
from platform_app.demo.fake_kommo.server import FakeKommo

_STYLE = (
    "body{font:16px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "section{border:1px solid #888;padding:.5rem 1rem;margin:1rem 0}"
    "code{overflow-wrap:anywhere}form{margin:.5rem 0}input[name=text],input[name=url]{width:min(30rem,100%)}"
)
MOST_SHOWN = 50  # leads, the newest


def answer(fake: FakeKommo, call: Call) -> Reply:
    """Show the page, or do what its forms ask for and show it again. Raises Refusal for what it does not have."""
    if call.method == "GET" and call.path == "/":
        return Reply(200, _page(fake).encode())
    if call.method == "POST" and call.path in _ACTIONS:
        if call.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refusal(403, "Forbidden")
        fields = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        try:
            _ACTIONS[call.path](fake, fields)
        except (KeyError, ValueError):
            raise Refusal(400, "Bad Request") from None
        return Reply(303, None, {"location": "/"})
    raise Refusal(404, "Not Found")


def _move(fake: FakeKommo, fields: dict[str, str]) -> None:
    fake.data.change("leads", int(fields["lead"]), status_id=int(fields["status"]))


def _write(fake: FakeKommo, fields: dict[str, str]) -> None:
    if fields["who"] == "manager":
        fake.team.manager_writes(int(fields["lead"]), fields["text"])
    else:
        fake.team.write(int(fields["lead"]), fields["text"])


def _add(fake: FakeKommo, fields: dict[str, str]) -> None:
    fake.team.customer(fields["name"][:100])


def _set_widget(fake: FakeKommo, fields: dict[str, str]) -> None:
    fake.bot.widget_url = fields.get("url", "")


_ACTIONS: dict[str, Callable[[FakeKommo, dict[str, str]], None]] = {
    "/move": _move,
    "/write": _write,
    "/add": _add,
    "/widget": _set_widget,
}


def _page(fake: FakeKommo) -> str:
    with fake.data.lock:
        leads = list(fake.data.entities["leads"].values())[: -MOST_SHOWN - 1 : -1]
        sections = "".join(_lead(fake, lead["id"]) for lead in leads)
    about = (
        f"<p>Account <code>{escape(fake.host)}</code></p><p>Long-lived token <code>{escape(fake.token)}</code></p>"
        f"<p>Secret of the integration <code>{escape(fake.tokens.client_secret)}</code>, bot {fake.bot.bot_id}</p>"
        '<form method="post" action="/widget"><label>Address of the bot’s widget '
        f'<input name="url" value="{escape(fake.bot.widget_url)}"></label> <button>Save</button></form>'
        '<form method="post" action="/add"><label>New customer <input name="name" required></label> '
        "<button>Add</button></form>"
    )
    head = f'<meta charset="utf-8"><title>Fake Kommo</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Fake Kommo</h1>{about}{sections}</body></html>'


def _lead(fake: FakeKommo, lead_id: int) -> str:
    lead = fake.data.entities["leads"][lead_id]
    statuses = [status for pipeline in fake.data.pipelines for status in pipeline["_embedded"]["statuses"]]
    chosen = {status["id"]: status["name"] for status in statuses}
    options = "".join(
        f'<option value="{status}"{" selected" if status == lead["status_id"] else ""}>{escape(name)}</option>'
        for status, name in chosen.items()
    )
    notes = [note["params"].get("text", note["note_type"]) for note in fake.data.notes if note["entity_id"] == lead_id]
    tasks = [task["text"] for task in fake.data.entities["tasks"].values() if task["entity_id"] == lead_id]
    said = [
        f"{'Customer' if message['type'] == 'incoming' else 'Team' if message.get('by') else 'Bot'}: {message['text']}"
        for message in fake.data.messages
        if message["entity_id"] == lead_id
    ]
    lines = [*said, *(f"Note: {text}" for text in notes), *(f"Task: {text}" for text in tasks)]
    shown = "".join(f"<li>{escape(str(line))}</li>" for line in lines)
    hidden = f'<input type="hidden" name="lead" value="{lead_id}">'
    return (
        f"<section><h2>{escape(str(lead['name']))} · {lead_id}</h2><ul>{shown}</ul>"
        f'<form method="post" action="/move">{hidden}<select name="status" aria-label="Stage">{options}</select> '
        '<button>Move</button></form><form method="post" action="/write">'
        f'{hidden}<input name="text" aria-label="Message" required> '
        '<button name="who" value="customer">Write as the customer</button> '
        '<button name="who" value="manager">Write as a manager</button></form></section>'
    )
