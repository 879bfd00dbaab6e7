"""Security: what every answer carries, whose requests and sockets are taken, how much is read."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from platform_app.api import security
from platform_app.api.security import BODY_LIMIT, SecurityMiddleware, ServerAddressMiddleware
from platform_app.config import settings
from platform_app.models.person import Identity
from tests.api_client import HOST, Wire, client, sign_in

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


@pytest.fixture
def production(env: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    env.setenv("REFLEX_ENV_MODE", "prod")
    yield env
    settings.cache_clear()


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/nowhere", "/auth/claim", "/api/sources/acme/x/file", "/_upload"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_every_answer_has_its_headers(who: Identity, path: str, method: str) -> None:
    for token in ("", sign_in(who)):
        async with client(token) as browser:
            answer = await browser.request(method, path)
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert "strict-transport-security" not in answer.headers
        csp = answer.headers["content-security-policy"]
        rules = {words[0]: words[1:] for words in (rule.split() for rule in csp.split(";"))}
        assert rules["frame-ancestors"] == rules["object-src"] == ["'none'"]
        assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == ["'self'"]
        assert rules["img-src"] == ["'self'", "data:", "blob:"]
        assert rules["connect-src"] == ["'self'", f"ws://{HOST}", f"wss://{HOST}"]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Content-Length": "9999999"}])
async def test_refusals_have_them_too(headers: dict[str, str]) -> None:
    async with client(**headers) as browser:
        answer = await browser.post("/auth/sign-out")
    assert answer.status_code in (403, 413)
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


async def test_under_https_browsers_are_told_to_stay_there(env: pytest.MonkeyPatch) -> None:
    async with client(scheme="https") as browser:
        assert (await browser.get("/healthz")).headers["strict-transport-security"] == "max-age=31536000"
    env.setenv("PLATFORM_PUBLIC_URL", "https://console.acme.example")
    settings.cache_clear()
    async with client() as browser:
        assert (await browser.get("/healthz")).headers["strict-transport-security"] == "max-age=31536000"


async def test_a_strange_host_does_not_write_the_policy(env: pytest.MonkeyPatch) -> None:
    async with client(Host="x; script-src *") as browser:
        answer = await browser.get("/healthz")
    assert "connect-src 'self';" in answer.headers["content-security-policy"]
    assert "*" not in answer.headers["content-security-policy"]


PAGE = """<!DOCTYPE html><html><head><script>let a = 1 < 2 && "</b>";</script><script src="/a.js"></script>
<script type="module" async="">import "/b.js";
  import("/c.js")</script><style>p {}</style></head><body onload="x()"><p>script</p><script></script></body></html>"""


def scripts_of(csp: str) -> list[str]:
    return next(rule.split()[1:] for rule in csp.split(";") if rule.split()[0] == "script-src")


@pytest.mark.usefixtures("production")
async def test_scripts_within_a_page_run_only_as_they_were_built(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("REFLEX_WEB_WORKDIR", str(tmp_path))
    (tmp_path / "build" / "client" / "sign-in").mkdir(parents=True)
    for page in ("index.html", "sign-in/index.html"):
        (tmp_path / "build" / "client" / page).write_text(PAGE)
    async with client() as browser:
        csp = (await browser.get("/healthz")).headers["content-security-policy"]
    wanted = [b'let a = 1 < 2 && "</b>";', b'import "/b.js";\n  import("/c.js")']
    hashed = {f"'sha256-{b64encode(sha256(one).digest()).decode()}'" for one in wanted}
    assert set(scripts_of(csp)) == {"'self'", "'unsafe-eval'", *hashed}
    assert "script-src-attr 'none'" in csp and "'unsafe-inline'" not in csp.split("style-src")[0]


async def test_without_built_pages_no_script_within_a_page_runs(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("REFLEX_WEB_WORKDIR", str(tmp_path / "none"))
    async with client() as browser:
        assert scripts_of((await browser.get("/healthz")).headers["content-security-policy"]) == [
            "'self'",
            "'unsafe-eval'",
        ]


async def reached(request: Request) -> Response:
    return PlainTextResponse(
        f"reached with {len(await request.body())}",
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=60", "X-Frame-Options": "SAMEORIGIN"},
    )


APP = SecurityMiddleware(Starlette(routes=[Route("/{rest:path}", reached, methods=["GET", "POST", "PUT", "DELETE"])]))


def behind(**headers: str) -> httpx.AsyncClient:
    """Return a client of an app that takes anything, behind the guard."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=APP), base_url=f"http://{HOST}", headers=headers)


@pytest.mark.usefixtures("production")
async def test_reflexs_own_headers_give_way() -> None:
    async with behind() as browser:
        answer = await browser.get("/page")
        asset, missing = await browser.get("/assets/page-abc.js"), await browser.delete("/assets/page-abc.js")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert asset.headers["cache-control"] == missing.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.usefixtures("production")
async def test_only_a_found_asset_is_kept() -> None:
    async with client() as browser:
        assert (await browser.get("/assets/none.js")).headers["cache-control"] == "no-store"


OWN = [f"http://{HOST}", f"https://{HOST}"]
FOREIGN = [
    "http://evil.example",
    "null",
    "",
    "http://acme.example",
    f"http://{HOST}1",
    f"file://{HOST}",
    "http://[",
    "*",
]
DEV = "http://localhost:3000"


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(("origin", "status"), [(o, 200) for o in OWN] + [(o, 403) for o in [*FOREIGN, DEV] if o])
@pytest.mark.parametrize(("method", "path"), [("POST", "/x"), ("PUT", "/x"), ("DELETE", "/x"), ("GET", "/_event/")])
async def test_a_change_comes_from_our_own_pages(origin: str, status: int, method: str, path: str) -> None:
    async with behind(Origin=origin) as browser:
        answer = await browser.request(method, path)
        assert (await browser.get("/page")).status_code == 200
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("internal:9000", "https://console.acme.example", 200),
        ("console.acme.example", "https://console.acme.example", 200),
        ("console.acme.example", "http://console.acme.example", 403),
        ("internal:9000", "https://evil.example", 403),
    ],
)
async def test_behind_a_proxy_the_public_address_counts(
    production: pytest.MonkeyPatch, host: str, origin: str, status: int
) -> None:
    production.setenv("PLATFORM_PUBLIC_URL", "https://console.acme.example")
    settings.cache_clear()
    async with behind(Origin=origin, Host=host) as browser:
        assert (await browser.post("/x")).status_code == status


async def test_for_developers_the_other_port_is_ours(env: pytest.MonkeyPatch) -> None:
    env.setenv("REFLEX_ENV_MODE", "dev")
    async with behind(Origin=DEV) as browser:
        answer = await browser.post("/x")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


async def shake(origin: str | None, host: str = HOST) -> tuple[bool, list[Any]]:
    """Open a websocket; return whether the app behind saw it, and what was said to the browser."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin is not None else [])
    wire = Wire({"type": "websocket.connect"})
    await SecurityMiddleware(app)(
        {"type": "websocket", "path": "/_event/", "headers": headers}, wire.receive, wire.send
    )
    return bool(seen), wire.said


@pytest.mark.usefixtures("production")
async def test_a_socket_is_opened_by_our_own_pages() -> None:
    for origin in OWN:
        assert await shake(origin) == (True, [])
    for origin in [*FOREIGN, DEV, None]:
        assert await shake(origin) == (False, [{"type": "websocket.close", "code": 4403}])
    assert await shake("http://", host="") == (False, [{"type": "websocket.close", "code": 4403}])


@pytest.mark.parametrize("path", ["/_upload", "/_upload/", "/_upload/x.html", "/_health", "/_all_routes"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_reflexs_own_routes_are_closed(path: str, method: str) -> None:
    async with behind() as browser:
        assert (await browser.request(method, path)).status_code == 404


async def parts(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 100_000


async def test_bodies_are_capped_with_or_without_a_length() -> None:
    async with behind() as browser:
        just = await browser.post("/x", content=parts(10))
        said = await browser.post("/x", content=b"x" * (BODY_LIMIT + 1))
        chunked = await browser.post("/x", content=parts(11))
        lied = await browser.post("/x", content=parts(11), headers={"Content-Length": "5"})
    assert (just.status_code, just.text) == (200, f"reached with {BODY_LIMIT}")
    assert [answer.status_code for answer in (said, chunked, lied)] == [413] * 3
    assert {name: chunked.headers.get(name) for name in ALWAYS} == ALWAYS


async def test_an_answer_that_has_begun_just_ends() -> None:
    async def eager(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] == "http.request":
            await send({"type": "http.response.body", "body": b".", "more_body": True})
        raise RuntimeError("the connection is gone")

    part = {"type": "http.request", "body": b"x" * 600_000, "more_body": True}
    wire = Wire(part, part, part)
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"host", HOST.encode())]}
    await SecurityMiddleware(eager)(scope, wire.receive, wire.send)
    assert [message["type"] for message in wire.said] == ["http.response.start", "http.response.body"]
    assert len(wire.messages) == 1


async def test_a_bug_behind_the_guard_stays_a_bug() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(ZeroDivisionError):
        await SecurityMiddleware(broken)(scope, Wire().receive, Wire().send)


@pytest.fixture
def chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A built front end that was made for another address."""
    assets = tmp_path / "build" / "client" / "assets"
    assets.mkdir(parents=True)
    (assets / "reflex-env-B4x_-1.js").write_text(
        'e={"PING":"http://localhost:8000/ping","EVENT":"ws://0.0.0.0:8000/_event"}'
    )
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(tmp_path))
    security._read_chunk.cache_clear()
    yield
    security._read_chunk.cache_clear()


@pytest.mark.usefixtures("chunk", "env")
@pytest.mark.parametrize(
    ("scheme", "host", "port"),
    [
        ("http", "acme.example:9123", 9123),
        ("http", "acme.example", 80),
        ("https", "acme.example", 443),
        ("http", "[::1]:9123", 9123),
        ("https", "[::1]", 443),
        ("http", "acme.example:99999999", 80),
        ("http", 'x:1"};alert(1)//', 80),
        ("http", "", 80),
    ],
)
async def test_the_front_end_finds_the_server(scheme: str, host: str, port: int) -> None:
    async with client(scheme=scheme) as browser:
        answer = await browser.get("/assets/reflex-env-B4x_-1.js", headers={"Host": host})
    assert answer.text == f'e={{"PING":"http://localhost:{port}/ping","EVENT":"ws://localhost:{port}/_event"}}'
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "text/javascript; charset=utf-8",
        "no-store",
    )


@pytest.mark.usefixtures("chunk", "env")
@pytest.mark.parametrize(
    "path", ["/assets/reflex-env-none.js", "/assets/reflex-env-../../../secret.js", "/assets/x.js"]
)
async def test_no_other_file_is_written_into(path: str) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    await ServerAddressMiddleware(app)({"type": "http", "path": path, "headers": []}, Wire().receive, Wire().send)
    assert seen == [path]


@pytest.mark.parametrize(
    ("accepted", "cookie", "told"),
    [
        ("ru-RU,ru;q=0.9", "", "language=ru"),
        ("de", "", "language=en"),
        ("ru", "a=b; language=en", ""),
        ("", "", "language=en"),
    ],
)
async def test_a_page_tells_the_socket_which_language_was_asked_for(accepted: str, cookie: str, told: str) -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b""})

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=SecurityMiddleware(page)), base_url="http://a.test"
    ) as client:
        found = await client.get("/register", headers={"accept-language": accepted, "cookie": cookie})
    assert found.headers.get("set-cookie", "").startswith(told)
    assert ("set-cookie" in found.headers) == bool(told)
