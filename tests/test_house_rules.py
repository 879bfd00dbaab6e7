"""House rules: sizes, words, borders and translations, read from the syntax tree."""

import ast
import re
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from pydantic import BaseModel

from platform_app import i18n, jobs
from tests import docstring_rules, home_made_names

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES, POSITIONAL = 400, 40, 4
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Source:
    """A file of Python, read and parsed once for all rules."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call)]


OWN = [
    Source(path.relative_to(ROOT).as_posix(), path.read_text())
    for folder in ("platform_app", "worker", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations/versions" not in path.as_posix() and path.stat().st_size
]
PRODUCT = [source for source in OWN if not source.name.startswith("tests/")]
Rule = Callable[[Source], Iterator[str]]


def broken(rule: Rule, sources: list[Source]) -> list[str]:
    """Return what breaks a rule, a line for each offence with the file's name."""
    return [f"{source.name}: {offence}" for source in sources for offence in rule(source)]


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `a.b.c()` is `c`."""
    target = node.func
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def sizes(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{lines} lines"
    for node in source.nodes:
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.name} has {length} lines"
            given = [a.arg for a in [*node.args.posonlyargs, *node.args.args] if a.arg not in ("self", "cls")]
            if len(given) > POSITIONAL and not is_foreign(source, node):
                yield f"{node.name} takes {len(given)} parameters"


def is_foreign(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a library dictates the parameters, or pytest gives them by name."""
    return node.name == "_guard" or source.name.startswith("tests/")


def first_lines(source: Source) -> Iterator[str]:
    if not (ast.get_docstring(source.tree) or "").split("\n")[0].endswith("."):
        yield "a module begins with one line, Noun: what it holds."


def docstrings(source: Source) -> Iterator[str]:
    for node in ast.iter_child_nodes(source.tree):
        is_named = isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
        if is_named and not ast.get_docstring(node):
            yield f"{node.name} has no docstring"
    yield from docstring_rules.empty_words(source.tree)


def unsaid_raises(source: Source) -> Iterator[str]:
    yield from docstring_rules.unsaid_raises(source.tree)


def transactions(source: Source) -> Iterator[str]:
    """What is the database module's alone: commits, savepoints, bare statements, tables without a tenant."""
    if source.name == "platform_app/db.py":
        return
    for node in source.nodes:
        # a savepoint is opened by `savepoint`, which takes back what else was to follow
        if isinstance(node, ast.Call) and called(node) in ("commit", "begin_nested"):
            yield f"{called(node)} in line {node.lineno} is the database's alone"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("sqlmodel", "sqlalchemy"):
            bare = {alias.name for alias in node.names} & {"select", "update", "delete", "insert", "text"}
            if not bare <= ({"text"} if source.name in WITH_RAW_SQL else set()):
                yield f"{bare} in line {node.lineno}"
        if isinstance(node, ast.Attribute) and node.attr == "__table__":  # held to no tenant
            yield f"__table__ in line {node.lineno}"


# An index condition, probes that ask SELECT 1, and claims in the ledger's own SQL.
WITH_RAW_SQL = {
    "platform_app/models/job.py",
    "platform_app/models/sequence.py",
    "platform_app/services/jobs/job_statements.py",
    "platform_app/api/app.py",
    "worker/health.py",
}


def wall_clocks(source: Source) -> Iterator[str]:
    if source.name == "platform_app/clock.py":
        return
    for node in source.calls:
        if ast.unparse(node.func) in ("datetime.now", "datetime.utcnow", "date.today", "time.time"):
            yield f"the wall clock is read in line {node.lineno}"


def evaluations(source: Source) -> Iterator[str]:
    for node in source.calls:
        if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile"):
            yield f"{node.func.id} in line {node.lineno}"


# Makers of Reflex that read their text for its own marks, or run it: `state/console/browser.py` passes text as data.
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


def text_in_scripts(source: Source) -> Iterator[str]:
    """Nothing that a person, a customer or a document wrote stands in a script, or goes through Reflex's decoder."""
    in_state = "/state/" in source.name
    for node in source.calls:
        if in_state and maker(node):
            yield f"line {node.lineno}: use platform_app.state.console.browser"
        if in_state and chained(node):
            yield f"line {node.lineno}: use browser.chain"
        is_script = maker(node) == "call_script" or ast.unparse(node.func) == "browser.call_function"
        if is_script and not is_constant(node.args[0]):
            yield f"line {node.lineno}: a script is a constant; pass what varies as an argument"


def empty_words(source: Source) -> Iterator[str]:
    yield from re.findall(r"^class \w*(?:Manager|Helper|Utils?)\b", source.text, re.MULTILINE)
    yield from re.findall(r"\b(?:TODO|FIXME|XXX)\b", source.text)
    yield from (f"no banners: {line}" for line in re.findall(r"^\s*#\s*[-=#*]{4,}", source.text, re.MULTILINE))


def snake_case(name: str) -> str:
    """Return a name in lower case with underscores between its words: `_OneName` is `one_name`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_")).lower()


def home_made(source: Source) -> Iterator[str]:
    module = Path(source.name).stem
    if module in home_made_names.NAMES | home_made_names.MODULES:
        yield f"no module is called {module}: {(home_made_names.NAMES | home_made_names.MODULES)[module]}"
    for node in source.nodes:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and snake_case(node.name) in home_made_names.NAMES:
            yield f"{node.name} in line {node.lineno}: {home_made_names.NAMES[snake_case(node.name)]}"
    yield from home_made_names.vague_locals(source.name, source.nodes)


def test_sizes() -> None:
    assert broken(sizes, OWN) == []


def test_a_module_says_what_it_holds() -> None:
    assert broken(first_lines, OWN) == []


def test_what_others_call_is_described() -> None:
    assert broken(docstrings, PRODUCT) == []
    assert broken(unsaid_raises, PRODUCT) == []


def test_only_the_database_commits_and_selects() -> None:
    assert broken(transactions, PRODUCT) == []


def test_only_the_clock_reads_the_wall_clock() -> None:
    assert broken(wall_clocks, PRODUCT) == []


def test_nothing_is_evaluated() -> None:
    assert broken(evaluations, PRODUCT) == []


def test_text_reaches_the_browser_as_data() -> None:
    assert broken(text_in_scripts, PRODUCT) == []


def test_names_are_nouns_that_say_something() -> None:
    assert broken(empty_words, PRODUCT) == []


def test_names_are_those_of_the_field() -> None:
    assert broken(home_made, PRODUCT) == []


def test_each_home_made_name_is_found() -> None:
    names = home_made_names.NAMES | home_made_names.MODULES
    assert len(names) >= 50
    for name in names:
        assert list(home_made(Source(f"platform_app/{name}.py", ""))), name
    for name in home_made_names.NAMES:
        assert list(home_made(Source("platform_app/a.py", f"class _{name.title().replace('_', '')}: ..."))), name
        assert list(home_made(Source("platform_app/a.py", f"class A:\n    async def _{name}(self): ..."))), name
    assert list(home_made(Source("platform_app/rag/a.py", "found = 1")))


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
SPEAKERS = dict.fromkeys(("t", "Notice", *ERRORS), 0) | dict.fromkeys(
    ("translate", "plural", "lookup", "problem", "success_toast", "_Told"), 1
)


def spoken(source: Source) -> Iterator[tuple[str, int]]:
    """Yield every message id of a file with its line."""
    for node in source.calls:
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
COMMAND_LINE = {
    f"platform_app/{name}.py"
    for name in (
        "cli",
        "data_dir",
        *(f"runtime/{n}" for n in ("launcher", "doctor", "frontend_build", "embedded_servers")),
    )
}


@cache
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


def untranslated(source: Source) -> Iterator[str]:
    for said, line in spoken(source):
        is_known = said in russian() or i18n.lookup("en", said) in russian()  # under its present or a former id
        if not is_known and re.search("[A-Za-z]", said):
            yield f"line {line}: {said}"


def test_every_sentence_has_its_russian() -> None:
    assert broken(untranslated, [source for source in PRODUCT if source.name not in COMMAND_LINE]) == []


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
    lines = sorted(len(source.text.splitlines()) for source in PRODUCT)
    assert lines[int(len(lines) * 0.95)] <= 250, Counter(length // 50 * 50 for length in lines)


MANY_LINES = "def long() -> None:\n" + "    pass\n" * FUNCTION_LINES


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (sizes, "a = 1\n" * (FILE_LINES + 1)),
        (sizes, MANY_LINES),
        (sizes, "class One:\n    async def two(self, a, b, c, d, e): ..."),
        (first_lines, '"""No full stop"""'),
        (first_lines, "import os"),
        (docstrings, "def one(): ..."),
        (docstrings, "class One: ..."),
        (docstrings, 'def show():\n    """Return the page."""'),
        (unsaid_raises, "def one():\n    raise ValueError"),
        (transactions, "def one(session):\n    session.commit()"),
        (transactions, "def one(session):\n    with session.begin_nested(): ..."),
        (transactions, "from sqlmodel import Field, select"),
        (transactions, "from sqlalchemy.sql import text"),
        (transactions, "Job.__table__.delete()"),
        (wall_clocks, "from datetime import datetime\nat = datetime.now()"),
        (wall_clocks, "import time\nat = time.time()"),
        (evaluations, "eval('1')"),
        (empty_words, "class JobManager: ..."),
        (empty_words, "a = 1  # TO" + "DO"),
        (empty_words, "# -----"),
        (untranslated, "t('Nobody has translated this')"),
        (untranslated, "raise Conflict('Not this' if a else 'Nor that')"),
        (untranslated, "activity.record(session, who, None, 'Nor these words')"),
    ],
)
def test_each_rule_names_the_file_that_breaks_it(rule: Rule, text: str) -> None:
    good, bad = Source("platform_app/good.py", '"""Good: nothing."""\n'), Source("platform_app/bad.py", text)
    found = broken(rule, [good, bad])
    assert found and all(line.startswith("platform_app/bad.py: ") for line in found)


def test_all_files_are_read() -> None:
    names = {source.name for source in PRODUCT}
    assert {"platform_app/db.py", "worker/tasks.py", "platform_app/state/console/base.py"} <= names and len(OWN) > 300
