"""House rules: sizes, words, borders and translations, read from the syntax tree."""

import ast
import re
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from pydantic import BaseModel

from platform_app import jobs

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES, POSITIONAL = 400, 40, 4
OWN = sorted(
    path
    for folder in ("platform_app", "worker", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations/versions" not in path.as_posix() and path.stat().st_size
)
PRODUCT = [path for path in OWN if "tests" not in path.relative_to(ROOT).parts]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `a.b.c()` is `c`."""
    target = node.func
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_sizes(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= FILE_LINES, f"{lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"
            given = [a.arg for a in [*node.args.posonlyargs, *node.args.args] if a.arg not in ("self", "cls")]
            assert len(given) <= POSITIONAL or is_foreign(path, node), f"{node.name} takes {len(given)} parameters"


def is_foreign(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a library dictates the parameters, or pytest gives them by name."""
    return node.name == "_guard" or name_of(path).startswith("tests/")


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_a_module_says_what_it_holds(path: Path) -> None:
    first = (ast.get_docstring(tree(path)) or "").split("\n")[0]
    assert first.endswith("."), "a module begins with one line, Noun: what it holds."


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_what_others_call_is_described(path: Path) -> None:
    for node in ast.iter_child_nodes(tree(path)):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_only_the_database_commits_and_selects(path: Path) -> None:
    if name_of(path) == "platform_app/db.py":
        return
    own = ("commit", "begin_nested")  # a savepoint is opened by `part`, which takes back what else was to follow
    called_here = [(called(node), node.lineno) for node in calls(path) if called(node) in own]
    assert not called_here, f"{called_here} is the database's alone"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("sqlmodel", "sqlalchemy"):
            bare = {alias.name for alias in node.names} & {"select", "update", "delete", "insert", "text"}
            allowed = {"text"} if name_of(path) in WITH_RAW_SQL else set()
            assert bare <= allowed, f"{bare} in line {node.lineno}"
        bypass = isinstance(node, ast.Attribute) and node.attr == "__table__"  # held to no tenant
        assert not bypass, f"__table__ in line {getattr(node, 'lineno', 0)}"


# An index condition, probes that ask SELECT 1, and claims in the ledger's own SQL.
WITH_RAW_SQL = {
    "platform_app/models/job.py",
    "platform_app/models/sequence.py",
    "platform_app/api/app.py",
    "worker/health.py",
}


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_only_the_clock_reads_the_wall_clock(path: Path) -> None:
    if name_of(path) == "platform_app/clock.py":
        return
    for node in calls(path):
        words = ast.unparse(node.func)
        assert words not in ("datetime.now", "datetime.utcnow", "date.today", "time.time"), f"line {node.lineno}"


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_nothing_is_evaluated(path: Path) -> None:
    for node in calls(path):
        assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile")), node.lineno


# Makers of Reflex that read their text for its own marks, or run it: `state/browser.py` passes text as data.
_MAKERS = (
    "redirect call_script call_function run_script download set_clipboard set_value set_focus blur_focus scroll_to "
    "console_log window_alert toast remove_cookie remove_local_storage remove_session_storage"
)
MAKERS = frozenset(_MAKERS.split())


def is_constant(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or (
        isinstance(node, ast.Name) and node.id.strip("_").isupper()
    )


def maker(node: ast.Call) -> str:
    """Return which maker of Reflex a call is: `rx.toast.error()` is `toast`."""
    words = ast.unparse(node.func).split(".")
    return words[1] if words[0] == "rx" and words[1:2] and words[1] in MAKERS else ""


def chained(node: ast.Call) -> bool:
    """Tell whether a call makes an event of a handler with arguments: `SomeState.name(text)`."""
    target = node.func
    if not isinstance(target, ast.Attribute) or not (node.args or node.keywords) or target.attr.startswith("_"):
        return False
    owner = ast.unparse(target.value)
    return owner.endswith("State") or owner == "type(self)"


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_text_reaches_the_browser_as_data(path: Path) -> None:
    """Nothing that a person, a customer or a document wrote stands in a script, or goes through Reflex's decoder."""
    in_state = "state" in path.relative_to(ROOT).parts
    for node in calls(path):
        if in_state:
            assert not maker(node), f"{node.lineno}: use platform_app.state.browser"
            assert not chained(node), f"{node.lineno}: use browser.chain"
        if maker(node) == "call_script" or ast.unparse(node.func) == "browser.call":
            assert is_constant(node.args[0]), f"{node.lineno}: a script is a constant; pass what varies as an argument"


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_names_are_nouns_that_say_something(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^class \w*(Manager|Helper|Utils?)\b", text, re.MULTILINE)
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    assert not re.search(r"^\s*#\s*[-=#*]{4,}", text, re.MULTILINE), "no banners"


def test_every_payload_is_in_the_union_and_has_its_actor() -> None:
    payloads = {
        found.__name__: found.model_fields["kind"].default
        for found in vars(jobs).values()
        if isinstance(found, type) and issubclass(found, BaseModel) and found.__module__ == jobs.__name__
    }
    assert set(payloads.values()) == set(jobs.KINDS)
    tasks = (ROOT / "worker" / "tasks.py").read_text()
    for kind in jobs.KINDS:
        assert re.search(rf"\b{kind}\b", tasks), f"{kind} has no actor in worker/tasks.py"


def test_imports_point_one_way() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:]


# Functions whose string literals are message ids, and the argument that holds them.
ERRORS = ("Invalid", "NotFound", "Forbidden", "Conflict", "LimitReached", "Unavailable")
SPEAKERS = dict.fromkeys(("t", *ERRORS), 0) | dict.fromkeys(("translate", "plural", "lookup", "problem", "say"), 1)


def spoken(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every message id of a file with its line."""
    for node in calls(path):
        name, asked = called(node), []
        if name in SPEAKERS:
            asked = node.args[SPEAKERS[name] : SPEAKERS[name] + 1]
        elif name == "record" and ast.unparse(node.func).startswith("activity."):
            asked = node.args[3:4] + [word.value for word in node.keywords if word.arg == "sentence"]
        for argument in asked:
            for literal in literals(argument):
                yield literal, node.lineno


def literals(argument: ast.expr) -> Iterator[str]:
    """Yield the strings that an argument may be: itself, or either side of a choice."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.strip():
        yield argument.value
    elif isinstance(argument, ast.IfExp):
        yield from literals(argument.body)
        yield from literals(argument.orelse)


# What is said on the command line, in English alone.
COMMAND_LINE = {f"platform_app/{n}.py" for n in ("launcher", "cli", "doctor", "frontend", "datafolder", "servers")}


def russian() -> dict[str, list[tuple[str, object]]]:
    """Return every Russian message by its id: in which catalogs, and what it says."""
    found: dict[str, list[tuple[str, object]]] = {}
    for path in sorted((ROOT / "platform_app" / "locales" / "ru").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="ru"):
                if message.id:
                    msgid = message.id if isinstance(message.id, str) else message.id[0]
                    found.setdefault(msgid, []).append((path.name, message.string))
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("path", [path for path in PRODUCT if name_of(path) not in COMMAND_LINE], ids=name_of)
def test_every_sentence_has_its_russian(path: Path) -> None:
    known = russian()
    assert not [f"{line}: {said}" for said, line in spoken(path) if said not in known and re.search("[A-Za-z]", said)]


def test_catalogs_agree_with_each_other() -> None:
    for msgid, entries in russian().items():
        catalogs = [name for name, _ in entries]
        assert len({repr(said) for _, said in entries}) == 1, f"{msgid!r} differs between {catalogs}"


def test_translations_keep_their_places() -> None:
    for msgid, entries in russian().items():
        for name, said in entries:
            forms = [said] if isinstance(said, str) else list(said)  # type: ignore[call-overload]
            assert all(forms), f"{name}: {msgid!r} is empty"
            for form in forms:
                assert places(form) == places(msgid), f"{name}: {msgid!r}"


def test_sizes_have_a_short_tail() -> None:
    lines = sorted(len(path.read_text().splitlines()) for path in PRODUCT)
    assert lines[int(len(lines) * 0.95)] <= 250, Counter(length // 50 * 50 for length in lines)
