"""Launcher: starts, supervises and stops the whole platform."""

import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType

import httpx
import redis
from rich.console import Console
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from platform_app import logs
from platform_app.config import Settings, settings
from platform_app.data_dir import DataDir
from platform_app.errors import PlatformError, Unavailable
from platform_app.runtime import embedded_servers, frontend_build
from platform_app.runtime.supervisor import Child, Heartbeat, Watchdog, stop

_START_SECONDS = 90.0
_STOP_SECONDS = 9.0
_SERVERS_SECONDS = 2.0  # of the stop, kept for the servers that the worker and the console still need


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Return whether a port can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@cache
def _client() -> httpx.Client:
    """Return the client of all health checks: making one loads every trusted certificate, 20 ms of processor time."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def answers(url: str) -> bool:
    """Return whether an address answers with a page."""
    try:
        return _client().get(url, timeout=2, follow_redirects=True).status_code == 200
    except httpx.HTTPError:
        return False


def is_responding(url: str, wait: float) -> bool:
    """Return whether an address answers within `wait` seconds, with any status."""
    try:
        _client().get(url, timeout=wait)
    except httpx.HTTPError:
        return False
    return True


def redis_is_responding(url: str, wait: float) -> bool:
    """Return whether Redis answers within `wait` seconds, also with an error such as a full disk."""
    try:
        with redis.Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait, retry=None) as client:
            client.ping()
    except redis.ResponseError:
        return True
    except redis.RedisError:
        return False
    return True


def redis_answers(url: str) -> bool:
    """Return whether a Redis server answers at `url` within a second and accepts the password in it."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):  # ValueError: not an address of Redis
        return False


@dataclass
class Platform:
    """The processes that one `up` starts."""

    own: Settings
    folder: DataDir
    watchdog: Watchdog
    console: Console
    dev: bool = False
    fake_kommo: bool = False
    begun: float = field(default_factory=time.monotonic)
    ending: threading.Event = field(default_factory=threading.Event)
    servers: list[Child] = field(default_factory=list)
    parts: list[Child] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def row(self, name: str, state: str, note: str = "") -> None:
        """Print a line of the status table."""
        seconds = f"{time.monotonic() - self.begun:5.1f} s"
        colour = {"ready": "green", "given": "cyan"}.get(state, "yellow")
        self.console.print(f"  {name:<12} [{colour}]{state:<9}[/] {seconds}  {note}", highlight=False, soft_wrap=True)

    def start(self, child: Child, *, note: str = "") -> None:
        """Start a child process and wait until it is ready.

        Raises Unavailable, with the end of its log, if it exits or is not ready in time.
        """
        child.environment = child.environment if child.alone else self.environment | child.environment
        child.start(self.watchdog)
        end = time.monotonic() + _START_SECONDS
        while not child.ready():
            if self.ending.is_set():
                return
            if not child.is_alive or time.monotonic() > end:
                raise Unavailable(f"{child.name} did not start. Its log ends so ({child.log}):\n{_tail(child.log)}")
            time.sleep(0.05)
        self.row(child.name, "ready", note)

    def log(self, name: str) -> Path:
        """Return the path of a child's log."""
        return self.folder.path / "logs" / f"{name}.log"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.is_file() else ""


def _publish_address(up: Platform, name: str, value: str) -> str:
    """Tell an address to the children and to the services that run in this process."""
    up.environment[name] = os.environ[name] = value
    return value


def start_redis(up: Platform) -> None:
    """Use the configured Redis, or start a private one."""
    if given := up.own.redis_url.get_secret_value():
        state = "given" if redis_answers(given) else "silent"
        up.row("redis", state, "" if state == "given" else "the worker goes on trying; work is kept meanwhile")
        return
    port, password = free_port(), up.folder.secret("redis-password")
    url = _publish_address(up, "PLATFORM_REDIS_URL", f"redis://:{password}@127.0.0.1:{port}/0")
    command = embedded_servers.redis_command(up.folder.path / "redis", port, password)
    child = Child("redis", command, lambda: redis_answers(url), up.log("redis"), alone=True)
    child.heartbeat = Heartbeat(lambda wait: redis_is_responding(url, wait), up.own.hang_seconds)
    up.servers.append(child)
    up.start(child, note="private")


def start_chroma(up: Platform) -> None:
    """Use the configured Chroma server, or start a private one."""
    if up.own.chroma_url:
        state = "given" if answers(f"{up.own.chroma_url.rstrip('/')}/api/v2/heartbeat") else "silent"
        up.row("chroma", state, "" if state == "given" else "retrieval goes on by words alone")
        return
    port = free_port()
    url = _publish_address(up, "PLATFORM_CHROMA_URL", f"http://127.0.0.1:{port}")
    _publish_address(
        up, "PLATFORM_CHROMA_TOKEN", up.own.chroma_token.get_secret_value() or up.folder.secret("chroma-token")
    )
    command = embedded_servers.chroma_command(up.folder.path / "chroma", port)
    child = Child("chroma", command, lambda: answers(f"{url}/api/v2/heartbeat"), up.log("chroma"), alone=True)
    child.environment = {"ANONYMIZED_TELEMETRY": "False"}
    child.heartbeat = Heartbeat(lambda wait: is_responding(f"{url}/api/v2/heartbeat", wait), up.own.hang_seconds)
    up.servers.append(child)
    up.start(child, note="private")


def start_offline(up: Platform) -> None:
    """Use the configured address of the offline model, or start it."""
    if up.own.offline_url:
        up.row("model", "given", up.own.offline_url)
        return
    port = free_port()
    url = _publish_address(up, "PLATFORM_OFFLINE_URL", f"http://127.0.0.1:{port}/v1")
    command = [sys.executable, "-P", "-m", "platform_app.llm.offline_model", "--port", str(port)]
    child = Child("model", command, lambda: answers(f"{url}/models"), up.log("model"), alone=True)
    child.heartbeat = Heartbeat(lambda wait: is_responding(f"{url}/models", wait), up.own.hang_seconds)
    up.servers.append(child)
    up.start(child, note="offline; set OPENAI_API_KEY to use a provider")


def start_fake_kommo(up: Platform) -> None:
    """Start a fake Kommo that is called in place of the real one, if that is wanted."""
    if not up.fake_kommo:
        return
    port = free_port()
    url = _publish_address(up, "PLATFORM_KOMMO_API_URL", f"http://127.0.0.1:{port}")
    home = f"http://{_reach(up.own.host)}:{up.own.port}"
    command = [sys.executable, "-P", "-m", "platform_app.demo.fake_kommo", "--port", str(port)]
    command += ["--public", up.own.public_url.rstrip("/") or home, "--local", home]
    child = Child("kommo", command, lambda: answers(f"{url}/"), up.log("kommo"), alone=True)
    up.servers.append(child)
    up.start(child, note=f"a fake, in memory; its page: {url}")


def prepare_database(up: Platform) -> None:
    """Migrate the database. Raises Unavailable if it does not answer."""
    from platform_app import migrations
    from platform_app.runtime import database_roles

    try:
        migrations.upgrade(up.own.migration_database)
        database_roles.grant_access(up.own.migration_database, up.own.database)
        weakness = database_roles.weakness(up.own.database)
    except OperationalError as error:
        raise Unavailable(f"The database isn’t responding: {logs.redact(str(error.orig))}") from error
    up.row("database", "ready", make_url(up.own.database).get_backend_name())
    if weakness:
        up.row("database", "unsafe", f"{weakness}. {database_roles.ADVICE}")


def build_console(up: Platform) -> None:
    """Build the console if it is out of date."""
    if not up.dev:
        frontend_build.build(up.log("build"), lambda text: up.row("console", "building", text))


def ensure_demo(up: Platform) -> tuple[str, str]:
    """Create the demo tenant if needed; return e-mail and password of its sign-in."""
    from platform_app.services.demo import demo

    settings.cache_clear()
    password = up.own.demo_password.get_secret_value() or up.folder.secret("demo-password")
    return demo.ensure_demo(password, up.own.demo_language), password


def start_worker(up: Platform) -> None:
    """Start the worker and wait for its health server."""
    host, port = up.own.worker_host, up.own.worker_port
    url = f"http://{_reach(host)}:{port}"
    command = [sys.executable, "-P", "-m", "worker"]
    if up.dev:
        watch = str(Path(sys.executable).parent / "watchfiles")
        command = [watch, "--filter", "python", shlex.join(command), "platform_app", "worker"]
    child = Child("worker", command, lambda: answers(f"{url}/healthz"), up.log("worker"))
    seconds = min(up.own.stop_seconds, _STOP_SECONDS - _SERVERS_SECONDS - 0.5)
    child.environment = {"PLATFORM_STOP_SECONDS": str(seconds)}
    if not up.dev:  # hot reload starts it anew by itself
        child.heartbeat = Heartbeat(lambda wait: is_responding(f"{url}/healthz", wait), up.own.hang_seconds)
    up.parts.append(child)
    up.start(child, note=f"{url}/health")


def start_web(up: Platform) -> None:
    """Start the console and wait for its first page."""
    host, port = up.own.host, up.own.port
    url = f"http://{_reach(host)}:{port}"
    command, environment = frontend_build.dev_server(port) if up.dev else frontend_build.server(host, port)
    page = frontend_build.DEV_PAGE if up.dev else f"{url}/"
    child = Child("console", command, lambda: answers(f"{url}/ping") and answers(page), up.log("console"))
    child.environment, child.folder = environment, frontend_build.project_dir()
    if not up.dev:
        child.heartbeat = Heartbeat(lambda wait: is_responding(f"{url}/healthz", wait), up.own.hang_seconds)
    up.parts.append(child)
    up.start(child)


def _reach(host: str) -> str:
    """Return the host under which a listener is reached from this machine."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{reached}]" if ":" in reached else reached


def start_all(up: Platform) -> tuple[str, str]:
    """Start every part, in parallel where possible; return e-mail address and password of the demo, or two ""."""
    with ThreadPoolExecutor(max_workers=7) as pool:
        build = pool.submit(build_console, up)
        servers = (start_redis, start_chroma, start_offline, start_fake_kommo, prepare_database)
        _settle(up, [pool.submit(part, up) for part in servers])
        signed_in = ("", "") if up.ending.is_set() else ensure_demo(up)
        worker = pool.submit(start_worker, up)  # indexes the demo while the console is built
        _settle(up, [build])
        _settle(up, [worker, pool.submit(start_web, up)])
    return signed_in


def _settle(up: Platform, futures: list["Future[None]"]) -> None:
    """Wait for all; a first failure makes the others end early and is raised."""
    failure: BaseException | None = None
    for future in futures:
        if (error := future.exception()) is not None:
            failure = failure or error
            up.ending.set()
    if failure is not None:
        raise failure


def check_ports(own: Settings) -> None:
    """Check that the ports are free. Raises Unavailable if another program listens on one."""
    for host, port, name in (
        (own.host, own.port, "PLATFORM_PORT"),
        (own.worker_host, own.worker_port, "PLATFORM_WORKER_PORT"),
    ):
        if not is_free(host, port):
            raise Unavailable(f"Port {port} is taken. Stop what listens there, or set {name} to another port.")


Hear = Callable[[int, Callable[[int, FrameType | None], None]], object]  # signal.signal


def run(console: Console, hear: Hear, *, dev: bool = False, fake_kommo: bool = False) -> int:
    """Start the platform, supervise it until a signal arrives, and stop it; return the exit code."""
    own = settings()
    with DataDir(own.data_dir) as folder:
        check_ports(own)  # after the lock: a killed platform has let go of its ports by then
        os.environ["PLATFORM_DATA_DIR"] = str(folder.path)
        watchdog = Watchdog(folder.lock)
        up = Platform(own, folder, watchdog, console, dev=dev, fake_kommo=fake_kommo)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            hear(number, lambda received, frame: up.ending.set())
        try:
            return _live(up)
        except PlatformError as error:
            console.print(str(error), style="red", markup=False, highlight=False)
            return 1
        finally:
            console.print("Stopping.")
            end = time.monotonic() + _STOP_SECONDS
            stop(up.parts, _STOP_SECONDS - _SERVERS_SECONDS)
            stop(up.servers, max(0.5, end - time.monotonic()))
            watchdog.close()


def _live(up: Platform) -> int:
    up.console.print(f"Data in {up.folder.path}", highlight=False, soft_wrap=True)
    email, password = start_all(up)
    if up.ending.is_set():
        return 0
    address = up.own.public_url or f"http://{_reach(up.own.host)}:{up.own.port}"
    address = frontend_build.DEV_PAGE if up.dev else address
    up.console.print(f"\n  Open      {address}", highlight=False, soft_wrap=True)
    up.console.print(f"  Sign in   {email}  {password}", highlight=False, markup=False, soft_wrap=True)
    up.console.print("  Stop      Ctrl-C\n", highlight=False)
    while not up.ending.wait(0.2):
        for child in [*up.servers, *up.parts]:
            if told := child.watch(up.watchdog):
                up.console.print(f"  {told}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    return 0
