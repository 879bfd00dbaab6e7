"""Chroma's token: who does not know it finds, reads and changes none of the vectors; what was open before is gone."""

import secrets

import httpx
import pytest

from platform_app.config import settings
from platform_app.rag import vector_index
from tests.conftest import forget_process_state

TEXTS = [("c1", "Доставка по Москве стоит 300 рублей"), ("c2", "Возврат в течение 14 дней")]


def open_with(env: pytest.MonkeyPatch, token: str) -> None:
    env.setenv("PLATFORM_CHROMA_TOKEN", token)
    forget_process_state()
    vector_index._client.cache_clear()


def collections(chroma: str, space: str = "default_tenant") -> list[str]:
    """Return what anybody sees who asks the server for a space."""
    answer = httpx.get(f"{chroma}/api/v2/tenants/{space}/databases/default_database/collections", trust_env=False)
    return [row["name"] for row in answer.json()] if answer.status_code == 200 else []


@pytest.fixture
def tenant(env: pytest.MonkeyPatch, live_chroma: str) -> str:
    vector_index._client.cache_clear()
    return f"t{secrets.token_hex(6)}"


def test_only_the_token_leads_to_the_vectors(env: pytest.MonkeyPatch, live_chroma: str, tenant: str) -> None:
    token = secrets.token_urlsafe(24)
    open_with(env, token)
    vector_index.put(tenant, "s1", TEXTS)
    assert {found for found, _ in vector_index.search(tenant, "Сколько стоит доставка?", 2)} == {"c1", "c2"}
    assert vector_index._name(tenant) not in collections(live_chroma)
    for other in ("", token[:-1], secrets.token_urlsafe(24)):
        open_with(env, other)
        with pytest.raises(vector_index.IndexLost):
            vector_index.search(tenant, "доставка", 2)
        vector_index.clear(tenant)  # nothing of ours is there to be taken away
    open_with(env, token)
    assert len(vector_index.search(tenant, "доставка", 2)) == 2


def test_the_server_tells_nobody_the_name_of_the_space(env: pytest.MonkeyPatch, live_chroma: str, tenant: str) -> None:
    token = secrets.token_urlsafe(24)
    open_with(env, token)
    vector_index.put(tenant, "s1", TEXTS)
    space = vector_index._opened().tenant
    assert token not in space and vector_index._name(tenant) in collections(live_chroma, space)
    paths = httpx.get(f"{live_chroma}/openapi.json", trust_env=False).json()["paths"]
    lists = [path for path, does in paths.items() if "get" in does and "{tenant}" not in path]
    for path in lists:
        said = httpx.get(live_chroma + path.replace("{tenant_name}", "default_tenant"), trust_env=False).text
        assert space not in said and tenant not in said, path


def test_what_was_open_before_there_was_a_token_is_taken_away(
    env: pytest.MonkeyPatch, live_chroma: str, tenant: str
) -> None:
    open_with(env, "")
    vector_index.put(tenant, "s1", TEXTS)
    assert vector_index._name(tenant) in collections(live_chroma)
    open_with(env, secrets.token_urlsafe(24))
    with pytest.raises(vector_index.IndexLost):  # it is built anew, as ever when it is lost
        vector_index.search(tenant, "доставка", 2)
    assert vector_index._name(tenant) not in collections(live_chroma)


def test_a_proxy_in_front_gets_the_token(env: pytest.MonkeyPatch, live_chroma: str) -> None:
    open_with(env, "told")
    assert vector_index._opened().get_settings().chroma_server_headers["Authorization"] == "Bearer told"
    assert "told" not in repr(settings())


def test_a_server_that_has_lost_its_folder_is_filled_again(
    env: pytest.MonkeyPatch, live_chroma: str, tenant: str
) -> None:
    open_with(env, secrets.token_urlsafe(24))
    vector_index.put(tenant, "s1", TEXTS)
    given = vector_index._opened()
    env.setattr(given, "get_or_create_collection", _gone)
    with pytest.raises(vector_index.IndexLost):
        vector_index.put(tenant, "s1", TEXTS)
    assert vector_index._opened() is not given
    vector_index.put(tenant, "s1", TEXTS)


def _gone(*asked: object, **more: object) -> None:
    from chromadb.errors import NotFoundError

    raise NotFoundError("no such space")
