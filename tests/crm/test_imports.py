"""Imports: tables in any usual form, columns matched by their heads, rows taken in once."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.models.crm import Contact, ContactImport, FieldKind, Holder, ImportState
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, csv_files, custom_field_definitions, import_job, imports
from platform_app.services.jobs import ledger
from tests.crm.test_contacts import call
from tests.rules.test_rule_crashes import Killed
from tests.stored_files import stored_keys
from worker.runner import MAX_ATTEMPTS, Runner
from worker.tasks import HANDLERS

TABLE = """Имя;Телефон;Почта;Метки;Город
Анна;+7 900 111-22-33;anna@x.io;vip;Пермь
Борис;;boris@x.io;;
Анна Ли;8;;;
;79001112233;;новый;
;;;;
Вера;;nobody;;
"""


async def parts(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1_000):
        yield data[start : start + 1_000]


def read(data: bytes) -> list[list[str]]:
    return list(csv_files.read_rows(io.BytesIO(data)))


def upload(who: Identity, data: bytes, name: str = "people.csv") -> str:
    return asyncio.run(imports.store_upload(who, name, parts(data)))


def run(who: Identity, import_id: str) -> ContactImport:
    """Do the import's job as the worker does."""
    with session_scope(who.tenant_id, read_only=True) as session:
        job = session.exec(owned(Job, who.tenant_id).where(Job.kind == "import_contacts")).one()
    running = ledger.claim(job.id)
    assert running is not None
    import_job.import_contacts(running)
    found: ContactImport = call(who, imports.get, import_id)
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_read_in_any_usual_form(encoding: str, delimiter: str) -> None:
    rows = read(TABLE.replace(";", delimiter).encode(encoding))
    assert rows[0] == ["Имя", "Телефон", "Почта", "Метки", "Город"]
    assert rows[1][:2] == ["Анна", "+7 900 111-22-33"] and len(rows) == 6


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"name,email\n" + b"x,x@x.io\n" * 250_000, "more than 1000 rows"),
        (b"name,email\n" + (b"," * 150 + b"\n") * 20_000, "more than 100 columns"),
        (b"name,email\n" + b"," * 3_000_000, "isn’t a valid table"),
        (b"name,email\n" + b'"a\n",' * 600_000, "isn’t a valid table"),
        (b'name,email\n"' + b"a\n" * 1_500_000, "isn’t a valid table"),
    ],
)
def test_what_is_too_large_is_given_up_before_it_is_read_to_its_end(
    data: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "MAX_ROWS", 1_000)
    file, taken = io.BytesIO(data), 0
    with pytest.raises(Invalid, match=why):
        for _ in csv_files.read_rows(file):
            taken += 1
    assert taken <= 1_000 and file.tell() < len(data) / 2


def test_letters_beyond_the_beginning_say_the_encoding_too() -> None:
    rows = ["name,city", *(["Anna,Perm"] * 40_000), "Анна,Пермь"]
    assert read("\n".join(rows).encode())[-1] == ["Анна", "Пермь"]
    assert read("\n".join(rows).encode("utf-8-sig"))[0] == ["name", "city"]
    assert read("\n".join(["имя,город", *["Анна,Пермь"] * 40_000]).encode("cp1251"))[-1] == ["Анна", "Пермь"]


def test_written_so_that_nothing_is_a_formula() -> None:
    cells = ["=1+1", "+7 900", "-1", "@x", "\tx", "a,b", 'say "hi"', "Анна"]
    written = csv_files.write_rows([["x"] * 8, cells])
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [
        *("'=1+1", "'+7 900", "'-1", "'@x", "'\tx", "a,b", 'say "hi"', "Анна")
    ]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
        ("x\t=1+1", "x\t'=1+1"),
        ("x\n=1+1\r@x", "x\n'=1+1\r'@x"),
        ("x; =1, -2|+3", "x; '=1, '-2|'+3"),
        ('x;"=1"', 'x;"\'=1"'),
        (" =1", " '=1"),
        ("\t\t=1", "'\t\t'=1"),
        ("x;;=1", "x;;'=1"),
        ("a=b; c-d; e@x.io; 1+1", "a=b; c-d; e@x.io; 1+1"),
        ("+7 900 111-22-33", "'+7 900 111-22-33"),
    ],
)
def test_whatever_a_spreadsheet_splits_at_nothing_begins_as_a_formula(cell: str, kept: str) -> None:
    text = csv_files.write_rows([["first", cell, "last"]])
    assert next(csv.reader(io.StringIO(text, newline=""))) == ["first", kept, "last"]
    for line in text.splitlines():
        for separator in ",;\t|":
            for row in csv.reader([line], delimiter=separator):
                assert not [part for part in row if part.lstrip(' "').startswith(("=", "+", "-", "@"))]


def test_rows_are_taken_filled_up_or_refused(who: Identity) -> None:
    call(who, custom_field_definitions.create, Holder.CONTACT, name="Город", kind=FieldKind.TEXT)
    import_id = upload(who, TABLE.encode())
    row = call(who, imports.get, import_id)
    assert row.mapping == {"0": "name", "1": "phones", "2": "emails", "3": "tags", "4": "field.gorod"}
    assert (row.state, row.rows_total, row.sample[0][0]) == (ImportState.READY, 5, "Анна")
    call(who, imports.start, import_id, row.mapping)
    done = run(who, import_id)
    assert (done.state, done.created, done.changed, done.refused) == (ImportState.DONE, 4, 1, 0)
    anna, anna_li, boris, vera = call(who, contacts.list_contacts)[0]
    assert (anna.name, anna.phones, anna.tags, anna.fields) == (
        "Анна",
        ["+7 900 111-22-33"],
        ["vip", "новый"],
        {"gorod": "Пермь"},
    )
    assert boris.emails == ["boris@x.io"]
    incomplete = call(who, imports.list_refused_rows, import_id)
    assert done.incomplete == 2 and (anna_li.phones, vera.emails) == ([], [])
    assert [(one.number, one.contact_id) for one in incomplete] == [(4, anna_li.id), (6, vera.id)]
    assert imports.describe_problems(incomplete[0], "en") == "Phone: Not a valid phone number: 8"
    assert incomplete[1].left_out[0]["field"] == "emails" and incomplete[1].cells[0] == "Вера"
    assert not stored_keys(), "the file goes when it is done"


def test_ended_in_the_middle_it_goes_on_there(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_job, "BATCH_SIZE", 10)
    import_id = begun(who, 95)
    taken = import_job._write_row
    monkeypatch.setattr(import_job, "_write_row", breaking_at(taken, 45))
    with pytest.raises(RuntimeError):
        run(who, import_id)
    assert call(who, imports.get, import_id).rows_done == 40
    assert call(who, contacts.list_contacts)[1] == 40, "nothing half-written stays"
    monkeypatch.setattr(import_job, "_write_row", taken)
    with session_scope(who.tenant_id) as session:
        job = session.exec(owned(Job, who.tenant_id)).one()
        job.state, job.lease_token, job.lease_until = "queued", None, None
    assert run(who, import_id).created == 95
    assert call(who, contacts.list_contacts)[1] == 95


def breaking_at(taken: Any, count: int, fault: type[BaseException] = RuntimeError) -> Any:
    """Return a way to take rows that breaks at one of them, or always."""
    seen: list[int] = []

    def take(*given: Any) -> Any:
        seen.append(1)
        if count in (0, len(seen)):
            raise fault("the worker dies here")
        return taken(*given)

    return take


def job_of(who: Identity) -> Job:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Job = session.exec(owned(Job, who.tenant_id).where(Job.kind == "import_contacts")).one()
        return found


def crash(who: Identity, import_id: str) -> None:
    """Let a worker take the import and die; its lease runs out and is swept."""
    with pytest.raises(Killed):
        run(who, import_id)
    with session_scope(who.tenant_id) as session:
        late = owned_update(Job, who.tenant_id).where(Job.kind == "import_contacts")
        session.execute(late.values(lease_until=now() - timedelta(seconds=1)))
    ledger.recover_abandoned()


def begun(who: Identity, rows: int) -> str:
    lines = [f"Person {number},p{number}@x.io" for number in range(rows)]
    import_id = upload(who, ("name,email\n" + "\n".join(lines)).encode())
    call(who, imports.start, import_id, {"0": "name", "1": "emails"})
    return import_id


def test_workers_that_die_are_not_held_against_an_import_that_comes_on(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_job, "BATCH_SIZE", 2)
    import_id, taken = begun(who, 12), import_job._write_row
    for attempt in range(1, ledger.MAX_CRASHES + 2):
        monkeypatch.setattr(
            import_job, "_write_row", breaking_at(taken, 4, Killed)
        )  # in the second two rows of this attempt
        crash(who, import_id)
        assert call(who, imports.get, import_id).rows_done == 2 * attempt
        assert (job_of(who).state, job_of(who).crashes) == (JobState.QUEUED, 1)
    monkeypatch.setattr(import_job, "_write_row", taken)
    assert run(who, import_id).created == 12
    assert (job_of(who).state, job_of(who).crashes) == (JobState.DONE, 0)


def test_attempts_before_it_came_on_are_not_held_against_an_import(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_job, "BATCH_SIZE", 2)
    import_id, taken = begun(who, 12), import_job._write_row
    for _ in range(MAX_ATTEMPTS - 1):
        monkeypatch.setattr(import_job, "_write_row", breaking_at(taken, 4, Killed))
        crash(who, import_id)
    assert (job_of(who).state, job_of(who).attempts) == (JobState.QUEUED, 1)
    monkeypatch.setattr(import_job, "_write_row", breaking_at(taken, 4))
    work(who, attempts=MAX_ATTEMPTS - 1)
    assert (job_of(who).state, job_of(who).attempts) == (JobState.QUEUED, 1)
    monkeypatch.setattr(import_job, "_write_row", breaking_at(taken, 0))
    for _ in range(1, MAX_ATTEMPTS):
        assert job_of(who).state == JobState.QUEUED
        work(who)
    assert (job_of(who).state, job_of(who).attempts) == (JobState.DEAD, MAX_ATTEMPTS)


def work(who: Identity, **values: Any) -> None:
    """Let a worker take the import now, whenever it was to be tried again."""
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(Job, who.tenant_id).values(run_at=now(), **values))
    runner = Runner(HANDLERS, 30)
    runner.start()
    runner.run(job_of(who).id)
    runner.stop()


@pytest.mark.parametrize("deadly", ["_write_row", "_finish"])
def test_an_import_that_kills_its_workers_in_one_place_is_given_up(
    who: Identity, monkeypatch: pytest.MonkeyPatch, deadly: str
) -> None:
    """At a row, and when there are no rows left: nothing is done then, so nothing has come on."""
    import_id = begun(who, 3)
    monkeypatch.setattr(import_job, deadly, breaking_at(getattr(import_job, deadly), 0, Killed))
    for _ in range(ledger.MAX_CRASHES):
        assert job_of(who).state == JobState.QUEUED
        crash(who, import_id)
    assert job_of(who).state == JobState.DEAD


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("people.xlsx", b"a,b\n1,2"),
        ("people.csv", b""),
        ("people.csv", b"name,email\n"),
        ("people.csv", b"name\n" + b"x\n" * 30),
        ("people.csv", (",".join("abcdefghijk") * 10 + "\n" + "x\n").encode()),
    ],
)
def test_what_is_no_table_leaves_nothing(
    who: Identity, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "MAX_ROWS", 20)
    with pytest.raises(Invalid):
        upload(who, data, name)
    assert not stored_keys()
    assert call(who, imports.list_recent) == []


def test_begun_once_with_columns_that_exist(who: Identity) -> None:
    import_id = upload(who, b"name,email\nAnna,a@x.io\n")
    for mapping in ({}, {"0": ""}, {"0": "tenant_id"}, {"7": "name"}, {"x": "name"}, {"0": "tags"}, {"0": "field.no"}):
        with pytest.raises(Invalid):
            call(who, imports.start, import_id, mapping)
    call(who, imports.start, import_id, {"0": "name"})
    with pytest.raises(Conflict):
        call(who, imports.start, import_id, {"0": "name"})
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Contact, who.tenant_id)).all() == []


def test_a_phone_that_was_handed_back_is_read_as_it_was() -> None:
    rows = [["phone", "note"], ["+7 900 111-22-33", "'quoted'"], ["-", "@home"]]
    assert read(csv_files.write_rows(rows).encode()) == rows
