"""ZIP package: opens files that are ZIP archives, such as DOCX and XLSX, after checking what they would unpack to."""

from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from platform_app.errors import Invalid

UNPACKED_LIMIT = 100_000_000  # bytes of all XML parts together; pictures are never unpacked
RATIO_LIMIT = 150  # unpacked to packed bytes, of archives that unpack to more than RATIO_FROM
RATIO_FROM = 10_000_000
PARTS_LIMIT = 2_000
_BOMB = "The archive expands to an unsafe size and was rejected."
_SYMBOLIC_LINK = 0xA  # file type in the upper bits of the external attributes


def check_package(path: Path, damaged: str) -> list[str]:
    """Return the names of an archive's parts, without unpacking any.

    Raises Invalid with the sentence `damaged` if it is not an archive, and with one of its own if it has too many
    parts, links, parts outside of it, or XML that unpacks to too much.
    """
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Invalid(damaged) from error
    if len(parts) > PARTS_LIMIT or any(_leads_outside(part) for part in parts) or _unpacks_to_too_much(parts):
        raise Invalid(_BOMB)
    return [part.filename for part in parts]


def _leads_outside(part: ZipInfo) -> bool:
    return part.external_attr >> 28 == _SYMBOLIC_LINK or ".." in part.filename.split("/")


def _unpacks_to_too_much(parts: list[ZipInfo]) -> bool:
    read = [part for part in parts if part.filename.endswith((".xml", ".rels"))]
    unpacked, packed = sum(part.file_size for part in read), sum(part.compress_size for part in read)
    return unpacked > UNPACKED_LIMIT or (unpacked > RATIO_FROM and unpacked / max(1, packed) > RATIO_LIMIT)
