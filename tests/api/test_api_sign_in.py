"""Sign-in routes: the cookie, the ticket, and where people are led."""

import pytest

from platform_app.api.sign_in import safe_redirect
from platform_app.config import settings
from platform_app.db import session_scope, unscoped
from platform_app.models.person import Identity, Session, SignInTicket
from platform_app.services.accounts import sessions
from tests.api_client import HOST, client, sign_in, ticket_for
from tests.conftest import forget_process_state


async def test_a_ticket_becomes_a_cookie(who: Identity) -> None:
    ticket = ticket_for(who)
    async with client() as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket, "next": "/manage/acme?page=2"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/manage/acme?page=2")
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "session"
        assert set(rest.split("; ")[1:]) == {"HttpOnly", "Max-Age=7776000", "Path=/", "SameSite=lax"}
        found = sessions.get_identity(browser.cookies["session"], "acme")
        assert found is not None
        assert found.user_id == who.user_id
        browser.cookies.clear()
        again = await browser.get("/auth/claim", params={"ticket": ticket})
    assert (again.status_code, again.headers["location"], again.headers.get("set-cookie")) == (303, "/sign-in", None)


@pytest.mark.parametrize("public_url", ["", "https://console.acme.example"])
async def test_under_https_the_cookie_is_bound(who: Identity, env: pytest.MonkeyPatch, public_url: str) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", public_url)
    settings.cache_clear()
    async with client(scheme="http" if public_url else "https") as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket_for(who)})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-session"
    assert set(rest.split("; ")[1:]) == {"HttpOnly", "Max-Age=7776000", "Path=/", "SameSite=lax", "Secure"}
    assert "domain" not in rest.lower()


async def test_under_https_a_plain_cookie_opens_nothing(who: Identity) -> None:
    """A neighbour's domain can set a plain cookie for this one, never the bound one."""
    token = sign_in(who)
    async with client(scheme="https", Cookie=f"session={token}") as browser:
        assert (await browser.get("/api/sources/acme/x/file")).status_code == 401
    async with client(token, scheme="https") as browser:
        assert (await browser.get("/api/sources/acme/x/file")).status_code == 404


async def test_a_preset_cookie_is_not_taken_over(who: Identity, other: Identity) -> None:
    planted = "planted-by-an-attacker"
    async with client(planted) as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket_for(who)})
    given = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert given != planted
    assert sessions.get_identity(planted, None) is None


async def test_signing_in_again_ends_the_old_session(who: Identity) -> None:
    old = sign_in(who)
    async with client(old) as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket_for(who)})
    assert answer.status_code == 303
    assert sessions.get_identity(old, "acme") is None
    async with client(sign_in(who)) as browser:
        await browser.get("/auth/claim", params={"ticket": "made-up"})
        assert sessions.get_identity(browser.cookies["session"], "acme") is not None


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Referer": f"http://{HOST}/sign-in"}, True),
        ({"Referer": "http://evil.example/"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"http://{HOST}/sign-in"}, False),
    ],
)
async def test_a_page_elsewhere_signs_nobody_in(
    who: Identity, env: pytest.MonkeyPatch, headers: dict[str, str], taken: bool
) -> None:
    env.setenv("REFLEX_ENV_MODE", "prod")
    async with client(**headers) as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket_for(who)})
    assert ("set-cookie" in answer.headers) == taken
    with session_scope(reason="tests", read_only=True) as session:
        assert len(session.exec(unscoped(Session)).all()) == int(taken)
        assert len(session.exec(unscoped(SignInTicket)).all()) == int(not taken)


@pytest.mark.parametrize(
    "wanted", ["/", "/manage/acme", "/manage/acme/knowledge?page=2&sort=-title", "/manage/acme/agents/a1%20b"]
)
def test_a_path_of_ours_is_taken(wanted: str) -> None:
    assert safe_redirect(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "manage",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2fevil.example",
        "%2f%2fevil.example",
        "/%252fevil.example",
        "/%25252fevil.example",
        "/%5cevil.example",
        "/%255c/evil.example",
        "/./\\evil.example",
        "/..//evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " //evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "/\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie: a=b",
        "/\x00/evil.example",
        "/страница",
        "@evil.example",
        "/\u2028/evil.example",
    ],
)
async def test_nobody_is_led_elsewhere(who: Identity, wanted: str) -> None:
    assert safe_redirect(wanted) == "/"
    async with client() as browser:
        answer = await browser.get("/auth/claim", params={"ticket": ticket_for(who), "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_sign_out_ends_the_session_and_takes_the_cookie(who: Identity) -> None:
    token, elsewhere = sign_in(who), sign_in(who)
    async with client(token, Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/auth/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    cleared = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cleared} == {"session", "__Host-session"}
    assert all("Max-Age=0" in cookie for cookie in cleared)
    assert sessions.get_identity(token, "acme") is None
    assert sessions.get_identity(elsewhere, "acme") is not None
    async with client(token) as browser:
        assert (await browser.get("/api/sources/acme/x/file")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://acme.example"},
        {"Origin": f"http://{HOST}.evil.example"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_nobody_else_signs_a_person_out(who: Identity, headers: dict[str, str]) -> None:
    token = sign_in(who)
    async with client(token, **headers) as browser:
        assert (await browser.post("/auth/sign-out")).status_code == 403
    async with client(token) as browser:
        assert (await browser.get("/auth/sign-out")).status_code == 405
    assert sessions.get_identity(token, "acme") is not None


async def test_anybody_may_sign_out(database: str) -> None:
    forget_process_state()
    async with client() as browser:
        assert (await browser.post("/auth/sign-out")).status_code == 303
