"""The run of all tests: groups are added up, nothing is left out unseen, and a measurement without its data says so."""

import re
from itertools import combinations, product
from pathlib import Path

import pytest

from tests import run, shared
from tests.bench import __main__ as bench
from tests.bench import bench_retrieval
from tests.pairwise import covering
from tests.postgres import MODULES

ROOT = Path(__file__).parents[1]
GOOD = "import pytest\n\ndef test_a(): pass\n\n@pytest.mark.skip\ndef test_b(): pass\n"
BROKEN_SET_UP = "import pytest\n\n@pytest.fixture\ndef no(): raise OSError\n\ndef test_c(no): pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite of its own, in which the runner works; its groups are one and two."""
    for name, text in {"one/test_one.py": GOOD, "two/test_two.py": "def test_d(): pass\n"}.items():
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # half of the time of such a small run
    monkeypatch.setattr(run, "PYTEST", (*run.PYTEST, "--rootdir", ".", "--import-mode", "importlib"))
    monkeypatch.setattr(run, "GROUPS", {"one": ("tests/one",), "two": ("tests/two",)})
    monkeypatch.setattr(run, "MODULES", frozenset())
    return tmp_path / "tests"


def test_groups_are_added_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 0 failed, 1 skipped"
    assert any(re.fullmatch(r" +\d+\.\d s  two  tests/two/test_two\.py::test_d", line) for line in lines)


def test_what_fails_fails_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two/test_more.py").write_text(BROKEN_SET_UP + "def test_e(): assert False\n")
    assert run.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 2 failed, 1 skipped"
    assert {"FAILED two tests/two/test_more.py::test_c", "FAILED two tests/two/test_more.py::test_e"} <= set(lines)


def test_what_passes_alone_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    once = "from pathlib import Path\n\ndef test_h():\n    seen = Path('seen')\n    before = seen.exists()\n"
    (folder / "two/test_more.py").write_text(once + "    seen.touch()\n    assert before\n")
    assert run.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "PASSED ON THE SECOND RUN two tests/two/test_more.py::test_h" in lines
    assert lines[-1] == "3 passed, 0 failed, 1 skipped"


def test_many_failures_are_not_run_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = "".join(f"def test_{number}(): assert False\n\n" for number in range(run.SECOND_RUNS + 1))
    (folder / "two/test_more.py").write_text(failing)
    assert run.main([]) == 1
    assert capsys.readouterr().out.count("short test summary info") == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("three/test_three.py", "def test_f(): pass\n", "no group ran tests/three/test_three.py"),
        ("two/test_more.py", "import nothing_of_this_name\n", "two ended with INTERRUPTED"),
        ("two/test_more.py", "import os\n\ndef test_g(): os.kill(os.getpid(), 9)\n", "two ended with signal 9"),
    ],
)
def test_what_is_left_out_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    assert run.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert said in lines
    assert re.fullmatch(r"\d+ passed, [1-9]\d* failed(, \d+ skipped)?", lines[-1])


def test_what_every_group_leaves_to_others_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "GROUPS", {"one": ("tests/one", "-k", "test_a"), "two": ("tests/two",)})
    assert run.main([]) == 1
    assert "no group ran tests/one/test_one.py::test_b" in capsys.readouterr().out


def test_what_two_groups_run_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "GROUPS", {"one": ("tests/one", "tests/two"), "two": ("tests/two",)})
    assert run.main([]) == 1
    assert "two ran tests/two/test_two.py::test_d again" in capsys.readouterr().out


def test_no_group_names_single_tests() -> None:
    """A group that collects a part of a file does not tell of the rest, and nobody would miss it."""
    assert not [part for arguments in run.GROUPS.values() for part in arguments if "::" in part]


def test_a_group_without_a_test_fails_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two/test_two.py").unlink()
    assert run.main([]) == 1
    assert "two ended with NO_TESTS_COLLECTED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "running", "expected"),
    [
        ("stories", [], True),
        ("stories", ["pages"], True),
        ("late", ["pages", "stories"], True),
        ("early", ["pages", "stories", "late"], False),
        ("chaos", ["pages", "stories"], False),
        ("chaos", ["stories", "late"], True),
        ("early", ["stories", "late"], True),
        ("headless", ["late", "early"], True),
        ("postgres", ["late", "early", "headless"], False),
    ],
)
def test_three_groups_run_at_once_and_two_of_them_with_a_browser(name: str, running: list[str], expected: bool) -> None:
    assert run.has_room(name, running) is expected


def test_both_halves_hold_every_module() -> None:
    early, late = run.halves("m")
    elsewhere = {"e2e", "chaos", "headless"}
    found = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted([*early, *late]) == sorted(path.as_posix() for path in found if not elsewhere & set(path.parts))
    assert early and late


def test_the_data_layer_has_its_modules() -> None:
    for name in MODULES:
        assert re.search(r"^(async )?def test_", (ROOT / name).read_text(), re.MULTILINE), name


@pytest.mark.parametrize("factors", [("ab", "cd", "ef"), ("abc", "de", (1, 2, 3), "xyzw"), ("a", "b"), ("ab",)])
def test_pairwise_holds_every_pair(factors: tuple[str, ...]) -> None:
    chosen = covering(*factors)
    assert [set(column) for column in zip(*chosen, strict=True)] == [set(values) for values in factors]
    for one, other in combinations(range(len(factors)), 2):
        assert {(row[one], row[other]) for row in chosen} == set(product(factors[one], factors[other]))
    assert len(chosen) <= len(list(product(*factors)))


def test_fewer_than_all_are_enough() -> None:
    assert len(covering("ab", "cd", "ef")) == 4


def test_a_measurement_without_its_data_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shared, "FOLDER", tmp_path)
    bench_retrieval.main()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "eval/corpus.jsonl" in said and str(tmp_path) in said


def test_every_measurement_that_reads_the_data_asks_for_it_first() -> None:
    for path in (ROOT / "tests/bench").glob("bench_*.py"):
        text = path.read_text()
        assert "shared" not in text or "shared.has(" in text, path.name


def test_measurements_go_on_after_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"a": "print('a is fine')", "b": "raise OSError('b')", "c": "print('c is fine')"}.items():
        (tmp_path / f"bench_{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert bench.main(["bench_a", "bench_b", "bench_c"]) == 1
    said = capfd.readouterr().out
    assert "a is fine" in said and "c is fine" in said and said.endswith("failed: bench_b\n")
    assert bench.main(["bench_a", "bench_c"]) == 0


def test_every_measurement_is_found() -> None:
    assert {"tests.bench.bench_retrieval", "tests.bench.bench_crm"} <= set(bench.modules())
