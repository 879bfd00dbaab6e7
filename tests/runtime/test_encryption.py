"""Vault: secrets open for their tenant and purpose alone, outlive a change of keys, and are never silently empty."""

import secrets as chance
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from platform_app import config, db, encryption, logs
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.models.person import Identity
from platform_app.models.secret import Secret
from platform_app.runtime import doctor
from platform_app.services.accounts import tenant_secrets
from tests.conftest import forget_process_state
from tests.runtime.test_cli import cli

ROOT = Path(__file__).parents[2]
OLD, NEW, NEWEST = ("old-" + "o" * 40, "new-" + "n" * 40, "newest-" + "s" * 40)
CANARY = "canary-secret-of-a-tenant"


def use_keys(env: pytest.MonkeyPatch, *keys: str) -> None:
    """Give the platform these keys, as after a restart."""
    env.setenv("PLATFORM_SECRET_KEY", ", ".join(keys))
    forget_process_state()


def keep(who: Identity, purpose: str = "test", secret: str = CANARY) -> None:
    with session_scope(who.tenant_id) as session:
        tenant_secrets.store(session, who.tenant_id, purpose, secret)


def use(who: Identity, purpose: str = "test") -> str | None:
    with session_scope(who.tenant_id, read_only=True) as session:
        return tenant_secrets.read(session, who.tenant_id, purpose)


def rows() -> list[Secret]:
    with session_scope(reason="tests", read_only=True) as session:
        return list(session.exec(unscoped(Secret).order_by(Secret.id)).all())


def test_opens_for_its_tenant_and_purpose_alone(env: pytest.MonkeyPatch) -> None:
    sealed = encryption.encrypt("пароль", "a", "mail")
    assert encryption.decrypt(sealed, "a", "mail") == "пароль" and encryption.encrypt("пароль", "a", "mail") != sealed
    for tenant, purpose in (("b", "mail"), ("a", "other"), ("a\nmail", ""), ("", "a\nmail")):
        with pytest.raises(Conflict, match="n’t be read|encryption key"):
            encryption.decrypt(sealed, tenant, purpose)


def test_what_was_altered_is_not_read(env: pytest.MonkeyPatch) -> None:
    sealed = encryption.encrypt(CANARY, "a", "mail")
    for place in range(len(sealed)):
        other = "A" if sealed[place] != "A" else "B"
        changed = sealed[:place] + other + sealed[place + 1 :]
        with pytest.raises(Conflict):
            assert encryption.decrypt(changed, "a", "mail") == ""
    for nonsense in (
        "",
        "v1",
        "v1..",
        f"{encryption.newest_key_prefix()}",
        f"{encryption.newest_key_prefix()}AAAA",
        sealed[:-8],
        "x" * 5_000,
    ):
        with pytest.raises(Conflict):
            encryption.decrypt(nonsense, "a", "mail")


def test_a_wrong_or_missing_key_is_said(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_keys(env, OLD)
    keep(who)
    use_keys(env, NEW)
    with pytest.raises(Conflict, match="encryption key is missing"):
        use(who)
    use_keys(env)  # the one of the data folder
    with pytest.raises(Conflict, match="encryption key is missing"):
        use(who)
    assert tenant_secrets.count_secrets() == (1, 1)
    use_keys(env, NEW, OLD)
    assert use(who) == CANARY and tenant_secrets.count_secrets() == (1, 0)


def test_keys_are_changed_while_all_stays_readable(who: Identity, other: Identity, env: pytest.MonkeyPatch) -> None:
    use_keys(env, OLD)
    for number in range(205):
        keep(who, f"purpose {number}", f"{CANARY} {number}")
    keep(other)
    for keys in ((NEW, OLD), (NEWEST, NEW)):
        use_keys(env, *keys)
        assert use(who, "purpose 7") == f"{CANARY} 7"
        keep(who, "while it goes on")
        assert tenant_secrets.rotate() == len(rows()) - 1 and tenant_secrets.rotate() == 0
    use_keys(env, NEWEST)
    assert use(who, "purpose 204") == f"{CANARY} 204" and use(other) == CANARY
    assert use(who, "while it goes on") == CANARY


def test_a_rotation_goes_on_where_it_was_stopped_and_tells_what_is_lost(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_keys(env, OLD)
    keep(who, "lost")
    use_keys(env, NEW)
    keep(who, "found")
    use_keys(env, NEWEST, NEW)
    with pytest.raises(Conflict, match="can’t be read with the current keys: 1"):
        tenant_secrets.rotate()
    use_keys(env, NEWEST)
    assert use(who, "found") == CANARY
    use_keys(env, NEWEST, OLD)
    assert tenant_secrets.rotate() == 1 and use(who, "lost") == CANARY


def test_what_is_moved_to_another_row_or_tenant_fails(who: Identity, other: Identity) -> None:
    keep(who)
    keep(who, "second", "something else")
    keep(other, "test", "something of theirs")
    with session_scope(reason="tests") as session:
        first, second, theirs = session.exec(unscoped(Secret).order_by(Secret.id)).all()
        first.sealed, second.sealed, theirs.sealed = second.sealed, theirs.sealed, first.sealed
    for reader, purpose in ((who, "test"), (who, "second"), (other, "test")):
        with pytest.raises(Conflict):
            use(reader, purpose)


def test_nothing_is_kept_in_the_clear(who: Identity, tmp_path: Path) -> None:
    keep(who)
    assert use(who) == CANARY and use(who, "nothing") is None
    db.engine().dispose()
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert encryption.key_file() in kept
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]
    assert all(CANARY not in str(row.sealed) for row in rows())


def test_the_folders_key_is_made_once_by_many_at_once(env: pytest.MonkeyPatch) -> None:
    code = "from platform_app import encryption; print(encryption.newest_key_prefix())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(6)
    ]
    said = {process.communicate(timeout=60)[0] for process in running}
    assert said == {f"{encryption.newest_key_prefix()}\n"}
    path = encryption.key_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.read_text()) >= config.MIN_KEY_CHARS and list(path.parent.iterdir()) == [path]


def test_a_short_key_is_refused_at_the_start(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_SECRET_KEY", f"{OLD},short-canary")
    with pytest.raises(ValidationError, match="at least 32 characters") as refused:
        config.Settings()
    assert "short-canary" not in str(refused.value)
    ended = cli("doctor")
    assert ended.returncode == 2 and "PLATFORM_SECRET_KEY" in ended.stderr and "short-canary" not in ended.stderr


def test_no_key_gets_into_a_log(env: pytest.MonkeyPatch) -> None:
    use_keys(env, NEW, OLD)
    assert logs.redact(f"{OLD} and {NEW}") == "*** and ***"


def test_command_line_and_doctor(who: Identity, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_SECRET_KEY", OLD)
    forget_process_state()
    keep(who)
    use_keys(env, NEW)
    found = doctor.secrets(config.settings())
    assert "1 of them cannot be read" in found.detail and "PLATFORM_SECRET_KEY" in found.advice
    assert cli("secrets", "rotate").returncode == 1
    use_keys(env, NEW, OLD)
    assert cli("secrets", "rotate").stdout.strip() == "1 secrets are encrypted with the newest key."
    use_keys(env, NEW)
    assert doctor.secrets(config.settings()).is_well and use(who) == CANARY


def test_doctor_makes_no_key(env: pytest.MonkeyPatch) -> None:
    assert doctor.secrets(config.settings()).is_well
    assert not encryption.key_file().exists()


@pytest.mark.parametrize(
    ("secret", "shown"), [("", ""), ("hunter2", ""), ("elevenchars", ""), ("abcdefghijkl", "ijkl")]
)
def test_only_the_end_of_a_long_one_is_shown(secret: str, shown: str) -> None:
    assert encryption.visible_suffix(secret) == shown


def test_any_text_comes_back(env: pytest.MonkeyPatch) -> None:
    for text in ("", "\x00", "ключ 🔑", chance.token_urlsafe(20_000)):
        assert encryption.decrypt(encryption.encrypt(text, "a", "b"), "a", "b") == text
