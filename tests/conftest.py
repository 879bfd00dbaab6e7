"""Fixtures: a fresh database, real servers on loopback, a tenant with a person."""

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import hypothesis
import pytest
import redis
import structlog
from sqlalchemy import Engine
from sqlmodel import SQLModel

os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ["PLATFORM_LOG_FORMAT"] = "text"
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
    os.environ.pop(name, None)

from platform_app import config, database_clock, db, notifier
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.runtime import embedded_servers
from tests.postgres import Databases

if TYPE_CHECKING:
    from tests.mail_catcher import Catcher

# The library's own way to show an exception, with the variables of every frame, takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
# Each client reads the certificates anew, for 40 ms of processor time; tests ask servers on loopback again and again.
vars(httpx._transports.default)["create_ssl_context"] = cache(httpx.create_ssl_context)
FULL = bool(os.environ.get("PLATFORM_TEST_FULL"))  # as `make test-full` sets it: every size and combination
hypothesis.settings.register_profile("usual", max_examples=500, deadline=None)
hypothesis.settings.register_profile("full", max_examples=10_000, deadline=None)
hypothesis.settings.load_profile("full" if FULL else "usual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last: Playwright keeps an event loop running until the end of the run."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


_make_engine, _engines = db.make_engine, dict[str, Engine]()


def make_engine(address: str) -> Engine:
    """Build an engine that knows what others of this process have compiled: half of a test's time went there."""
    made = _make_engine(address)
    first = _engines.get(made.dialect.name)
    if first is None or first.dialect.server_version_info is None:  # that one has never connected
        _engines[made.dialect.name] = made
    else:
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
    return made


db.make_engine = make_engine
database_clock.is_enabled = False  # tests move the time of the machine


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(true: Callable[[], object], seconds: float = 30, pause: float = 0.02) -> object:
    """Wait until something is true and return it; fail when it does not become true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := true():
            return result
        time.sleep(pause)
    raise AssertionError(f"not true within {seconds} s")


def forget_process_state() -> None:
    """Make the next use read the environment again."""
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    for cached in (config.settings, db.engine, notifier.connection):
        cached.cache_clear()
    notifier._paused_until = 0.0


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A data folder of this test's own; set further PLATFORM_… names through it, then call forget_process_state."""
    monkeypatch.setenv("PLATFORM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")  # nobody listens: the bell is silent
    (tmp_path / "data").mkdir()
    forget_process_state()
    yield monkeypatch
    forget_process_state()


def make_tables(address: str) -> None:
    """Make every table in an empty database. Closed, a file of SQLite holds its log too."""
    engine = db.make_engine(address)
    SQLModel.metadata.create_all(engine)
    engine.dispose()


@cache
def template(tables: frozenset[str], folder: Path) -> Path:
    """Return a file of SQLite with these tables, all that there are, to be copied; it is made once for a run."""
    made = folder / f"template_{secrets.token_hex(6)}.db"
    make_tables(f"sqlite:///{made}")
    return made


@cache
def databases(server: str, tables: frozenset[str]) -> Databases:
    """Return databases with these tables, all that there are, on a server of PostgreSQL; the run's end drops them."""
    made = Databases(server, make_tables)
    atexit.register(made.close)
    return made


@pytest.fixture
def database(env: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database whose tables are empty: SQLite, or PostgreSQL where PLATFORM_TEST_POSTGRES names a server."""
    server, tables = os.environ.get("PLATFORM_TEST_POSTGRES", ""), frozenset(SQLModel.metadata.tables)
    if not server:
        shutil.copyfile(template(tables, tmp_path_factory.getbasetemp()), config.settings().data_dir / "platform.db")
        yield config.settings().database
        return
    env.setenv("PLATFORM_DATABASE_URL", databases(server, tables).take())
    forget_process_state()
    yield config.settings().database
    db.engine().dispose()
    databases(server, tables).give_back()


def make_tenant(slug: str, role: Role = Role.OWNER, language: str = "en") -> Identity:
    """Write a tenant with one member and return who they are."""
    with db.session_scope(reason="tests") as session:
        tenant = Tenant(slug=slug, name=slug.title(), language=language)
        user = User(email=f"{role}@{slug}.test", name=f"{slug.title()} {role}", password_hash="-", language=language)
        session.add(tenant)
        session.add(user)
        session.flush()
        session.add(Member(tenant_id=tenant.id, user_id=user.id, role=role))
        return Identity(
            user_id=user.id,
            tenant_id=tenant.id,
            role=role,
            name=user.name,
            email=user.email,
            slug=slug,
            tenant_name=tenant.name,
            language=language,
            time_zone=tenant.time_zone,
        )


def make_member(who: Identity, role: Role) -> Identity:
    """Write another member of a tenant and return who they are."""
    with db.session_scope(reason="tests") as session:
        user = User(email=f"other.{role}@{who.slug}.test", name=role.value.title(), password_hash="-", language="en")
        session.add(user)
        session.flush()
        session.add(Member(tenant_id=who.tenant_id, user_id=user.id, role=role))
        return replace(who, user_id=user.id, role=role, name=user.name, email=user.email)


@pytest.fixture
def who(database: str) -> Identity:
    """The owner of a tenant called acme."""
    return make_tenant("acme")


@pytest.fixture
def other(database: str) -> Identity:
    """The owner of another tenant, globex."""
    return make_tenant("globex")


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Run a real Redis that keeps its files in a folder; yield its address once it answers."""
    port, password = free_port(), secrets.token_hex(8)
    command = embedded_servers.redis_command(folder, port, password)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    try:
        wait_for(answers)
        yield url
    finally:
        client.close()
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of this run's own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def live_redis(env: pytest.MonkeyPatch, redis_url: str) -> str:
    """The run's Redis, emptied, as this process's bell."""
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    client.close()
    env.setenv("PLATFORM_REDIS_URL", redis_url)
    forget_process_state()
    return redis_url


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with the API of S3, of this run's own."""
    from tests.s3_server import running_s3

    with running_s3(tmp_path_factory.mktemp("s3")) as port:
        yield port


@pytest.fixture
def bucket(env: pytest.MonkeyPatch, s3_port: int) -> str:
    """An empty folder of a bucket as the place of this process's files; return its address."""
    from tests.s3_server import files_url

    url = files_url(s3_port, f"first/{secrets.token_hex(6)}")
    env.setenv("PLATFORM_FILES_URL", url)
    forget_process_state()
    return url


@pytest.fixture
def catcher(env: pytest.MonkeyPatch) -> Iterator["Catcher"]:
    """A mail server on this machine that wants a sign-in and that e-mail may reach."""
    from tests.mail_catcher import Catcher

    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    config.settings.cache_clear()
    with Catcher(signs_in=True) as made:
        yield made
    config.settings.cache_clear()


@cache
def client() -> httpx.Client:
    """Return the client of `answers`: making one loads every trusted certificate, which takes long."""
    return httpx.Client(timeout=3, limits=httpx.Limits(max_keepalive_connections=0))


def answers(url: str) -> bool:
    """Tell whether a server answers well at an address."""
    try:
        return client().get(url).status_code == 200
    except httpx.HTTPError:
        return False


def server(command: list[str], address: str, asked: str) -> Iterator[str]:
    """Run a server, yield its address once it answers where it is asked, and stop it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: answers(address + asked), 30)
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Chroma server of this run's own."""
    port = free_port()
    command = embedded_servers.chroma_command(tmp_path_factory.mktemp("chroma"), port)
    yield from server(command, f"http://127.0.0.1:{port}", "/api/v2/heartbeat")


@pytest.fixture
def live_chroma(env: pytest.MonkeyPatch, chroma_url: str) -> str:
    """The run's Chroma server as this process's vector index."""
    env.setenv("PLATFORM_CHROMA_URL", chroma_url)
    forget_process_state()
    return chroma_url


@pytest.fixture(scope="session")
def offline_url() -> Iterator[str]:
    """The offline model, as a server of this run's own."""
    port = free_port()
    command = [sys.executable, "-m", "platform_app.llm.offline_model", "--port", str(port)]
    yield from server(command, f"http://127.0.0.1:{port}/v1", "/models")
