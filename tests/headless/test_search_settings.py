"""Search settings page: admins try an embedding model, see it build up, fail and come back; others only look."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.embedding_model import EmbeddingState
from platform_app.models.person import Identity, Role
from platform_app.services.embedding import embedding_models
from platform_app.state.embedding.search_settings import SearchSettingsState
from tests.conftest import forget_process_state, make_member
from tests.embedding.test_embedding_models import library, live, models
from tests.fake_provider import FakeProvider, embeds, refuses, started
from tests.headless.harness import Tab, sign_in
from tests.providers.connected import connect
from tests.talking import call, run_jobs

PAGE = "/manage/acme/knowledge/search"


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    forget_process_state()


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


def seen(tab: Tab, name: str) -> Any:
    return tab.get(SearchSettingsState, name)


async def test_try_choose_fail_retry_and_return(who: Identity, own: FakeProvider) -> None:
    library(who)
    provider_id = connect(who, own, input_price="0.02", output_price="0").id
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert seen(tab, "live") == [] and [option.name for option in seen(tab, "providers")] == ["Own"]
        await tab.send(SearchSettingsState.choose_provider(provider_id))
        assert seen(tab, "models") == [], "they are typed until the provider was tested"
        await tab.send(SearchSettingsState.try_model({"provider": provider_id, "model": " "}))
        assert seen(tab, "problem_field") == "model" and seen(tab, "problem")
        own.embeddings = [refuses(401)]
        await tab.send(SearchSettingsState.try_model({"provider": provider_id, "model": "small"}))
        assert "rejected the API key" in seen(tab, "problem") and seen(tab, "tried_model") == ""
        await tab.send(SearchSettingsState.start())
        assert models(who) == [], "nothing was tried with success"
        own.embeddings = [embeds]
        await tab.send(SearchSettingsState.try_model({"provider": provider_id, "model": "small"}))
        assert seen(tab, "trial_result").startswith("1024 dimensions, $0.0200 per million tokens,")
        assert seen(tab, "trial_estimate").startswith("6 passages are computed again, for about $0.0")
        await tab.send(SearchSettingsState.start())
        (row,) = seen(tab, "changes")
        assert (row.state, row.name) == (EmbeddingState.BUILDING, "small · Own") and seen(tab, "live") == []
        own.embeddings = [refuses(402)]
        run_jobs(who)
        await tab.goto(PAGE)
        (row,) = seen(tab, "changes")
        assert row.state == EmbeddingState.FAILED and "no credit or quota" in row.problem
        own.embeddings = [embeds]
        await tab.send(SearchSettingsState.retry(row.id))
        run_jobs(who)
        await tab.goto(PAGE)
        (row,) = seen(tab, "live")
        assert (row.name, row.dimensions, row.cost, seen(tab, "changes")) == ("small · Own", "1,024", "$0.0000", [])
        await tab.send(SearchSettingsState.return_to_installation())
        assert seen(tab, "changes")[0].name == "Model of the installation"
        await tab.send(SearchSettingsState.cancel(seen(tab, "changes")[0].id))
        assert seen(tab, "changes") == [] and tab.errors == []
    run_jobs(who)
    assert live(who).startswith("own-")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_only_look(who: Identity, own: FakeProvider, role: Role) -> None:
    row = embedding_models.choose(who, connect(who, own).id, "small")
    own.embedded.clear()
    async with Tab(sign_in(make_member(who, role))) as tab:
        await tab.goto(PAGE)
        assert [line.id for line in seen(tab, "changes")] == [row.id]
        for event in (
            SearchSettingsState.choose_provider(row.provider_id),
            SearchSettingsState.try_model({"provider": row.provider_id, "model": "small"}),
            SearchSettingsState.start(),
            SearchSettingsState.return_to_installation(),
            SearchSettingsState.retry(row.id),
            SearchSettingsState.cancel(row.id),
        ):
            await tab.send(event)
        assert seen(tab, "models") == [] and not own.embedded
    assert [line.id for line in call(who, embedding_models.list_models)] == [row.id]
