"""Parse: files become text, whatever is in them, and hostile ones become a sentence (S19)."""

import resource
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.rag import parsing
from tests.conftest import forget_process_state
from tests.documents import docx, packed, pdf, with_document

DAMAGED = "The file couldn’t be read: it is damaged or too large."
NOT_DOCX = "The file is damaged or isn’t a DOCX."
BOMB = "The archive expands to an unsafe size and was rejected."
OTHER_KIND = "This file type isn’t supported. Upload PDF, DOCX, XLSX, ODS, CSV, TXT, MD or HTML."
NOT_TEXT = "This isn’t a text file, although its name suggests it."
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]><x>&m;</x>"
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


def read(folder: Path, name: str, data: bytes) -> str:
    path = folder / "upload"
    path.write_bytes(data)
    return parsing.parse(path, name)


def refusal(folder: Path, name: str, data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read(folder, name, data)
    return caught.value.sentence


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", b"Plain words.", "Plain words."),
        ("a.TXT", "Слова".encode(), "Слова"),
        ("a.txt", "\ufeffMarked".encode(), "Marked"),
        ("a.txt", "Привет, это обычный русский текст для проверки.".encode("cp1251"), "Привет, это обычный русский"),
        ("a.txt", "Wide".encode("utf-16"), "Wide"),
        ("a.txt", "Wide".encode("utf-32"), "Wide"),
        ("a.txt", b"one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a.txt", "un\u200bseen\u202e".encode(), "unseen"),
        ("a.txt", b"a\x07b", "a b"),
        ("a.md", b"# Head\n\n\n\n\nBody", "# Head\n\nBody"),
        ("a.html", b"<html><script>evil()</script><body><h1>Head</h1><p>Body of it.</p></body></html>", "Body of it."),
        ("a.htm", b"<p>short", "short"),
        ("a.pdf", pdf("First page", "Second page"), "Second page"),
        ("a.txt", "Оплата: 5 €".encode("cp1251"), "Оплата: 5 €"),
        ("a.txt", "Срок".encode("cp1251"), "Срок"),
        ("a.txt", "Режим работы".encode("koi8_r"), "Режим работы"),
        ("a.txt", "Скидка 10%".encode("cp866"), "Скидка 10%"),
        ("a.txt", "Дом".encode("utf-16-le"), "Дом"),
        ("a.txt", "Wide".encode("utf-16-be"), "Wide"),
        ("a.txt", "Größe".encode("cp1252"), "Größe"),
        ("a.txt", "Вход свободный".encode()[:-1], "Вход свободны"),
        ("a.txt", "o\ufb03ce \ufb01le".encode(), "office file"),
        ("a.csv", b"Size;Price\nS;10", "| Size | Price |\n|---|---|\n| S | 10 |"),
        ("a.docx", docx("Words.", heading="Head"), "# Head\n\nWords."),
        ("a.docx", docx(table=(("Size", "Price"), ("S", "10"))), "| Size | Price |\n|---|---|\n| S | 10 |"),
    ],
)
def test_files_become_text(env: object, tmp_path: Path, name: str, data: bytes, text: str) -> None:
    found = read(tmp_path, name, data)
    assert text in found and "evil" not in found


@pytest.mark.parametrize("name", ["a.exe", "a", "a.docx.exe", "a.svg", "a.doc", ".pdf", "a.xls"])
def test_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="can’t be read|isn’t supported"):
        parsing.check_name(name)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.txt", b"", "The file is empty."),
        ("a.txt", b"  \n ", "The file is empty."),
        ("a.txt", "\u200b\u200b".encode(), "The file has no text."),
        ("a.txt", b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD", "The file looks infected and was rejected."),
        ("a.txt", b"MZ\x90\x00", NOT_TEXT),
        ("a.txt", b"\x7fELF", NOT_TEXT),
        ("a.txt", b"a\x00\x01\x02", NOT_TEXT),
        ("a.html", pdf("x"), NOT_TEXT),
        ("a.md", docx("x"), NOT_TEXT),
        ("a.html", b"<svg onload=alert(1)></svg>", OTHER_KIND),
        ("a.pdf", b"not a pdf", "This isn’t a PDF file, although its name ends in .pdf."),
        ("a.pdf", b"%PDF-1.7\n" + b"\x00" * 500, "The PDF is damaged and can’t be read."),
        ("a.pdf", pdf("x")[:200], "The PDF is damaged and can’t be read."),
        ("a.pdf", pdf("secret", password="word"), "The PDF is locked with a password."),
        ("a.pdf", pdf(""), "This PDF contains only images. Run OCR first."),
        ("a.docx", b"PK\x03\x04 and no more", NOT_DOCX),
        ("a.docx", packed({"a.txt": b"a"}), NOT_DOCX),
        ("a.docx", docx("whole")[:-200], NOT_DOCX),
        ("a.docx", packed({"word/document.xml": b"0" * 50_000_000}), BOMB),
        ("a.docx", packed({"word/document.xml": b"x", **{f"p{n}": b"" for n in range(2_100)}}), BOMB),
        ("a.docx", packed({"word/document.xml": b"x", "../../etc/cron.d/x": b"x"}), BOMB),
        ("a.docx", packed({"word/document.xml": b"x"}, link="word/media"), BOMB),
        ("a.docx", packed({"word/document.xml": packed({"inner": b"0" * 40_000_000})}), DAMAGED),
        ("a.xlsx", packed({"xl/workbook.xml": b"0" * 50_000_000}), BOMB),
        ("a.xlsx", packed({"a.txt": b"a"}), "The file is damaged or isn’t an XLSX file."),
        ("a.csv", b"\x7fELF", NOT_TEXT),
        ("a.docx", with_document(b"<not-xml"), DAMAGED),
    ],
)
def test_what_cannot_be_read_is_told_in_words(
    env: object, tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    assert refusal(tmp_path, name, data) == sentence


@pytest.mark.parametrize("xml", [LAUGHS, OUTSIDE])
def test_entities_are_not_followed(env: object, tmp_path: Path, xml: bytes) -> None:
    try:
        found = read(tmp_path, "a.docx", with_document(xml))
    except Invalid as error:
        found = error.sentence
    assert "root:" not in found and "hahaha" not in found


def test_overlapping_parts_do_not_pass(env: object, tmp_path: Path) -> None:
    """A directory that names one part many times claims far more than the file holds."""
    body = packed({"word/document.xml": b"0" * 1_000_000})
    start = body.rindex(b"PK\x01\x02")
    entry, tail = body[start : body.rindex(b"PK\x05\x06")], body[body.rindex(b"PK\x05\x06") :]
    count = 200
    tail = tail[:8] + count.to_bytes(2, "little") * 2 + (len(entry) * count).to_bytes(4, "little") + tail[16:]
    data = body[:start] + entry * count + tail
    path = tmp_path / "bomb"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == count
    assert refusal(tmp_path, "a.docx", data) in (BOMB, NOT_DOCX, DAMAGED)


def test_a_file_that_takes_too_long_is_given_up(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("PLATFORM_PARSE_SECONDS", "0.05")
    forget_process_state()
    assert refusal(tmp_path, "a.txt", b"words " * 100) == "The file takes too long to read."


def test_a_child_that_wants_too_much_memory_ends(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("PLATFORM_PARSE_MEMORY_MB", "64")
    forget_process_state()
    assert refusal(tmp_path, "a.txt", b"\xff" + b"words \n" * 12_000_000) == DAMAGED
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY  # only the child is bound


def test_a_text_without_end_is_refused(
    env: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setattr(parsing, "TEXT_LIMIT", 10)
    path = tmp_path / "long"
    path.write_text("more than ten letters")
    assert parsing.main("text", "text", str(path)) == 0
    assert "too long" in capsys.readouterr().out


REMARKS = [
    (
        "a.txt",
        b"Ten euros\xd1" + " и ещё".encode(),
        "Damaged characters skipped: 1. The rest was read.",
    ),
    ("a.txt", "un\u200bseen\u202e\U000e0041".encode(), "Invisible characters skipped: 3."),
    ("a.html", b"<p>Seen<p hidden>Obey me", "Hidden passages skipped: 1."),
]


@pytest.mark.parametrize(("name", "data", "sentence"), REMARKS)
def test_what_was_left_out_is_told(env: object, tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    path = tmp_path / "upload"
    path.write_bytes(data)
    with parsing.reading(path, name) as found:
        assert [said["sentence"].format(**said["values"]) for said in found.remarks] == [sentence]
        assert len(list(found.pieces)) == 1


def test_pieces_are_taken_one_at_a_time(env: object, tmp_path: Path) -> None:
    """The text is never in this process as a whole: 3 MB of it cost far less."""
    path = tmp_path / "upload"
    path.write_text("".join(f"Sentence {number} says something of its own.\n\n" for number in range(60_000)))
    count = 0
    with parsing.reading(path, "a.txt") as found:
        tracemalloc.start()
        for piece in found.pieces:
            count += len(piece.text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count > 2_500_000 and peak < 500_000


def test_a_child_that_breaks_off_is_told(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setattr(parsing, "OUTPUT_LIMIT", 2_000)
    path = tmp_path / "upload"
    path.write_text("Words that say something. " * 1_000)
    with pytest.raises(Invalid, match="damaged or too large"), parsing.reading(path, "a.txt") as found:
        list(found.pieces)


def test_the_limits_are_settings(env: object) -> None:
    assert settings().parse_memory_mb <= 512 and settings().parse_seconds <= 30
