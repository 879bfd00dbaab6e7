"""Passwords: easy ones are refused, long ones are kept whole, and hashing never takes all memory."""

import asyncio
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest
import zxcvbn

from platform_app.errors import Invalid, Unavailable
from platform_app.i18n import lookup
from platform_app.services.accounts import passwords

GOOD = "vyhlídka 7 plotů"


@pytest.mark.parametrize(
    "password",
    [
        "short7!",
        "password",
        "Password1!",
        "P@ssw0rd",
        "p4$$w0rd2024",
        "12345678",
        "87654321",
        "abcdefghij",
        "aaaaaaaaaaaa",
        "qwertyuiop",
        "trustno1",
        "Iloveyou!!",
        "йцукенгш",
        "Наташа2024",
        "starwars",
        "liverpool9",
        "anna.petrova",
        "Petrova77!",
        "velosklad1",
        "ab" * 200,
        "half a character \ud83d",
        "йцукен123",
        "123йцукен",
        "Йцукен2024!",
        "йфяцычувс1",
        "пароль2024",
        "ПАРОЛЬ!!!1",
        "парольпароль",
        "2024пароль2024",
        "привет123",
        "Москва2024",
        "Зенит-2024",
        "Солнышко1!",
        "solnyshko99",
        "cjkysirj99",
        "gfhjkm2024",
        "ghbdtnvbh1",
        "Екатерина7",
        "Summer2025!",
        "1qaz2wsx3edc",
        "12.05.1987",
        "asdfghjkl;'",
        "zxcvbnm,./",
        "Welcome2024",
        "Monkey12345",
        "abcabcabcabc",
        "password1" * 6,
        "gtnhjdf2024",
    ],
)
def test_easy_and_impossible_ones_are_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.validate_password(password, "petrova@velosklad.test", "Anna.Petrova", "Velosklad")
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password", ["Иванна-Мария7", "ivannamariya1", "bdfyyfvfhbz", "РомашкаПлюс!", "romashkaplyus24"]
)
def test_what_is_known_of_somebody_is_refused_in_any_spelling(password: str) -> None:
    with pytest.raises(Invalid, match="easy to guess"):
        passwords.validate_password(password, "kto@example.test", "Иванна Мария", "Ромашка Плюс")


def test_the_estimate_looks_at_short_ones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[str] = []
    given = zxcvbn.zxcvbn
    monkeypatch.setattr(zxcvbn, "zxcvbn", lambda text, **more: weighed.append(text) or given(text, **more))
    passwords.validate_password("кошка на заборе поёт")
    passwords.validate_password("q8w" * 80 + "кошка на заборе")
    assert len(weighed) == 2 and all(len(text) <= 40 for text in weighed)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_refusal_says_what_to_do(language: str) -> None:
    said = lookup(language, passwords.TOO_EASY)
    assert ("слов" if language == "ru" else "words") in said


@pytest.mark.parametrize("password", ["kxkDq7p2", "дом у реки и мост", "верблюд читает газету", "Tr0ub4dour&3-eh"])
def test_good_ones_are_taken(password: str) -> None:
    assert passwords.validate_password(password, "kto@example.test", "Иванна Мария", "Ромашка Плюс") == password


@pytest.mark.parametrize(
    "password", [GOOD, "just lowercase letters", "9" * 4 + "кошка на заборе", "🦔" * 5 + "ёжик!", "qz1m" * 64]
)
def test_no_rule_asks_for_kinds_of_letters(password: str) -> None:
    assert passwords.validate_password(password) == unicodedata.normalize("NFC", password)


def test_the_list_of_common_ones_is_long() -> None:
    assert len([word for word in passwords._common_passwords() if len(word) >= passwords.MIN_LENGTH]) > 3000


def test_nothing_is_cut_off_and_both_spellings_fit() -> None:
    long = "ž" * 200 + "end"
    stored = passwords.hash_password(passwords.normalize(long))
    assert stored.startswith("$argon2id$")
    assert passwords.verify_password(unicodedata.normalize("NFD", long), stored)
    assert not passwords.verify_password(long[:-1] + "D", stored)


@pytest.mark.parametrize("stored", ["", "-", "$argon2id$broken", "plain text"])
def test_what_is_no_hash_fits_nothing(stored: str) -> None:
    assert not passwords.verify_password(GOOD, stored)
    assert not passwords.verify_password("half \ud83d", stored)


class SlowHasher:
    """Counts how many hash at once, and stays at it until it is told to end."""

    def __init__(self) -> None:
        self.at_work, self.most, self.calls = 0, 0, 0
        self.crowded, self.end, self._lock = Event(), Event(), Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self.at_work, self.calls = self.at_work + 1, self.calls + 1
            self.most = max(self.most, self.at_work)
            if self.at_work == 2:
                self.crowded.set()
        self.end.wait(5)
        with self._lock:
            self.at_work -= 1
        return f"hash of {password}"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHasher]:
    hasher = SlowHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    yield hasher
    hasher.end.set()


def test_two_are_hashed_at_once(slow: SlowHasher) -> None:
    with ThreadPoolExecutor(8) as pool:
        hashes = [pool.submit(passwords.hash_password, str(n)) for n in range(8)]
        assert slow.crowded.wait(5)
        slow.end.set()
        assert [made.result(5) for made in hashes] == [f"hash of {n}" for n in range(8)]
    assert (slow.most, slow.calls) == (2, 8)


def test_who_waits_too_long_is_told(slow: SlowHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.01)
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(passwords.hash_password, str(n)) for n in range(2)]
        assert slow.crowded.wait(5)
        with pytest.raises(Unavailable):
            passwords.hash_password("third")
        slow.end.set()
        assert [made.result(5) for made in busy] == ["hash of 0", "hash of 1"]
    assert passwords.hash_password("later") == "hash of later"


async def test_who_waits_too_long_for_a_thread_is_told(slow: SlowHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [
        asyncio.ensure_future(passwords.run_in_hash_threads(lambda: passwords.hash_password("busy"))) for _ in range(2)
    ]
    assert await asyncio.to_thread(slow.crowded.wait, 5)
    waiting = asyncio.ensure_future(passwords.run_in_hash_threads(lambda: "too late"))
    await asyncio.sleep(0)
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", -1.0)
    slow.end.set()
    with pytest.raises(Unavailable):
        await waiting
    assert await asyncio.gather(*busy) == ["hash of busy"] * 2
