"""Shared limits: two processes over one Redis count together; without Redis each counts alone, and its log says so."""

import os
import subprocess
import sys

import pytest
import redis
from limits import parse, parse_many

from platform_app.api.rest import access
from platform_app.api.shared_limits import SharedLimiter
from platform_app.errors import LimitReached
from platform_app.models.person import Identity
from platform_app.services.accounts import sign_in_throttle
from tests.api.keys import a_key, ask
from tests.conftest import forget_process_state

HITS = """
from limits import parse
from platform_app.api.shared_limits import SharedLimiter
limiter = SharedLimiter()
print(sum(limiter.hit([parse("100/hour")], "shared") == 0 for _ in range(80)))
"""


def become_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process has counted in its memory, as another one behind the same proxy."""
    monkeypatch.setattr(access, "_limiter", SharedLimiter())


def test_two_processes_count_together(live_redis: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", HITS], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    allowed = [int(process.communicate(timeout=60)[0].splitlines()[-1]) for process in started]
    assert sum(allowed) == 100


def test_failed_sign_ins_of_two_processes_count_together_without_redis(database: str) -> None:
    failures = """
from platform_app.services.accounts.sign_in_throttle import count_attempt
for _ in range(5):
    count_attempt("ann@acme.test", "203.0.113.7")
"""
    subprocess.run([sys.executable, "-c", failures], env=dict(os.environ), timeout=60, check=True)
    with pytest.raises(LimitReached):
        for _ in range(2):  # the pause after the other process's last one may be over
            sign_in_throttle.count_attempt("ann@acme.test", "203.0.113.7")


@pytest.mark.usefixtures("live_redis")
async def test_a_key_has_one_allowance_over_all_processes(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    key, second = a_key(who), a_key(who)
    monkeypatch.setattr(access, "KEY_REQUESTS", parse("3/minute"))
    answers = []
    for _ in range(4):
        answers.append(await ask(key, "GET", "/contacts"))
        become_another_process(monkeypatch)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
    assert 0 < int(answers[-1].headers["retry-after"]) <= int(answers[0].headers["ratelimit-reset"]) <= 60
    assert (await ask(second, "GET", "/contacts")).status_code == 200


@pytest.mark.usefixtures("live_redis")
async def test_guessing_keys_is_slowed_over_all_processes(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    key = a_key(who)
    monkeypatch.setattr(access, "REFUSED_KEYS", parse("2/minute"))
    codes = []
    for asked in ("gpta_" + "B" * 43, "gpta_" + "C" * 43, "gpta_" + "D" * 43, key):
        answer = await ask(asked, "GET", "/contacts")
        codes.append(answer.status_code)
        become_another_process(monkeypatch)
    assert codes == [401, 401, 429, 429] and 0 < int(answer.headers["retry-after"]) <= 60


async def test_without_redis_a_process_counts_alone_and_says_so(
    who: Identity,
    live_redis: str,
    env: pytest.MonkeyPatch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = a_key(who)
    monkeypatch.setattr(access, "KEY_REQUESTS", parse("2/minute"))
    assert (await ask(key, "GET", "/contacts")).headers["ratelimit-remaining"] == "1"
    env.setenv("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")
    forget_process_state()
    alone = [await ask(key, "GET", "/contacts") for _ in range(3)]
    assert [answer.status_code for answer in alone] == [200, 200, 429]  # never without a limit, and not closed for all
    assert [answer.headers["ratelimit-remaining"] for answer in alone] == ["1", "0", "0"]
    assert "".join(capsys.readouterr()).count("by each web process for itself") == 1
    env.setenv("PLATFORM_REDIS_URL", live_redis)
    forget_process_state()
    assert [(await ask(key, "GET", "/contacts")).status_code for _ in range(2)] == [200, 429]
    assert "for all web processes again" in "".join(capsys.readouterr())


def test_a_count_ends_with_its_window(live_redis: str) -> None:
    limiter, limits = SharedLimiter(), parse_many("2/second; 5/minute")
    first, second = limiter.count(limits, "a")
    assert ((first.left, first.seconds), (second.left, second.seconds)) == ((1, 1), (4, 60))
    client = redis.Redis.from_url(live_redis)
    assert all(client.ttl(name) > 0 for name in client.scan_iter("platform:limit:*"))
    client.close()
