"""Run: every test, in groups side by side; adds up what they did and makes sure that none was left out.

`python -m tests.run [arguments of pytest]`. With arguments, what they choose runs in one group, on SQLite and, as far
as it belongs to the data layer, on PostgreSQL. PLATFORM_TEST_FULL=1 runs everything in full size.

A few tests that failed run a second time, alone, when all groups have ended: browsers and processes that are killed
share the machine with everything else before. What passes then is named, so that it is seen.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.postgres import MODULES

FULL = bool(os.environ.get("PLATFORM_TEST_FULL"))
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "tests.reporting")
TESTS = Path(__file__).parent
BELOW = ("--ignore=tests/e2e", "--ignore=tests/chaos")


def halves(border: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modules of services in two groups: those whose names begin before a letter, and the others."""
    found = [path.relative_to(TESTS) for path in (*TESTS.glob("test_*.py"), *TESTS.glob("*/test_*.py"))]
    names = sorted(path for path in found if path.parts[0] not in ("e2e", "chaos", "headless"))
    early = tuple(f"tests/{path.as_posix()}" for path in names if path.name < f"test_{border}")
    return early, tuple(f"tests/{path.as_posix()}" for path in names if path.name >= f"test_{border}")


EVERY_PAGE = [f"tests/e2e/test_{name}.py" for name in ("every_control", "pages", "first_look", "hostile_text")]
# They start in this order, as soon as there is room: two of those with a browser or with processes that are killed at
# once, and beside them those of `POLITE`, which take the processor time that these leave: three groups in all.
GROUPS: dict[str, tuple[str, ...]] = {
    "pages": tuple(EVERY_PAGE),
    "stories": ("tests/e2e", *(f"--ignore={name}" for name in EVERY_PAGE)),
    "late": halves("m")[1],
    "early": halves("m")[0],
    "chaos": ("tests/chaos",),
    "headless": ("tests/headless",),
    "postgres": ("-p", "tests.postgres", *(("tests", *BELOW) if FULL else sorted(MODULES))),
}
POLITE = ("late", "early", "headless", "postgres")
ROOM = 3  # groups at once
ROOM_FOR_EAGER = 2  # of them, those that are not polite
SECOND_RUNS = 6  # with more failures than this, none is due to a busy machine
OUTCOMES = ("passed", "skipped", "failed")  # a test ended as the worst of its phases did
SLOWEST = 20
MEMORY, MEMORY_BYTES = "/dev/shm", 4_000_000_000


@dataclass
class Result:
    """What one group did: its tests by id, how each ended, and for how many seconds it ran."""

    name: str
    code: int = 0
    seconds: float = 0
    processor: float = 0  # seconds of it that its processes took, those apart that it started as servers on their own
    chosen: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)  # collected, then left to another group
    outcomes: dict[str, str] = field(default_factory=dict)
    flaky: list[str] = field(default_factory=list)  # failed, and passed when run alone
    durations: dict[str, float] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)  # seconds of processor time

    def read(self, report: Path) -> None:
        """Take in the lines that the plugin wrote."""
        for line in report.read_text().splitlines() if report.exists() else ():
            told = json.loads(line)
            if "chosen" in told:
                self.chosen, self.left = set(told["chosen"]), set(told["left"])
                continue
            name = told["id"]
            self.durations[name] = self.durations.get(name, 0) + told["seconds"]
            self.work[name] = self.work.get(name, 0) + told["processor"]
            self.outcomes[name] = max(self.outcomes.get(name, "passed"), told["outcome"], key=OUTCOMES.index)

    def count(self, outcome: str) -> int:
        return sum(one == outcome for one in self.outcomes.values())

    def failed(self) -> list[str]:
        return [name for name, how in self.outcomes.items() if how == "failed"]

    def correct(self, second: "Result") -> None:
        """Take the tests that passed in a second run as passed."""
        self.flaky = [name for name in self.failed() if second.outcomes.get(name) == "passed"]
        self.outcomes |= dict.fromkeys(self.flaky, "passed")
        if self.code == pytest.ExitCode.TESTS_FAILED and not self.failed():
            self.code = pytest.ExitCode.OK

    def line(self) -> str:
        counts = ", ".join(f"{self.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
        return f"{self.name}: {counts} in {self.seconds:.0f} s, {self.processor:.0f} s of processor time"


def command(name: str, arguments: Sequence[str]) -> list[str]:
    """Return the command of a group; the tests of the data layer get a server of PostgreSQL."""
    served = [sys.executable, "-m", "tests.postgres"] if name == "postgres" else []
    polite = ["nice", "-n", "15"] if name in POLITE else []
    return [*polite, *served, *PYTEST, *arguments]


def run(name: str, arguments: Sequence[str], folder: Path, report_name: str = "") -> Result:
    """Run one group, show its lines with its name before them, and return what it did."""
    result, report, begun = Result(name), folder / f"{report_name or name}.jsonl", time.monotonic()
    environment = os.environ | {"PLATFORM_TEST_REPORT": str(report)}
    with subprocess.Popen(
        command(name, arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(f"{name:8} | {line}", end="", flush=True)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    result.code, result.seconds = process.returncode, time.monotonic() - begun
    result.processor = used.ru_utime + used.ru_stime
    result.read(report)
    return result


def everything(folder: Path) -> tuple[list[Result], set[str]]:
    """Run all groups; return what they did and every test that there is, or its file where no group collected it."""
    with ThreadPoolExecutor(len(GROUPS)) as pool:
        try:
            done = run_groups(pool, folder)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    known = collected(done) | {f"{name} on PostgreSQL" for name in left_out(done)}
    run_failed_again(done, folder)
    return done, known


def run_groups(pool: ThreadPoolExecutor, folder: Path) -> list[Result]:
    """Start each group when there is room for it; return the results in the order of the groups."""
    waiting = list(GROUPS)
    started: dict[str, Future[Result]] = {}
    running: dict[Future[Result], str] = {}
    while waiting or running:
        for name in [*waiting]:
            if has_room(name, list(running.values())):
                waiting.remove(name)
                started[name] = pool.submit(run, name, GROUPS[name], folder)
                running[started[name]] = name
        for ended in wait(running, return_when=FIRST_COMPLETED).done:
            del running[ended]
    return [started[name].result() for name in GROUPS]


def has_room(name: str, running: list[str]) -> bool:
    """Return whether a group may start beside those that run."""
    eager = [other for other in running if other not in POLITE]
    return len(running) < ROOM and (name in POLITE or len(eager) < ROOM_FOR_EAGER)


def run_failed_again(done: list[Result], folder: Path) -> None:
    """Run the tests that failed once more, one group after another, unless they are many."""
    if sum(len(result.failed()) for result in done) > SECOND_RUNS:
        return
    for result in done:
        if names := result.failed():
            plugin = ["-p", "tests.postgres"] if result.name == "postgres" else []
            result.correct(run(result.name, [*plugin, *names], folder, f"{result.name}-again"))


def collected(done: list[Result]) -> set[str]:
    """Return every test that a group collected, and the files of which none was."""
    found = set().union(*(result.chosen | result.left for result in done if result.name != "postgres"))
    files = {path.as_posix() for path in Path("tests").rglob("test_*.py")}
    return found | (files - {name.split("::")[0] for name in found})


def left_out(done: list[Result]) -> list[str]:
    """Return the modules of the data layer of which no test ran on PostgreSQL."""
    ran = {name.split("::")[0] for result in done if result.name == "postgres" for name in result.outcomes}
    return sorted(MODULES - ran)


def chosen(arguments: Sequence[str], folder: Path) -> tuple[list[Result], set[str]]:
    """Run what arguments of pytest choose."""
    done = [run("chosen", arguments, folder), run("postgres", ["-p", "tests.postgres", *arguments], folder)]
    for result in done:
        if result.code == pytest.ExitCode.NO_TESTS_COLLECTED and any(one.outcomes for one in done):
            result.code = 0
    return done, set(done[0].outcomes)


def troubles(done: list[Result], known: set[str]) -> list[str]:
    """Say what went wrong beside tests that failed: a group that broke off, or left something out."""
    said = [f"{result.name} ended with {meaning(result.code)}" for result in done if result.code not in (0, 1)]
    ran = {name for result in done if result.name != "postgres" for name in result.outcomes}
    said += [f"no group ran {name}" for name in sorted(known - ran)]
    return said + again(done) + ([] if known else ["no test was found"])


def again(done: list[Result]) -> list[str]:
    """Name the tests that several groups ran: whatever time they take is lost."""
    said: list[str] = []
    seen: set[str] = set()
    for result in done:
        if result.name != "postgres":
            said += [f"{result.name} ran {name} again" for name in result.outcomes if name in seen]
            seen |= set(result.outcomes)
    return said


def meaning(code: int) -> str:
    """Return the name of an exit code: one of pytest's own, or the signal that ended it."""
    return f"signal {-code}" if code < 0 else next((one.name for one in pytest.ExitCode if one == code), str(code))


def list_most(what: str, seconds: list[tuple[str, dict[str, float]]]) -> None:
    """Print the tests that took most seconds: groups with the seconds of each of their tests."""
    most = sorted(((took, group, name) for group, each in seconds for name, took in each.items()), reverse=True)
    print(f"\nThe {SLOWEST} {what}:")
    for took, group, name in most[:SLOWEST]:
        print(f"{took:7.1f} s  {group}  {name}")


def tell(done: list[Result], known: set[str]) -> int:
    """Print the slowest tests, each group, what went wrong, and the sum on the last line; return the exit code."""
    list_most("slowest", [(result.name, result.durations) for result in done])
    list_most("busiest, by processor time", [(result.name, result.work) for result in done])
    print("\n" + "\n".join(result.line() for result in done))
    for result in done:
        print("".join(f"PASSED ON THE SECOND RUN {result.name} {one}\n" for one in result.flaky), end="")
        print("".join(f"FAILED {result.name} {one}\n" for one in result.failed()), end="")
    wrong = troubles(done, known)
    print("".join(f"{line}\n" for line in wrong))
    passed, failed, skipped = (sum(result.count(how) for result in done) for how in ("passed", "failed", "skipped"))
    failed += len(wrong)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed or any(result.code for result in done) else 0


def in_memory() -> str | None:
    """Return a folder that lies in memory and has room, where databases wait for no disk; nothing where there is none.

    Tests start programs that they write, which some machines forbid there.
    """
    if not os.access(MEMORY, os.W_OK):
        return None
    found = os.statvfs(MEMORY)
    has_room = found.f_bavail * found.f_frsize >= MEMORY_BYTES
    return MEMORY if has_room and not found.f_flag & os.ST_NOEXEC else None


def main(arguments: Sequence[str]) -> int:
    """Run the tests; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="platform-tests-", dir=in_memory()) as folder:
        os.chmod(folder, 0o711)  # PostgreSQL runs as a user of its own where we are root
        os.environ["TMPDIR"] = folder
        done, known = chosen(arguments, Path(folder)) if arguments else everything(Path(folder))
        return tell(done, known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
