"""Doctor: checks everything the platform depends on, and advises what to do."""

import os
import shutil
import sys
from collections.abc import Callable

import httpx
import redis
from sqlalchemy.exc import SQLAlchemyError

from platform_app import database_clock, encryption, logs, migrations
from platform_app.config import Settings, split_list
from platform_app.db import session_scope
from platform_app.errors import PlatformError
from platform_app.files import tenant_files
from platform_app.files_address import parse_files_url
from platform_app.install_paths import CLONE
from platform_app.integrations import platform_smtp, smtp
from platform_app.jobs import KINDS
from platform_app.runtime import database_roles, frontend_build, process_checks
from platform_app.runtime.embedded_servers import redis_binary
from platform_app.runtime.finding import Finding
from platform_app.runtime.launcher import answers, is_free
from platform_app.services.accounts import tenant_secrets as kept
from platform_app.services.jobs import job_limits


def python(own: Settings) -> Finding:
    """Check the interpreter."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    advice = "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer."
    return Finding("python", version, advice)


def data_folder(own: Settings) -> Finding:
    """Check that the data folder is writable."""
    folder = own.data_dir.resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    advice = "" if os.access(nearest, os.W_OK) else "Make it writable, or set PLATFORM_DATA_DIR."
    return Finding("data folder", str(folder), advice)


def uploaded_files(own: Settings) -> Finding:
    """Check that files can be written to the file storage, if there is one."""
    url = own.files_url.get_secret_value()
    if not url:
        return Finding("files", "in the data folder, which only this machine has")
    place = parse_files_url(url).place
    try:
        tenant_files.open_store(own).check()
    except PlatformError as error:
        return Finding("files", f"{place}: {error}", "Start the file storage, or correct PLATFORM_FILES_URL.")
    return Finding("files", f"{place}: can be read and written")


def _is_new(own: Settings) -> bool:
    return not own.database_url.get_secret_value() and not (own.data_dir / "platform.db").exists()


def database(own: Settings) -> Finding:
    """Check that the database answers and has the tables of this version."""
    if _is_new(own):
        return Finding("database", "none yet; up makes it")
    try:
        at = migrations.current(own.database)
    except SQLAlchemyError as error:
        reason = logs.redact(str(getattr(error, "orig", None) or error)).strip()
        return Finding("database", reason, "Start the database, or correct PLATFORM_DATABASE_URL.")
    advice = "" if at == migrations.head() else "Run gpt-agents migrate."
    return Finding("database", f"revision {at or 'none'} of {migrations.head()}", advice)


def machine_clock(own: Settings) -> Finding:
    """Check that the clock of this machine is that of the database, within two seconds."""
    if own.database.startswith("sqlite"):
        return Finding("clock", "SQLite has none; this machine's counts")
    try:
        with session_scope(reason="doctor", read_only=True) as session:
            session.connection()  # is measured when it is made
    except SQLAlchemyError:
        return Finding("clock", "not known: the database does not answer")
    sentence = database_clock.problem()
    lead = database_clock.lead_seconds()
    detail = sentence or f"{abs(lead):.1f} s {'ahead of' if lead > 0 else 'behind'} the database’s clock"
    return Finding("clock", detail, "Synchronize the clock of this machine, with NTP for example." if sentence else "")


def row_security(own: Settings) -> Finding:
    """Check that row-level security applies to the application's role."""
    if own.database.startswith("sqlite"):
        return Finding("row security", "SQLite has none; the application keeps tenants apart")
    try:
        weakness = database_roles.weakness(own.database)
    except SQLAlchemyError:  # what is wrong with the database is a finding of its own
        return Finding("row security", "not known: the database does not answer")
    return Finding("row security", weakness or "holds", database_roles.ADVICE if weakness else "")


def job_kinds(own: Settings) -> Finding:
    """Check that the limits of jobs name kinds that there are."""
    unknown = job_limits.unknown_kinds()
    detail = f"no jobs of the kind {', '.join(unknown)}" if unknown else own.job_limits or "none of a kind"
    advice = f"Correct PLATFORM_JOB_LIMITS; the kinds are {', '.join(sorted(KINDS))}." if unknown else ""
    return Finding("job limits", detail, advice)


def secrets(own: Settings) -> Finding:
    """Check that tenants' secrets can be decrypted with the present keys."""
    given = len(split_list(own.secret_key.get_secret_value()))
    keys = f"{given} keys given" if given else "key in the data folder"
    if not given and not encryption.key_file().exists():
        keys = "no key yet; made in the data folder when one is needed"
    try:
        count, lost = (0, 0) if _is_new(own) else kept.count_secrets()
    except SQLAlchemyError:  # what is wrong with the database is a finding of its own
        count = lost = 0
    advice = "Add the key they were kept under to PLATFORM_SECRET_KEY, behind the newest." if lost else ""
    return Finding("secrets", f"{keys}; {count} kept, {lost} of them cannot be read" if count else keys, advice)


def redis_server(own: Settings) -> Finding:
    """Check that Redis accepts the password, or that a private one can be started."""
    url = own.redis_url.get_secret_value()
    if not url:
        return Finding("redis", f"private, {redis_binary()}")
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.AuthenticationError as error:
        return Finding("redis", logs.redact(str(error)), "Correct the password in PLATFORM_REDIS_URL.")
    except redis.RedisError as error:
        return Finding("redis", logs.redact(str(error)), "Start Redis, or correct PLATFORM_REDIS_URL.")
    finally:
        client.close()
    return Finding("redis", "answers")


def chroma(own: Settings) -> Finding:
    """Check that the Chroma server answers."""
    if not own.chroma_url:
        return Finding("chroma", "private")
    if answers(f"{own.chroma_url.rstrip('/')}/api/v2/heartbeat"):
        return Finding("chroma", "answers")
    return Finding("chroma", "does not answer", "Start the Chroma server, or correct PLATFORM_CHROMA_URL.")


def provider(own: Settings) -> Finding:
    """Check that the model provider lists its models."""
    key, base = own.openai_api_key.get_secret_value(), own.openai_base_url
    if not key and not base:
        return Finding("model", "offline model; set OPENAI_API_KEY to use a provider")
    address = (base or "https://api.openai.com/v1").rstrip("/") + "/models"
    try:
        given = httpx.get(address, headers={"authorization": f"Bearer {key}"}, timeout=10)
    except httpx.HTTPError as error:
        return Finding("model", type(error).__name__, "Check the network, or correct OPENAI_BASE_URL.")
    if given.status_code in (401, 403):
        return Finding("model", f"refuses the key ({given.status_code})", "Correct OPENAI_API_KEY.")
    if given.status_code != 200:
        return Finding("model", f"answers {given.status_code}", "Correct OPENAI_BASE_URL, or try again later.")
    return Finding("model", f"{base or 'OpenAI'} answers")


def platform_mail(own: Settings) -> Finding:
    """Check the platform's own mail server and the address of links in its e-mails."""
    if not own.smtp_url.get_secret_value():
        return Finding("mail", "none; links of invitations and new passwords are shown to copy")
    server = platform_smtp.get_server()
    try:
        smtp.check_server(server)
    except PlatformError as error:
        return Finding("mail", logs.redact(str(error)), "Correct PLATFORM_SMTP_URL, or start the mail server.")
    advice = "" if own.public_url else "Set PLATFORM_PUBLIC_URL: links in e-mails lead there."
    return Finding("mail", f"{server.host} answers; {server.sender_address} sends", advice)


def console(own: Settings) -> Finding:
    """Check that the console is built, or can be."""
    if frontend_build.is_built():
        return Finding("console", "built")
    advice = "Run make up, which fetches bun." if CLONE else "Install Node.js with npm, or bun."
    return Finding("console", "has to be built", "" if frontend_build.can_build() else advice)


def processes(own: Settings) -> Finding:
    """Check that the running processes have one version and right clocks."""
    return Finding("processes", "none runs") if _is_new(own) else process_checks.processes(own)


def ports(own: Settings) -> Finding:
    """Check that the ports are free, or used by the platform itself."""
    for host, port, name, path in (
        (own.host, own.port, "PLATFORM_PORT", "healthz"),
        (own.worker_host, own.worker_port, "PLATFORM_WORKER_PORT", "healthz"),
    ):
        if not is_free(host, port) and not answers(f"http://127.0.0.1:{port}/{path}"):
            return Finding("ports", f"{port} is taken", f"Stop what listens there, or set {name}.")
    return Finding("ports", f"{own.port}, {own.worker_port}")


def disk(own: Settings) -> Finding:
    """Check the free disk space."""
    nearest = next(path for path in (own.data_dir.resolve(), *own.data_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(nearest).free / 1e9
    return Finding("disk", f"{free:.1f} GB free", "" if free > 1 else "Free at least 1 GB.")


CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    python,
    data_folder,
    disk,
    uploaded_files,
    database,
    machine_clock,
    row_security,
    job_kinds,
    secrets,
    redis_server,
    chroma,
    provider,
    platform_mail,
    console,
    process_checks.webhooks,
    processes,
    ports,
)


def examine(own: Settings) -> list[Finding]:
    """Run all checks; one that raises is reported as a finding."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(check(own))
        except (PlatformError, OSError, ValueError) as error:
            findings.append(Finding(check.__name__, type(error).__name__, logs.redact(str(error))))
    return findings
