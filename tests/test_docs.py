"""Documents: every file, symbol, setting and command that they name exists, and the pictures match their text."""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from opentelemetry import environment_variables
from opentelemetry.sdk import environment_variables as sdk_variables
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from platform_app.cli import app
from platform_app.config import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
SUFFIXES = r"\.(py|md|toml|ya?ml|sql|po|svg|png|jsx?|css|txt|sh|example)$"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
PLACEHOLDER = re.compile(r"NOUN|NAME|\*|[<>{}…]")  # stands for a file that a reader is about to write
FOREIGN = {"rx.redirect", "rx.toast", "rx.call_script", "is_hydrated", "ipaddress", "zxcvbn", "lxml", "cssselect"}
ENVIRONMENT = set(re.findall("[A-Z_]{8,}", (ROOT / "platform_app" / "config.py").read_text()))
FOREIGN |= {"httpcore", "localhost", "openai", "aiohttp"}
ENVIRONMENT |= set(vars(environment_variables)) | set(vars(sdk_variables))  # the standard ones of OpenTelemetry
FOREIGN |= {name for name in vars(gen_ai_attributes).values() if isinstance(name, str)}
FOREIGN |= {"traceparent", "parentbased_traceidratio", "invoke_agent"}


@cache
def diagrams() -> ModuleType:
    """Return the script that draws the pictures, loaded as a module."""
    spec = importlib.util.spec_from_file_location("diagrams", ROOT / "scripts" / "diagrams.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["diagrams"] = module
    spec.loader.exec_module(module)
    return module


def found(path: str) -> Path | None:
    """Return the file or folder that a document names: below the repository or below platform_app."""
    return next((at for at in (ROOT / path, ROOT / "platform_app" / path) if at.exists()), None)


def names_in(path: Path) -> Iterator[str]:
    """Yield every name that a file of Python defines: classes, functions, parameters, variables and fields."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg


@cache
def defined() -> frozenset[str]:
    """Return every name that the code defines, with the names of its modules, folders and pinned packages."""
    names: set[str] = set()
    for folder in ("platform_app", "worker", "tests", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            names |= {path.stem, path.parent.name, *names_in(path)}
    return frozenset(names)


def has_symbol(path: Path, symbol: str) -> bool:
    """Tell whether a file defines a symbol: `name` or `Class.name`; scripts of the browser are searched as text."""
    if path.suffix != ".py":
        return re.search(rf"\b{symbol}\b", path.read_text()) is not None
    tree = ast.parse(path.read_text())
    targets = {ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    made = {node.name for node in ast.walk(tree) if isinstance(node, DEFINITIONS)}
    return set(symbol.split(".")) <= targets | made


def spans(path: Path) -> Iterator[str]:
    """Yield what stands between backticks in a document, blocks of commands left out."""
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL))


def problem_of(span: str) -> str:
    """Return what is wrong with a code span of a document, or an empty string."""
    if PLACEHOLDER.search(span) or span.startswith(("/", "'", "http")):
        return ""
    if words := re.match(r"make ([a-z0-9-]+)", span):
        return "" if re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else "no such target"
    if words := re.match(r"gpt-agents ([a-z-]+)", span):
        commands = {str(one.name or one.callback.__name__).replace("_", "-") for one in app.registered_commands}
        groups = {str(one.name) for one in app.registered_groups}
        return "" if words[1] in commands | groups or words[1].startswith("-") else "no such command"
    if span.startswith("PLATFORM_"):
        setting = span.partition("=")[0].removeprefix("PLATFORM_").lower()
        of_tests = setting.startswith(("test_", "chaos_", "races", "pictures"))
        return "" if of_tests or setting in Settings.model_fields else "no such setting"
    if " " not in span and (re.search(SUFFIXES, span) or re.match(r"[\w.-]+(/[\w.-]+)+/?$", span)):
        return "" if found(span) or found(f"platform_app/{span}") else "no such file"
    if symbol := re.match(r"@?([A-Za-z_][\w.]*?)(\(.*\))?$", span):
        is_foreign = span in FOREIGN or symbol[1] in FOREIGN or symbol[1] in ENVIRONMENT
        missing = [name for name in symbol[1].split(".") if name not in defined()]
        return "" if is_foreign or found(symbol[1]) or not missing else f"no such symbol: {missing}"
    return ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(path: Path) -> None:
    assert {span: problem for span in spans(path) if (problem := problem_of(span))} == {}


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", other.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_pictures_match_their_text() -> None:
    made = diagrams().pictures()
    kept = {path.name: path.read_text() for path in (ROOT / "docs" / "pictures").glob("*.svg")}
    assert kept == made, "run `make diagrams`"


def test_the_five_flows_are_short_and_name_what_exists() -> None:
    flows = diagrams().flows(ARCHITECTURE)
    assert set(flows) == {"message", "event-to-rule", "due-step", "delivery", "upload"}
    for name, steps in flows.items():
        assert 5 <= len(steps) <= 12, name
        for step in steps:
            path = found(step.path)
            assert path is not None and has_symbol(path, step.symbol), f"{name}: {step.path} {step.symbol}"


def test_the_index_has_sixty_entries_whose_files_exist() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", ARCHITECTURE.partition("## Index: looking for")[2], re.MULTILINE)
    assert len(rows) >= 60
    words = [re.sub(r"[^\w ]", "", row[0]).casefold() for row in rows]
    assert words == sorted(words)
    for looked_for, files in rows:
        paths = re.findall(r"`([^`]+)`", files)
        assert paths and all(found(path) for path in paths), looked_for


def test_decisions_are_dated_short_and_in_the_index() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text()
    entries = re.split(r"^## (?=\d+\. )", text, flags=re.MULTILINE)[1:]
    for number, entry in enumerate(entries, 1):
        head, *body = entry.splitlines()
        assert head.startswith(f"{number}. "), head
        assert re.match(r"\*\d{4}-\d{2}-\d{2}\.\*", body[0]), f"{head} has no date"
        assert len(body) <= 40, f"{head} is longer than a screen"
        assert f"[{number}](#{number}-" in text, f"{head} is not in the index"


def test_what_is_not_there_is_noticed() -> None:
    missing = ("services/crm/nothing.py", "make nothing", "gpt-agents nothing", "PLATFORM_NOTHING", "no_such_function")
    assert all(problem_of(span) for span in missing)
    assert not has_symbol(ROOT / "platform_app" / "events.py", "no_such_function")
    with pytest.raises(ValueError, match="not a step"):
        diagrams().flows("### Flow: one\n\n1. **Moon** `a.py` `b`: goes wrong.")
