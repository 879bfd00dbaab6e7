"""Two-factor at the same moment: a code and a recovery code each let one sign-in through, however many try."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from platform_app.db import session_scope
from platform_app.errors import Forbidden
from platform_app.models.person import Identity
from platform_app.services.accounts import two_factor
from tests.second_factor import set_up

AT_ONCE = 4


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_several_at_once_one_gets_in(who: Identity, kind: str) -> None:
    app, codes = set_up(who)
    code = app.code() if kind == "app" else codes[0]
    with session_scope(reason="tests") as session:
        challenges = [two_factor.issue_challenge(session, who.user_id) for _ in range(AT_ONCE)]
    barrier = Barrier(AT_ONCE)

    def enter(place: int) -> bool:
        barrier.wait(10)
        try:
            return bool(two_factor.redeem_challenge(challenges[place], code, f"198.51.100.{place}")[0])
        except Forbidden:
            return False

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert sum(threads.map(enter, range(AT_ONCE))) == 1
