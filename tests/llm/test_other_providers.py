"""Other providers: whole replies through LiteLLM's proxy and through llama.cpp's server, as others wrote them."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from platform_app.llm import catalogue, client, model_limitations
from platform_app.llm.client import FailureReason, ModelRequest, ModelResult
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from tests.conftest import forget_process_state, free_port, wait_for
from tests.llm.test_llm_client import take
from tests.talking import add_source, answered, begin, trace

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "providers"
KEY = "sk-canary-7f3a"
ASK = ModelRequest(model="", messages=[{"role": "user", "content": "Hi"}], temperature=0.5, max_tokens=100)


@contextmanager
def running(command: list[str], log: Path, address: Callable[[str], str], **environment: str) -> Iterator[str]:
    """Run a server; yield its address, read from what it prints, once it answers."""
    errors = log.with_suffix(".errors")  # a file of its own: what is written to both may stand within one line
    with log.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | environment, cwd=log.parent)

    def answering() -> str:
        assert process.poll() is None, f"it did not start: {errors.read_text(errors='replace')[-2000:]}"
        found = address(log.read_text(errors="replace"))
        with suppress(httpx.HTTPError):
            if found and httpx.get(f"{found}/v1/models", headers={"authorization": f"Bearer {KEY}"}).is_success:
                return found
        return ""

    try:
        yield str(wait_for(answering, 300, 0.2))  # the first start compiles all of its packages
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """LiteLLM's proxy with answers of its own making."""
    port, log = free_port(), tmp_path_factory.mktemp("litellm") / "log"
    command = [str(ROOT / ".tools/litellm/bin/litellm"), "--config", str(HERE / "litellm.yaml"), "--host", "127.0.0.1"]
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY, "LITELLM_TELEMETRY": "False"}
    with running([*command, "--port", str(port)], log, lambda _: f"http://127.0.0.1:{port}", **own) as address:
        yield address


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's server with a model that the test writes."""
    folder = tmp_path_factory.mktemp("llama")
    command = [str(ROOT / ".tools/llama/bin/python"), str(HERE / "tiny_model.py"), "tiny.gguf"]

    def printed(text: str) -> str:
        return next(iter(re.findall(r"^(http://[\d.:]+)$", text, re.MULTILINE)), "")

    with running(command, folder / "log", printed) as address:
        yield address


def connect(env: pytest.MonkeyPatch, address: str) -> None:
    """Make it this process's provider."""
    env.setenv("PLATFORM_OPENAI_BASE_URL", address)
    env.setenv("PLATFORM_OPENAI_API_KEY", KEY)
    forget_process_state()
    model_limitations.forget_all()


def asking(model: str, **changed: object) -> ModelRequest:
    return ModelRequest(**{**vars(ASK), "model": model, **changed})


async def test_litellm(env: pytest.MonkeyPatch, litellm: str) -> None:
    connect(env, f"{litellm}/v1")
    text, outcome, fault = await take(asking("says"))
    assert (text, fault, outcome.finish_reason) == ("A full tune-up costs 40 euros [1].", None, "stop")
    assert outcome.model == "says" and outcome.first_token_ms
    assert set(await catalogue.model_names(client.configured_provider())) == {
        "says",
        "thinks",
        "talks-long",
        "too-long",
        "limited",
    }
    text, outcome, fault = await take(asking("thinks"))
    assert (text, fault) == ("Yes, it does.", None)
    assert ("without {value}", "temperature") in outcome.adaptations
    assert (await take(asking("nobody")))[2] == FailureReason.MODEL
    assert (await take(asking("too-long")))[2] == FailureReason.TOO_LONG
    assert (await take(asking("limited")))[2] == FailureReason.BUSY
    async with aclosing(
        client.stream_reply(asking("talks-long"), client.configured_provider(), ModelResult())
    ) as pieces:
        assert await anext(pieces)  # and no more: stopped
    assert (await take(asking("says")))[2] is None
    connect(env, f"{litellm}/no/such/path")
    assert (await take(asking("says")))[2] == FailureReason.ADDRESS


async def test_a_reply_through_litellm(env: pytest.MonkeyPatch, litellm: str, who: Identity) -> None:
    connect(env, f"{litellm}/v1")
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    reply = await answered(who, begin(who, model="says"), "How much is a tune-up?")
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "A full tune-up costs 40 euros.")
    reply = await answered(who, begin(who, model="nobody"))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.MODEL)
    reply = await answered(who, begin(who, model="too-long"))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.TOO_LONG)


async def test_llama_cpp(env: pytest.MonkeyPatch, llama: str) -> None:
    connect(env, f"{llama}/v1")
    assert await catalogue.resolve_model(client.configured_provider(), "") == "tiny.gguf"
    text, outcome, fault = await take(asking("tiny.gguf", max_tokens=16))
    assert (fault, outcome.finish_reason) == (None, "length")
    assert set(text.split()) <= {"yes", "no", "word"} and len(text.split()) == 16
    assert (await take(asking("a name that it passes over", max_tokens=16)))[2] is None
    large = [{"role": "user", "content": "x" * 9000}]
    assert (await take(asking("tiny.gguf", messages=large)))[2] == FailureReason.TOO_LONG
    async with aclosing(
        client.stream_reply(asking("tiny.gguf", max_tokens=3000), client.configured_provider(), ModelResult())
    ) as pieces:
        assert await anext(pieces)
    assert (await take(asking("tiny.gguf", max_tokens=16)))[2] is None
    strict = [{"role": "assistant", "content": "We begin."}, *ASK.messages, *ASK.messages]
    assert (await take(asking("tiny.gguf", messages=strict, max_tokens=16)))[2] is None
    connect(env, f"{llama}/no/such/path")
    assert (await take(asking("tiny.gguf")))[2] == FailureReason.ADDRESS


async def test_a_long_conversation_with_llama_cpp(env: pytest.MonkeyPatch, llama: str, who: Identity) -> None:
    connect(env, f"{llama}/v1")
    opened = begin(who, max_tokens=128, instructions="Be brief.")
    for number in range(3):
        reply = await answered(who, opened, f"{number} " + "how much is it? " * 150)
        assert reply.state == MessageState.COMPLETE and set(reply.text.split()) <= {"yes", "no", "word"}
    why = trace(who, reply).data
    assert why["shortened"] is True and len(why["prompt"]) < 6
    reply = await answered(who, opened, "how much is it? " * 600)  # alone more than the model can read
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.TOO_LONG)
