"""Robots: which addresses of a site robots.txt allows us to read, and how long to wait between them (RFC 9309).

The module of the standard library follows neither wildcards nor the precedence of the longest rule.
"""

import json
import math
import re
from dataclasses import asdict, dataclass, field
from urllib.parse import quote, unquote

AGENT = "gpt-agents"  # the name by which robots.txt addresses us
USER_AGENT = f"{AGENT}/1.0 (reads pages for a company's knowledge base)"
MAX_BYTES = 500_000  # of the file that are read
MAX_RULES = 2_000
MAX_PATTERN = 500  # characters
MAX_WILDCARDS = 10  # of a pattern, which ends before the next one
MAX_DELAY = 30.0  # seconds
_SAFE = "/*$?=&%:@!'()+,;~-._"


@dataclass
class Robots:
    """What robots.txt says to us."""

    rules: list[tuple[str, bool]] = field(default_factory=list)  # pattern, whether it allows
    delay: float = 0.0  # seconds between two requests, at most MAX_DELAY
    sitemaps: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return it as text, from which `from_json` makes it again."""
        return json.dumps(asdict(self))

    def allows(self, path: str) -> bool:
        """Return whether a path, with its query, may be read.

        The longest rule decides; of equally long ones one that allows.
        """
        if path == "/robots.txt":
            return True
        path = _normal(path)
        best, is_allowed = -1, True
        for pattern, allows in self.rules:
            if len(pattern) >= best and _matches(pattern, path) and (len(pattern) > best or allows):
                best, is_allowed = len(pattern), allows
        return is_allowed


def from_json(written: str) -> Robots:
    """Return what `Robots.as_json` wrote; an empty text allows everything."""
    held = json.loads(written or "{}")
    rules = [(str(pattern), bool(allows)) for pattern, allows in held.get("rules", [])]
    return Robots(rules, float(held.get("delay", 0)), held.get("sitemaps", []))


def parse(text: str) -> Robots:
    """Return what a robots.txt says to AGENT, or to all if it does not name it."""
    groups, sitemaps = _groups(text[:MAX_BYTES])
    own = [group for group in groups if AGENT in group.agents]
    found = Robots(sitemaps=sitemaps[:20])
    for group in own or [group for group in groups if "*" in group.agents]:
        found.rules += group.rules[: MAX_RULES - len(found.rules)]
        found.delay = max(found.delay, group.delay)
    return found


@dataclass
class _Group:
    agents: set[str] = field(default_factory=set)
    rules: list[tuple[str, bool]] = field(default_factory=list)
    delay: float = 0.0
    is_open: bool = True  # further names may follow


def _groups(text: str) -> tuple[list[_Group], list[str]]:
    groups: list[_Group] = []
    sitemaps: list[str] = []
    for line in text.splitlines():
        name, colon, value = line.split("#", 1)[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == "sitemap":
            sitemaps.append(value)
        elif name == "user-agent":
            if not groups or not groups[-1].is_open:
                groups.append(_Group())
            groups[-1].agents.add(value.lower().split("/")[0].strip())
        elif groups:
            _add(groups[-1], name, value)
    return groups, sitemaps


def _add(group: _Group, name: str, value: str) -> None:
    group.is_open = False
    if name in ("allow", "disallow"):
        if value:
            group.rules.append((_pattern(value), name == "allow"))
    elif name == "crawl-delay":
        try:
            seconds = float(value)
        except ValueError:
            return
        group.delay = min(max(seconds, 0.0), MAX_DELAY) if not math.isnan(seconds) else 0.0


def _pattern(value: str) -> str:
    """Return the pattern of a rule, with a bounded number of wildcards."""
    parts = re.sub(r"\*+", "*", _normal(value[:MAX_PATTERN])).split("*")
    return "*".join(parts[: MAX_WILDCARDS + 1])


def _normal(path: str) -> str:
    """Return a path or pattern in which each character is written in one way."""
    return quote(unquote(path, errors="replace"), safe=_SAFE)


def _matches(pattern: str, path: str) -> bool:
    """Return whether a path begins as a pattern says: `*` stands for anything, a `$` at the end for the end.

    Each part is searched from where the one before ended, so that the time is linear in both.
    """
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    place = len(first)
    if not others:
        return not is_whole or place == len(path)
    for part in others[:-1]:
        found = path.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    last = others[-1]
    if is_whole:
        return len(path) - len(last) >= place and path.endswith(last)
    return path.find(last, place) >= 0
