"""Site: a web site on this machine whose pages a test sets, and which notes what it is asked for."""

from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class Answer:
    """What the site says to a path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False  # sends nothing of the body until the test ends


class Site:
    """Serves `pages` by their paths, 404 for all else; `asked` are the paths in their order."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.busy, self.most_at_once = 0, 0
        self.released = Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def put(self, path: str, body: str | bytes, status: int = 200, **headers: str) -> None:
        """Set what the site says to a path; names of headers have _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = Answer(content, status, {"content-type": "text/html; charset=utf-8"} | named)

    def page(self, path: str, title: str, text: str, *links: str) -> None:
        """Set a page with a title, a paragraph and links."""
        anchors = "".join(f'<p><a href="{link}">more</a></p>' for link in links)
        self.put(path, f"<html><head><title>{title}</title></head><body><p>{text}</p>{anchors}</body></html>")

    def __enter__(self) -> "Site":
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.busy += 1
            site.most_at_once = max(site.most_at_once, site.busy)
            site.asked.append(self.path)
            site.headers.append({name.lower(): value for name, value in self.headers.items()})
            try:
                self.answer(site.pages.get(self.path, Answer(b"missing", 404)))
            finally:
                site.busy -= 1

        def answer(self, answer: Answer) -> None:
            etag = answer.headers.get("etag", "")
            is_known = etag and self.headers.get("if-none-match") == etag
            body = b"" if is_known else answer.body
            self.send_response(304 if is_known else answer.status)
            for name, value in answer.headers.items():
                for line in value.split("\n"):
                    self.send_header(name, line)
            self.send_header("content-length", str(len(body) + answer.drips))
            self.end_headers()
            self.wfile.write(body)
            if answer.drips:
                self.wfile.flush()
                site.released.wait(30)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler
