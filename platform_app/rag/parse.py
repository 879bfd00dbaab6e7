"""Parse: turns an uploaded file into Markdown text, in a child process with little time and memory."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

from platform_app.config import settings
from platform_app.errors import Invalid, Unavailable

KINDS = {".txt": "text", ".md": "text", ".pdf": "pdf", ".docx": "docx", ".html": "html", ".htm": "html"}
UNPACKED_LIMIT = 100_000_000  # bytes of all parts of a DOCX together
RATIO_LIMIT = 150
PARTS_LIMIT = 2_000
TEXT_LIMIT = 20_000_000  # characters
_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"
_INVISIBLE = re.compile("[\ufeff\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\U000e0000-\U000e007f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_name(file_name: str) -> str:
    """Return the kind of a file by its name, or say that it cannot be read."""
    kind = KINDS.get(Path(file_name).suffix.lower())
    if kind is None:
        raise Invalid("Files of this kind cannot be read. Upload PDF, DOCX, TXT, MD or HTML.")
    return kind


def check_content(path: Path, kind: str) -> None:
    """Refuse what is empty, is not what its name says, or would unpack without end."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Invalid("The file is empty.")
    if _EICAR in head:
        raise Invalid("The file looks like a virus and was not taken.")
    if kind == "pdf" and b"%PDF-" not in head[:1024]:
        raise Invalid("The file is not a PDF, though its name says so.")
    if kind == "docx":
        _check_zip(path)
    if kind in ("text", "html") and (head[:4] in (b"%PDF", b"PK\x03\x04", b"\x7fELF") or head[:2] == b"MZ"):
        raise Invalid("The file is not a text, though its name says so.")
    if kind == "text" and b"\x00" in head and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise Invalid("The file is not a text, though its name says so.")


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as parts:
            entries = parts.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Invalid("The file is damaged or is not a DOCX.") from error
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    linked = any(entry.external_attr >> 28 == 0xA or ".." in entry.filename.split("/") for entry in entries)
    if unpacked > UNPACKED_LIMIT or unpacked / packed > RATIO_LIMIT or len(entries) > PARTS_LIMIT or linked:
        raise Invalid("The file unpacks to far more than it should, and was not read.")
    if "word/document.xml" not in {entry.filename for entry in entries}:
        raise Invalid("The file is damaged or is not a DOCX.")


def parse(path: Path, file_name: str) -> str:
    """Return the text of a file as Markdown, read by a bounded child process.

    Raises Invalid with a sentence for people when the file cannot be read.
    """
    kind = check_name(file_name)
    check_content(path, kind)
    own = settings()
    command = [sys.executable, "-m", "platform_app.rag.parse", kind, str(path.resolve())]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(__file__).parents[2]), "LANG": "C.UTF-8"}

    def limit() -> None:
        memory, seconds = own.parse_memory_mb * 1024 * 1024, int(own.parse_seconds) + 1
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    try:
        child = subprocess.Popen(  # noqa: S603 - our own module with a path we made
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            preexec_fn=limit,
        )
    except OSError as error:
        raise Unavailable("The file could not be read now. It is tried again.") from error
    try:
        out, _ = child.communicate(timeout=own.parse_seconds)
    except subprocess.TimeoutExpired as error:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise Invalid("The file takes too long to read.") from error
    return _result(child.returncode, out)


def _result(code: int, out: bytes) -> str:
    try:
        answer = json.loads(out)
    except ValueError as error:
        raise Invalid("The file could not be read: it is damaged or too large.") from error
    if code != 0 or "problem" in answer:
        raise Invalid(answer.get("problem", "The file could not be read: it is damaged or too large."))
    return str(answer["text"])


def clean(text: str) -> str:
    """Return a text in one normal form, without characters that nobody sees."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\u00a0]+\n", "\n", text)).strip()


def _read_text(path: Path) -> str:
    from charset_normalizer import from_bytes

    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(data).best()
        if best is None:
            raise Invalid("The file is not a text, though its name says so.") from None
        return str(best)


def _read_pdf(path: Path) -> str:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        sentence = "The PDF is locked with a password." if locked else "The PDF is damaged and cannot be read."
        raise Invalid(sentence) from error
    pages = []
    for page in document:
        pages.append(page.get_textpage().get_text_range())
        page.close()
    text = "\n\n".join(pages)
    if len(text.strip()) < 3:
        raise Invalid("The PDF holds no text, only pictures: it has to be recognised first.")
    return text


def _read_docx(path: Path) -> str:
    import docx
    from docx.table import Table

    blocks: list[str] = []
    for item in docx.Document(str(path)).iter_inner_content():
        if isinstance(item, Table):
            blocks.append("\n".join(" | ".join(cell.text.strip() for cell in row.cells) for row in item.rows))
            continue
        style = (item.style.name or "") if item.style is not None else ""
        level = re.search(r"(?:Heading|Заголовок) (\d)", style)
        prefix = "#" * int(level[1]) + " " if level else "# " if style == "Title" else ""
        blocks.append(prefix + item.text)
    return "\n\n".join(block for block in blocks if block.strip())


def _read_html(path: Path) -> str:
    import trafilatura
    from lxml import html as lxml_html

    source = _read_text(path)
    if re.match(r"\s*(<\?xml[^>]*>\s*)?<svg", source, re.IGNORECASE):
        raise Invalid("Files of this kind cannot be read. Upload PDF, DOCX, TXT, MD or HTML.")
    text = trafilatura.extract(source, output_format="markdown", include_tables=True, favor_recall=True)
    if not text:
        tree = lxml_html.fromstring(source)
        for hidden in tree.xpath("//script|//style|//noscript|//template"):
            hidden.drop_tree()
        text = tree.text_content()
    return str(text)


_READERS = {"text": _read_text, "pdf": _read_pdf, "docx": _read_docx, "html": _read_html}


def main(kind: str, path: str) -> int:
    """Read a file and print its text, or the problem with it, as JSON."""
    try:
        text = clean(_READERS[kind](Path(path)))
        if not text:
            raise Invalid("There is no text in the file.")
        if len(text) > TEXT_LIMIT:
            raise Invalid("The file holds more text than can be taken. Split it.")
        print(json.dumps({"text": text}))
    except Invalid as error:
        print(json.dumps({"problem": error.sentence}))
    except MemoryError:
        print(json.dumps({"problem": "The file could not be read: it is damaged or too large."}))
    except Exception:  # a parser may fail in any way on a hostile file; the person is told, the child ends
        print(json.dumps({"problem": "The file could not be read: it is damaged or too large."}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
