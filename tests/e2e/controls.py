"""Controls: presses whatever can be pressed on a page, and tells which presses failed or changed nothing."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response

SCRIPT = Path(__file__).with_name("controls.js")
PATIENCE = 8_000  # milliseconds for an effect: a busy machine is not a fault
PATIENCE_WITH_CURRENT = 400  # for the effect of what is chosen already, which has none as a rule
QUIET = 50  # milliseconds without a change after which a page has answered
SLICE = 300  # milliseconds for which the page is asked at once; what the browser itself does is looked at between
SETTLED = 2_000  # milliseconds after an effect within which a page comes to rest
DEPTH = 3  # a menu, its dialog, a list in it
BROKEN = re.compile("Something went wrong|Что-то пошло не так|An error occurred|Cannot connect", re.IGNORECASE)


@dataclass(frozen=True)
class Control:
    """Something to press: `key` finds it again on its page, in a row of a list by its place in the row."""

    key: str
    role: str
    name: str
    type: str
    path: str  # where a link leads
    current: bool = False  # a link to this very page, or the choice that is chosen
    outside: bool = False
    download: bool = False
    row: bool = False

    def __str__(self) -> str:
        return f"{self.role} “{self.name}”"


@dataclass(frozen=True)
class Outcome:
    """What a press has changed, or nothing; what is open over the page then, and the words of its messages."""

    effect: str = ""
    overlay: str = ""
    words: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """What went wrong, a line each, and how much was pressed."""

    faults: list[str] = field(default_factory=list)
    pressed: int = 0
    where: str = ""

    def add(self, what: str) -> None:
        """Note a fault of what is being pressed."""
        self.faults.append(f"{self.where}: {what}")


class Presser:
    """A browser profile whose pages report every error, and that presses one control after another."""

    def __init__(self, context: BrowserContext, restore: Callable[[], None], skip: dict[str, str]) -> None:
        context.add_init_script(path=str(SCRIPT))
        context.on("page", self._watch)
        self.findings, self.restore, self.skip = Findings(), restore, skip
        self.events: list[str] = []
        self.known: set[tuple[str, str]] = set()  # pages and kinds of controls that were pressed before
        self.page = context.new_page()
        self.address, self.scope = "", "main"

    def change_tab(self) -> None:
        """Go on in a new tab, which shows nothing that the one before was sent."""
        before = self.page
        del self.page  # a page that opens while there is one counts as an effect
        self.page = before.context.new_page()
        before.close()

    def _watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.findings.add(f"raised {error}"))
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("download", lambda _: self.events.append("download"))
        page.on("filechooser", lambda _: self.events.append("file chooser"))
        page.on("dialog", lambda dialog: (self.events.append("dialog"), dialog.accept()))
        if hasattr(self, "page") and page is not self.page:
            self.events.append("window")
            page.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.findings.add(f"console: {message.text[:300]}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.findings.add(f"{response.status} for {response.url}")

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a page that is left ends its requests
            self.findings.add(f"{request.failure} for {request.url}")

    def call(self, function: str, *given: Any) -> Any:
        """Call a function of the script in the page."""
        return self.page.evaluate(f"given => window.__controls.{function}(...given)", list(given))

    def _ask(self, function: str, left: Any, *given: Any) -> Any:
        """Call a function of the script; return `left` while the page is being left for another."""
        try:
            return self.call(function, *given)
        except Error:
            self.page.wait_for_load_state()
            return left

    def open(self, address: str) -> None:
        """Load a page and wait until it stands."""
        self.address = address
        try:
            self.page.goto(address)
        except Error as error:  # the page before was just being left, as for the sign-in when its session had ended
            if "interrupted by another navigation" not in error.message:
                raise
            self.page.wait_for_load_state()
            self.page.goto(address)
        self._stands()

    def _stands(self) -> None:
        """Wait until the page has what it shows."""
        self.page.wait_for_function(
            "() => document.querySelector('h1') && !document.querySelector('[aria-busy=true], .rt-Skeleton')"
        )
        self.settle()

    def settle(self) -> None:
        """Wait until nothing changes any more."""
        end = time.monotonic() + SETTLED / 1000
        while not self._ask("settled", False, QUIET, SLICE) and time.monotonic() < end:
            pass

    def listed(self, scope: str) -> list[Control]:
        """Return what can be pressed, each kind of row once."""
        return [Control(**one) for one in self.call("list", scope)]

    def press_all(self, name: str, address: str, scope: str = "main") -> None:
        """Press everything on a page, each from the page as it loads or as the press before left it."""
        self.scope = scope
        self.restore()
        self.open(address)
        for control in self.listed(scope):
            where = f"{name}: {control}"
            self.findings.where = where
            if self._is_skipped(name, control):
                continue
            self._press(control, scope, [])
            overlay = self._close()
            self.findings.where = where
            self._go_back(overlay)

    def _is_skipped(self, name: str, control: Control) -> bool:
        if any(re.search(pattern, f"{name}: {control}") for pattern in self.skip):
            return True
        kind = name, control.key
        if control.role == "link":  # one that leads to the same kind of page is the same link on every page
            kind = "", re.sub(r"[0-9a-f]{32}", "#", f"{'' if control.row else control.name} {control.path}")
        known = kind in self.known or control.outside
        self.known.add(kind)
        return known

    def _go_back(self, overlay: str) -> None:
        """Come to the page again, unless the press left it as it was; `overlay` is what could not be closed."""
        if not self._is_left() and not overlay:
            return
        if not overlay:
            self.restore()
            with suppress(Error):  # a browser that is still leaving the page does not go back
                self.page.go_back()  # within the application, which is quicker than to load it
                self._stands()
                if not self._is_left():
                    return
        self.restore()
        self.open(self.address)

    def _is_left(self) -> bool:
        return self.page.url.rstrip("/") != self.address.rstrip("/")

    def _find(self, control: Control, scope: str) -> dict[str, Any] | None:
        """Return where a control is now, put it into view, and begin to note what changes."""
        found: dict[str, Any] | None = self.call("ready", scope, control.key, PATIENCE / 2)
        return found

    def _press(self, control: Control, scope: str, way: list[Control]) -> None:
        """Press a control, look for what it changed, and press what it opened."""
        found = self._find(control, scope)
        if found is None and not way:  # what was pressed before has taken it away
            self.restore()
            self.open(self.address)
            found = self._find(control, scope)
        if found is None:
            return
        if found["covered"]:
            self.findings.add(f"is covered by {found['covered']}")
            return
        self.findings.pressed += 1
        outcome = self._do(control, scope, found)
        if not outcome.effect and not control.current:
            outcome = self._again(control, scope, way)
            if not outcome.effect:
                self.findings.add("has no effect")
        for words in outcome.words:
            if BROKEN.search(words):
                self.findings.add(f"says {words[:200]}")
        overlay = outcome.overlay
        if overlay and len(way) < DEPTH and (overlay != found["overlay"] or not way):
            self._press_inside([*way, control], overlay)

    def _again(self, control: Control, scope: str, way: list[Control]) -> Outcome:
        """Press from the page as it loads what had no effect: a press before may have shown the same already."""
        self.restore()
        self.open(self.address)
        if way and not self._follow(way, self.scope):
            return Outcome()
        found = self._find(control, scope)
        return self._do(control, scope, found) if found else Outcome()

    def _do(self, control: Control, scope: str, found: dict[str, Any]) -> Outcome:
        """Press, and return what changed, once nothing changes any more."""
        self.events.clear()
        if found["isSelect"]:
            if not self.call("pickOther", scope, control.key):
                return Outcome("only one choice", found["overlay"])
        else:
            self.page.mouse.click(found["x"], found["y"])
        patience = PATIENCE_WITH_CURRENT if control.current else PATIENCE
        end = time.monotonic() + patience / 1000
        while not self.events and time.monotonic() < end:
            told = self._ask("answered", {"effect": "address"}, SLICE, QUIET, SETTLED)
            if told["effect"]:
                return Outcome(**told) if "words" in told else self._settled(told["effect"])
        return self._settled(self.events[0] if self.events else "")

    def _settled(self, effect: str) -> Outcome:
        """Return an effect with what is shown once nothing changes any more."""
        self.settle()
        return Outcome(**self._ask("shown", {}) | {"effect": effect})

    def _overlay(self) -> str:
        return str(self._ask("overlayNow", ""))

    def _press_inside(self, way: list[Control], overlay: str) -> None:
        """Press what a menu, list or dialog holds; `way` is what opens it, from the page as it loads."""
        where, inside = self.findings.where, self.listed("overlay")
        options = [one for one in inside if one.role == "option"]
        inside = [one for one in inside if one not in options] + [one for one in options if not one.current][:1]
        for control in inside:
            self.findings.where = f"{where} > {control}"
            if self._is_skipped(where, control):
                continue
            is_open = not self._is_left() and self._ask("holds", False, overlay, control.key)
            if not is_open and not self._reopen(way, self.scope):
                self.findings.add("could not be reached again")
                continue
            self._press(control, "overlay", way)
        self.findings.where = where

    def _reopen(self, way: list[Control], scope: str) -> bool:
        """Open a menu, list or dialog from the page without any, else from the page as it loads; tell whether it is."""
        self._go_back(self._close())
        if self._follow(way, scope):
            return True
        self.restore()
        self.open(self.address)
        return self._follow(way, scope)

    def _follow(self, way: list[Control], scope: str) -> bool:
        """Press what leads to a menu, list or dialog; tell whether one is open."""
        for at, step in enumerate(way):
            place = "overlay" if at else scope
            found = self._await(step, place)
            if found is None:
                return False
            self._do(step, place, found)
        return bool(self._ask("opened", "", PATIENCE / 2))

    def _await(self, control: Control, scope: str) -> dict[str, Any] | None:
        """Return where a control is as soon as it is shown; nothing when it is not."""
        self.call("appeared", scope, control.key, PATIENCE / 2)
        return self._find(control, scope)

    def _close(self) -> str:
        """Close what is open over the page; the server may have to be asked for it. Return what stays open."""
        for _ in range(DEPTH + 1):
            if not (before := self._overlay()):
                return ""
            self.page.keyboard.press("Escape")
            self._ask("changedFrom", True, before, PATIENCE / 2)
            self.settle()
        return self._overlay()


__all__ = ["Control", "Findings", "Presser"]
