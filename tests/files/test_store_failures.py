"""Store failures: said in words, bounded in time, without secrets; what was interrupted is not there."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from platform_app import logs
from platform_app.clock import now
from platform_app.config import Settings, settings
from platform_app.db import owned, session_scope
from platform_app.errors import NotFound, PlatformError, Unavailable
from platform_app.files import object_storage, scratch, store_checks, tenant_files
from platform_app.files_address import parse_files_url
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.runtime import doctor
from platform_app.services.jobs import ledger
from platform_app.services.knowledge import uploads
from platform_app.tracing.spans import NO_SPAN
from tests.api_client import HOST, client, sign_in
from tests.conftest import forget_process_state, free_port
from tests.knowledge.test_knowledge import parts, source, upload
from tests.s3_server import ACCESS_KEY, SECRET_KEY, FailingServer, StallingProxy, files_url
from worker.health import Probe
from worker.runner import Runner
from worker.tasks import HANDLERS

ACME = "a" * 32
NO_SUCH_BUCKET = f"<Error><Code>NoSuchBucket</Code><Message>{SECRET_KEY} {ACCESS_KEY}</Message></Error>"


@pytest.fixture
def at(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> "At":
    """Store files in a bucket that is somewhere else, from now on."""
    monkeypatch.setattr(object_storage, "RETRIES", 0)
    monkeypatch.setattr(object_storage, "REQUEST_SECONDS", 1)
    monkeypatch.setattr(store_checks, "problem", store_checks.StoreCheck().problem)
    return At(env)


class At:
    """Says where files are stored."""

    def __init__(self, env: pytest.MonkeyPatch) -> None:
        self.env = env

    def __call__(self, port: int, secret: str = SECRET_KEY) -> None:
        """Let this process use a bucket at a port."""
        self.env.setenv("PLATFORM_FILES_URL", files_url(port, "first/failures", secret))
        forget_process_state()
        tenant_files._object_storage.cache_clear()


def complaints() -> list[str]:
    """Return what each way to use a file says."""
    said = []
    for use in (
        lambda: tenant_files.save_bytes(ACME, b"text"),
        lambda: tenant_files.read_bytes(ACME, f"{ACME}/x"),
        lambda: tenant_files.delete(ACME, f"{ACME}/x"),
        lambda: tenant_files.delete_all(ACME),
        lambda: tenant_files.open_store().check(),
    ):
        with pytest.raises((Unavailable, NotFound)) as error:
            use()
        said.append(str(error.value))
    return said


def test_a_server_that_is_not_there_is_said_in_words(at: At) -> None:
    at(free_port())
    assert complaints() == [object_storage.SILENT] * 5
    tenant_files.discard(ACME, f"{ACME}/x")  # it is deleted another time


def test_a_wrong_key_is_said_in_words_and_not_logged(
    at: At, s3_port: int, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    at(s3_port, "another/secret")
    with caplog.at_level(logging.DEBUG):
        said = complaints()
    assert said[:1] + said[3:] == [object_storage.REFUSED] * 3 and object_storage.REFUSED in said[1:3]
    printed = "".join(capsys.readouterr()) + caplog.text
    assert "the file storage failed" in printed
    for secret in ("another/secret", quote("another/secret", safe=""), ACCESS_KEY):
        assert secret not in printed + logs.redact(f"{settings().files_url.get_secret_value()} {secret}")
    assert "another" not in repr(settings()) + settings().model_dump_json()


@pytest.mark.parametrize(
    ("status", "sentence"), [(404, object_storage.NO_BUCKET), (500, object_storage.SILENT), (0, object_storage.SILENT)]
)
def test_what_a_server_answers_is_said_in_words(
    at: At, status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FailingServer(status, NO_SUCH_BUCKET) as server:
        at(server.port)
        began = time.monotonic()
        with pytest.raises(Unavailable) as error:
            tenant_files.save_bytes(ACME, b"text")
        assert str(error.value) == sentence and time.monotonic() - began < 4
    printed = "".join(capsys.readouterr())
    assert SECRET_KEY not in printed and ACCESS_KEY not in printed


def test_a_busy_server_is_asked_a_few_times(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "RETRIES", 2)
    with FailingServer(503, "<Error><Code>SlowDown</Code></Error>") as server:
        at(server.port)
        with pytest.raises(Unavailable):
            tenant_files.read_bytes(ACME, f"{ACME}/x")
        assert server.requests == 3


async def test_an_upload_leaves_nothing_and_readiness_says_why(at: At, database: str, who: Identity) -> None:
    at.env.setenv("PLATFORM_DATABASE_URL", database)
    at(free_port())
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/uploads/acme", content=b"hello", headers={"X-File-Name": "a.txt"})
        ready = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, object_storage.SILENT)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Source, who.tenant_id)).all() == []
    assert list(settings().uploads.iterdir()) == []
    assert ready.status_code == 200 and ready.json()["files"] is False and ready.json()["status"] == "warn"
    assert ready.json()["filesProblem"] == object_storage.SILENT
    shot = Probe(settings(), Runner({}, 30))._measure()
    assert (shot["status"], shot["files"]["error"]) == ("degraded", object_storage.SILENT)


def a_job(who: Identity) -> Job:
    with session_scope(who.tenant_id, read_only=True) as session:
        job: Job = session.exec(owned(Job, who.tenant_id).where(Job.kind == "index_source")).one()
        return job


async def test_a_job_waits_until_the_storage_is_back(at: At, database: str, who: Identity, s3_port: int) -> None:
    at.env.setenv("PLATFORM_DATABASE_URL", database)
    at(s3_port)
    made = await upload(who)
    at(free_port())
    running = ledger.claim(a_job(who).id)
    assert running is not None
    Runner(HANDLERS, 30)._attempt(running, NO_SPAN)
    job = a_job(who)
    assert (job.state, job.error) == (JobState.QUEUED, object_storage.SILENT) and job.run_at > now()
    assert source(who, made).state == SourceState.READING and source(who, made).error == ""


def test_a_storage_that_hangs_keeps_few_waiting(at: At) -> None:
    with FailingServer() as server:
        at(server.port)
        began = time.monotonic()
        assert [store_checks.problem() for _ in range(20)] == [object_storage.SILENT] * 20
        assert time.monotonic() - began < 2 * store_checks.WAIT_SECONDS and server.requests == 1


def test_the_doctor_says_what_to_do(at: At, s3_port: int) -> None:
    at(s3_port)
    well = doctor.uploaded_files(settings())
    assert well.is_well and well.detail == f"http://127.0.0.1:{s3_port}/first/failures: can be read and written"
    at(s3_port, "another/secret")
    ill = doctor.uploaded_files(settings())
    assert ill.detail.endswith(object_storage.REFUSED) and "PLATFORM_FILES_URL" in ill.advice
    assert "secret" not in ill.detail and store_checks.problem() == object_storage.REFUSED
    at.env.delenv("PLATFORM_FILES_URL")
    forget_process_state()
    assert doctor.uploaded_files(settings()).is_well and store_checks.problem() == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://key:planted@storage.example.com/bucket",
        "s3://storage.example.com/bucket",
        "s3://key@storage.example.com/bucket",
        "s3://key:planted@storage.example.com",
        "s3://key:planted@storage.example.com/Bucket",
        "s3://key:planted@storage.example.com/bucket/../other",
        "s3://key:planted@storage.example.com/bucket?colour=red",
        "s3://key:planted/part@storage.example.com/bucket",
        "s3://key:planted@part@storage.example.com:port/bucket",
        "s3://key:planted@[storage/bucket",
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(env: pytest.MonkeyPatch, url: str) -> None:
    env.setenv("PLATFORM_FILES_URL", url)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert "planted" not in str(error.value) and "files_url" in str(error.value)


def test_an_address_is_taken_apart() -> None:
    address = parse_files_url("s3://AK%2FIA:se%2Fcr%2Bet%40@storage.example.com:9000/bucket/a/b/?region=ru-central1")
    assert address == ("https://storage.example.com:9000", "bucket", "a/b", "ru-central1", "AK/IA", "se/cr+et@")
    assert parse_files_url("s3+http://k:s@[::1]:1/abc").endpoint == "http://[::1]:1"
    assert address.place == "https://storage.example.com:9000/bucket/a/b"


RECEIVE = """
import asyncio
from platform_app.services.jobs import ledger
from platform_app.services.knowledge import uploads
async def body():
    yield b"x" * 1_000_000
    print("begun", flush=True)
    await asyncio.sleep(600)
async def receive():
    async with uploads.store_file("a" * 32, body()):
        pass
asyncio.run(receive())
"""
SEND = """
import os
from platform_app.files import tenant_files
tenant_files.save_bytes("a" * 32, os.urandom(30_000_000))
"""


def started(code: str, **environment: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ | environment, stdout=subprocess.PIPE)


def killed(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)


def test_a_process_that_is_killed_while_it_receives_leaves_no_file(env: pytest.MonkeyPatch) -> None:
    process = started(RECEIVE)
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    killed(process)
    assert list(tenant_files.open_store().list()) == [] and len(list(scratch.folder().iterdir())) == 1
    scratch.delete_old(now() - timedelta(minutes=1))
    assert len(list(scratch.folder().iterdir())) == 1, "somebody may be writing it"
    scratch.delete_old(now() + timedelta(minutes=1))
    assert list(scratch.folder().iterdir()) == []


def test_a_process_that_is_killed_while_it_sends_leaves_no_file(bucket: str, s3_port: int) -> None:
    proxy = StallingProxy(s3_port, 20_000_000)
    process = started(SEND, PLATFORM_FILES_URL=bucket.replace(f":{s3_port}/", f":{proxy.port}/"))
    assert proxy.stalled.wait(20)
    assert list(tenant_files.open_store().list()) == []
    killed(process)
    proxy.close()
    assert list(tenant_files.open_store().list()) == []


def test_a_block_that_fails_deletes_what_it_stored(bucket: str) -> None:
    async def store() -> None:
        async with uploads.store_file(ACME, parts(b"a", b"b")) as file:
            assert tenant_files.read_bytes(ACME, file.stored_as, file.sha256) == b"ab"
            raise PlatformError("No.")

    with pytest.raises(PlatformError, match="No."):
        asyncio.run(store())
    assert list(tenant_files.open_store().list()) == [] and list(settings().uploads.iterdir()) == []
