"""Parsing: converts an uploaded file to pieces of Markdown, in a child process with limited time and memory."""

import errno
import importlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from platform_app.config import settings
from platform_app.errors import Invalid, Unavailable
from platform_app.files import scratch
from platform_app.install_paths import import_path
from platform_app.rag.chunking import Piece, cut
from platform_app.rag.readers.reader_report import Report, say

KINDS = {
    ".txt": "text",
    ".md": "text",
    ".pdf": "pdf",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".ods": "ods",
}
TEXT_LIMIT = 20_000_000  # characters
OUTPUT_LIMIT = 200_000_000  # bytes that the child may write
_READERS = {  # by kind: the module in platform_app.rag.readers and its function; loaded in the child alone
    "text": ("text", "read"),
    "pdf": ("pdf", "read"),
    "docx": ("docx", "read"),
    "html": ("html", "read"),
    "csv": ("sheets", "read_csv"),
    "xlsx": ("sheets", "read_xlsx"),
    "ods": ("ods", "read"),
}
_DAMAGED = "The file couldn’t be read: it is damaged or too large."
_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"
_UNSEEN = "\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\uffa0"
_INVISIBLE = re.compile(f"[{_UNSEEN}\U000e0000-\U000e0fff]")
_JOINERS = re.compile("[\ufeff\u00ad\u200c\u200d]")  # usual in honest texts: they go without a word
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_DISK_FULL = 74  # how the child ends when its output could not be written


@dataclass
class Reading:
    """The output of the child process: remarks about the file, and an iterator of its pieces."""

    remarks: list[dict[str, Any]]  # {"sentence": a message id, "values": {…}}
    pieces: Iterator[Piece]


@dataclass
class WebContent:
    """What a web page has: its title, its links as written, the words of its robots tag, and its text as Markdown."""

    title: str
    base: str  # to which relative links refer; "": the address of the page
    links: list[str]
    robots: str
    own_address: str = ""  # the address that the page calls its own, as written
    asks_password: bool = False
    needs_scripts: bool = False  # scripts write most of what people see
    text: str = ""
    problem: str = ""  # why there is no text, a message id


def check_name(file_name: str) -> str:
    """Return the kind of a file by its name. Raises Invalid if files of this kind cannot be parsed."""
    kind = KINDS.get(Path(file_name).suffix.lower())
    if kind is None:
        raise Invalid("This file type isn’t supported. Upload PDF, DOCX, XLSX, ODS, CSV, TXT, MD or HTML.")
    return kind


def check_content(path: Path, kind: str) -> None:
    """Check that a file is what its name says.

    Raises Invalid if it is empty, looks like a virus, or is of another kind.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Invalid("The file is empty.")
    if _EICAR in head:
        raise Invalid("The file looks infected and was rejected.")
    if kind == "pdf" and b"%PDF-" not in head[:1024]:
        raise Invalid("This isn’t a PDF file, although its name ends in .pdf.")
    looks_binary = head[:4] in (b"%PDF", b"PK\x03\x04", b"\x7fELF") or head[:2] == b"MZ"
    if kind in ("text", "html", "csv") and looks_binary:
        raise Invalid("This isn’t a text file, although its name suggests it.")


@contextmanager
def reading(path: Path, file_name: str) -> Iterator[Reading]:
    """Parse and cut a file in a child process; yield the result.

    Neither the file nor its text is in this process's memory as a whole. Raises Invalid if the file cannot be parsed,
    also while the pieces are iterated, and Unavailable if the child cannot run.
    """
    with _child(path, file_name, "pieces") as out:
        lines = _lines(out)
        yield Reading(next(lines)["remarks"], (Piece(*line["piece"]) for line in lines))


def parse(path: Path, file_name: str) -> str:
    """Return the whole text of a file as Markdown, parsed in a child process. Raises as `reading` does."""
    with _child(path, file_name, "text") as out:
        return "".join(line.get("text", "") for line in _lines(out))


def parse_web_page(path: Path) -> WebContent:
    """Return the content of an HTML file, parsed in a child process.

    Raises Invalid if it cannot be parsed, Unavailable if the child cannot run. A page without text has its links.
    """
    with _child(path, "page.html", "page") as out:
        lines = _lines(out)
        first = next(lines, {})
        if "page" not in first:
            raise Invalid(_DAMAGED)
        content = WebContent(**first["page"])
        try:
            content.text = "".join(line.get("text", "") for line in lines)
        except Invalid as error:
            content.problem = error.sentence
        return content


@contextmanager
def _child(path: Path, file_name: str, wanted: str) -> Iterator[IO[bytes]]:
    """Run the child process and yield the file of its output, which is deleted after the block."""
    kind = check_name(file_name)
    check_content(path, kind)
    own = settings()
    command = [sys.executable, "-P", "-m", "platform_app.rag.parsing", kind, wanted, str(path.resolve())]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": import_path(), "LANG": "C.UTF-8"}

    def limit() -> None:
        memory, seconds = own.parse_memory_mb * 1024 * 1024, int(own.parse_seconds) + 1
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_LIMIT, OUTPUT_LIMIT))

    with tempfile.TemporaryFile(dir=scratch.folder(), prefix=scratch.PREFIX) as out:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own module with a path we made
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                preexec_fn=limit,
            )
        except OSError as error:
            raise Unavailable("Couldn’t read the file. Retrying.") from error
        _wait(child, own.parse_seconds)
        out.seek(0)
        yield out


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        code = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Invalid("The file takes too long to read.") from error
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if code == _DISK_FULL:
        raise Unavailable("Couldn’t read the file. Retrying.")


def _lines(out: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the lines of the child's output. Raises Invalid if it reports a problem or is incomplete."""
    while True:
        try:
            line = json.loads(out.readline())
        except ValueError as error:
            raise Invalid(_DAMAGED) from error
        if "problem" in line:
            raise Invalid(line["problem"], **line["values"])
        if "end" in line:
            return
        yield line


def clean(text: str) -> str:
    """Return a text in Unicode normal form, without invisible characters."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_LIGATURES))
    text = _CONTROL.sub(" ", _JOINERS.sub("", _INVISIBLE.sub("", text)))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\u00a0]+\n", "\n", text)).strip()


def _read(kind: str, path: Path) -> tuple[str, Report]:
    report = Report()
    module, name = _READERS[kind]
    raw: str = getattr(importlib.import_module(f"platform_app.rag.readers.{module}"), name)(path, report)
    if unseen := len(_INVISIBLE.findall(raw)):
        say(report, "Invisible characters skipped: {count}.", count=unseen)
    text = clean(raw)
    if not text:
        raise Invalid("The file has no text.")
    if len(text) > TEXT_LIMIT:
        raise Invalid("The file is too long. Split it into smaller files.")
    return text, report


def _answer(kind: str, wanted: str, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of output for the parent process."""
    try:
        if wanted == "page":
            links = importlib.import_module("platform_app.rag.readers.html_links")
            yield {"page": links.read(path)}
        text, report = _read(kind, path)
        yield {"remarks": report.finish()}
        if wanted in ("text", "page"):
            yield from ({"text": text[start : start + 60_000]} for start in range(0, len(text), 60_000))
        else:
            yield from ({"piece": [piece.heading, piece.text]} for piece in cut(text))
        yield {"end": True}
    except Invalid as error:
        yield {"problem": error.sentence, "values": error.values}
    except Exception:  # a parser may fail in any way on a hostile file; the person is told, the child ends
        yield {"problem": _DAMAGED, "values": {}}


def main(kind: str, wanted: str, path: str) -> int:
    """Parse the file at `path` and print its pieces, or the problem, as lines of JSON; return the exit code.

    `kind` is the type of the file; `wanted` is "text" for its text in parts, "page" for the
    links of a web page and its text, else its chunks are printed."""
    try:
        for line in _answer(kind, wanted, Path(path)):
            print(json.dumps(line, ensure_ascii=False))
        sys.stdout.flush()
    except OSError as error:
        return _DISK_FULL if error.errno == errno.ENOSPC else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
