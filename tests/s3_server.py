"""S3 server: SeaweedFS, a server with the API of S3, and servers that fail as such servers do."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

from platform_app.errors import PlatformError
from platform_app.files.object_storage import ObjectStorage
from platform_app.files_address import parse_files_url

ACCESS_KEY, SECRET_KEY = "an-access-key", "a/secret+key@home"  # characters that a URL holds percent-encoded
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


def files_url(port: int, bucket: str, secret: str = SECRET_KEY) -> str:
    """Return the address of a bucket on this machine."""
    return f"s3+http://{ACCESS_KEY}:{quote(secret, safe='')}@127.0.0.1:{port}/{bucket}"


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def running_s3(folder: Path) -> Iterator[int]:
    """Run SeaweedFS, which makes buckets when they are written to; yield its port once it takes files."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert program is not None, "run: make test-tools"
    signs_in = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    people = [{"name": "tests", "credentials": [signs_in], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]
    (folder / "s3.json").write_text(json.dumps({"identities": people}))
    names = [name for port in _PORTS for name in (port, f"{port}.grpc")]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    command = [program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += [f"-s3.config={folder}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for_files(ports["s3.port"], process, folder / "weed.log")
        yield ports["s3.port"]
    finally:
        process.kill()  # it would take 25 seconds to end by itself
        process.wait(10)


def _wait_for_files(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    pause, store = Event(), ObjectStorage(parse_files_url(files_url(port, "first")))
    for _ in range(600):
        assert process.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe, suppress(PlatformError):
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                store.check()
                return
        pause.wait(0.1)
    raise AssertionError(log.read_text()[-2000:])


class FailingServer:
    """A server that gives each request the same answer, or none at all, and counts requests."""

    def __init__(self, status: int = 0, body: str = "") -> None:
        self.requests, self._released = 0, Event()
        owner = self

        class Answer(BaseHTTPRequestHandler):
            def answer(self) -> None:
                owner.requests += 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not status:
                    owner._released.wait(60)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_address[1]

    def __enter__(self) -> "FailingServer":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()


class StallingProxy:
    """Passes connections on to a port until it has passed on so many bytes, and then nothing more."""

    def __init__(self, port: int, limit: int) -> None:
        self.stalled = Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._target, self._left = port, limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            self._start(self._pass_on, client, server)
            self._start(self._answer, server, client)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while part := client.recv(65_536):
                self._left -= len(part)
                if self._left < 0:
                    self.stalled.set()
                    return
                server.sendall(part)
        except OSError:  # either side is gone
            return

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while part := server.recv(65_536):
                client.sendall(part)
        except OSError:  # either side is gone
            return

    def close(self) -> None:
        """End all connections."""
        for held in (self._listener, *self._sockets):
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for held in (self._listener, *self._sockets):
            held.close()
