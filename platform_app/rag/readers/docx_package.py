"""DOCX package: the parts of a Word file that contain text, opened without unpacking the others."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lxml import etree

from platform_app.errors import Invalid
from platform_app.rag.readers.zip_package import check_package

_READ = ("document", "styles", "numbering", "footnotes", "endnotes", "header", "footer")
_DAMAGED = "The file is damaged or isn’t a DOCX."


def local(node: Any) -> str:
    """Return an element's name without its namespace; "" for comments and instructions."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def value(node: Any, name: str = "val") -> str | None:
    """Return an attribute by its name without its namespace, or None."""
    if node is None:
        return None
    return next((content for key, content in node.attrib.items() if key.rpartition("}")[2] == name), None)


def child(node: Any, *path: str) -> Any:
    """Return the first child of this name, then its child, and so on; None if one is missing."""
    for name in path:
        if node is None:
            return None
        node = next((inner for inner in node if local(inner) == name), None)
    return node


def is_on(node: Any) -> bool:
    """Return whether an on/off property such as <w:vanish/> is present and not off."""
    return node is not None and (value(node) or "true").lower() not in ("0", "false", "off", "none")


def is_shaded(properties: Any, name: str = "shd") -> bool:
    """Return whether an element has a background that is not white."""
    fill = value(child(properties, name), "fill") or value(child(properties, name), "color")
    return (fill or "auto").lower() not in ("auto", "ffffff")


_WRAPPERS = ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "AlternateContent", "Choice")


def within(parent: Any, *names: str) -> list[Any]:
    """Return the children of these names, also inside content controls and tracked insertions."""
    children = []
    for node in parent:
        if local(node) in names:
            children.append(node)
        elif local(node) in _WRAPPERS:
            children += within(node, *names)
    return children


def check(path: Path) -> None:
    """Check that a file is a DOCX. Raises Invalid if it is damaged, is not a DOCX, or unpacks to too much."""
    if "word/document.xml" not in check_package(path, _DAMAGED):
        raise Invalid(_DAMAGED)


@dataclass
class Style:
    """The properties of a paragraph or run style that matter to the text."""

    name: str = ""
    level: int | None = None  # of a heading, 1 and up
    hidden: bool = False
    white: bool = False
    shaded: bool = False  # in any of its parts: rows and cells of a table style may have their own background
    numbering: tuple[str, int] | None = None  # list and depth
    parent: str | None = None


@dataclass
class Package:
    """The main part and the parts that it refers to."""

    body: Any
    styles: dict[str, Style] = field(default_factory=dict)
    numbering: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)  # by list: format, text, start
    notes: dict[tuple[str, str], Any] = field(default_factory=dict)  # by kind and id
    headers: list[Any] = field(default_factory=list)
    footers: list[Any] = field(default_factory=list)
    comments: int = 0

    def style(self, key: str | None) -> Style:
        """Return a style with the properties it inherits."""
        merged, visited = Style(), set[str]()
        while key in self.styles and key not in visited:
            visited.add(str(key))
            own = self.styles[str(key)]
            merged = Style(
                merged.name or own.name,
                merged.level if merged.level is not None else own.level,
                merged.hidden or own.hidden,
                merged.white or own.white,
                merged.shaded or own.shaded,
                merged.numbering or own.numbering,
            )
            key = own.parent
        return merged


def open_package(path: Path) -> Package:
    """Read the text parts of a checked file. Raises Invalid if the main document is missing."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())

        def part(name: str) -> Any:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
            return etree.fromstring(archive.read(name), parser) if name in names else None

        package = Package(child(part("word/document.xml"), "body"))
        if package.body is None:
            raise Invalid(_DAMAGED)
        _read_styles(package, part("word/styles.xml"))
        _read_numbering(package, part("word/numbering.xml"))
        for kind in ("footnote", "endnote"):
            for note in part(f"word/{kind}s.xml") if f"word/{kind}s.xml" in names else ():
                if local(note) == kind and value(note, "type") in (None, "normal"):
                    package.notes[kind, value(note, "id") or ""] = note
        comments = part("word/comments.xml")
        package.comments = 0 if comments is None else sum(local(comment) == "comment" for comment in comments)
        for name, kind in _linked(package.body, part("word/_rels/document.xml.rels")):
            if name in names:
                (package.headers if kind == "header" else package.footers).append(part(name))
    return package


def _linked(body: Any, relations: Any) -> list[tuple[str, str]]:
    """Return the parts of the headers and footers that a section shows, each once."""
    targets = {}
    for relation in relations if relations is not None else ():
        kind = (relation.get("Type") or "").rsplit("/", 1)[-1]
        if kind in ("header", "footer"):
            target = relation.get("Target") or ""
            name = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("word") / target)
            targets[relation.get("Id")] = (name, kind)
    shown = [
        value(reference, "id")
        for reference in body.iter()
        if local(reference) in ("headerReference", "footerReference")
    ]
    return list(dict.fromkeys(targets[key] for key in shown if key in targets))


def _read_styles(package: Package, part: Any) -> None:
    for node in part if part is not None else ():
        if local(node) != "style":
            continue
        run_properties, paragraph_properties = child(node, "rPr"), child(node, "pPr")
        name = (value(child(node, "name")) or "").lower()
        level = value(child(paragraph_properties, "outlineLvl"))
        fills = {(value(shading, "fill") or "auto").lower() for shading in node.iter() if local(shading) == "shd"}
        shaded = bool(fills - {"auto", "ffffff"})
        hidden, white = is_on(child(run_properties, "vanish")), is_white(run_properties)
        style = Style(name, hidden=hidden, white=white, shaded=shaded)
        if level is not None and level.isdecimal() and int(level) < 9:
            style.level = int(level) + 1
        elif name == "title":
            style.level = 1
        elif name.startswith("heading ") and name[8:].isdecimal():
            style.level = int(name[8:])
        if (number := child(paragraph_properties, "numPr")) is not None and (list_id := value(child(number, "numId"))):
            style.numbering = (list_id, int(value(child(number, "ilvl")) or 0))
        style.parent = value(child(node, "basedOn"))
        package.styles[value(node, "styleId") or ""] = style


def is_white(properties: Any) -> bool:
    """Return whether a run's properties make it white on white."""
    colour = (value(child(properties, "color")) or "").lower()
    if colour not in ("ffffff", "fefefe", "fdfdfd") or child(properties, "highlight") is not None:
        return False
    fill = (value(child(properties, "shd"), "fill") or "auto").lower()
    return fill in ("auto", "ffffff")


def _read_numbering(package: Package, part: Any) -> None:
    levels_by_id: dict[str, list[tuple[str, str, int]]] = {}
    for node in part if part is not None else ():
        if local(node) == "abstractNum":
            levels_by_id[value(node, "abstractNumId") or ""] = [
                (
                    value(child(level, "numFmt")) or "decimal",
                    value(child(level, "lvlText")) or "",
                    int(value(child(level, "start")) or 1),
                )
                for level in node
                if local(level) == "lvl"
            ]
        elif local(node) == "num":
            levels_id = value(child(node, "abstractNumId")) or ""
            package.numbering[value(node, "numId") or ""] = levels_by_id.get(levels_id, [])
