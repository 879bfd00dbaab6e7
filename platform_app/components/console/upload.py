"""Upload: the drop zone for files, which are sent to the upload route and not over the socket."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t

DOCUMENTS = ".txt,.md,.pdf,.docx,.xlsx,.ods,.csv,.tsv,.html,.htm"


class FileUpload(rx.Component):
    """Sends selected or dropped files to an address and shows the progress of each."""

    library = "$/public/upload.jsx"
    tag = "FileUpload"

    address: rx.Var[str]
    category: rx.Var[str]
    accept: rx.Var[str]
    asks: rx.Var[bool]
    single: rx.Var[bool]
    words: rx.Var[dict[str, str]]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


def upload_table(address: Any, on_done: Any) -> rx.Component:
    """Return the drop zone for a table of contacts."""
    return FileUpload.create(
        address=address,
        category="",
        accept=".csv,.tsv,.txt",
        asks=False,
        single=False,
        words={
            "choose": t("Choose a file"),
            "hint": t("or drop it here: CSV with a header row, up to 50 MB"),
            "failed": t("Upload failed. Try again."),
        },
        on_done=on_done,
    )


def upload(address: Any, category: Any, on_done: Any) -> rx.Component:
    """Return the drop zone for documents."""
    return FileUpload.create(
        address=address,
        category=category,
        accept=DOCUMENTS,
        single=False,
        asks=True,  # what becomes of a source of the same name
        words={
            "choose": t("Choose files"),
            "hint": t("or drop them here: PDF, DOCX, XLSX, ODS, CSV, TXT, MD, HTML, up to 50 MB each"),
            "failed": t("Upload failed. Try again."),
            "taken": t("A source with this name already exists."),
            "replace": t("Replace it"),
            "keep": t("Keep both"),
            "skip": t("Don’t upload"),
        },
        on_done=on_done,
    )


def replacement_upload(address: Any, on_done: Any) -> rx.Component:
    """Return the drop zone for a file that replaces that of a source."""
    return FileUpload.create(
        address=address,
        category="",
        accept=DOCUMENTS,
        single=True,
        asks=False,
        words={
            "choose": t("Replace the file"),
            "hint": t("or drop the new one here. The former passages are used until it is indexed."),
            "failed": t("Upload failed. Try again."),
        },
        on_done=on_done,
    )
