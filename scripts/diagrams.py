"""Diagrams: pictures of the flows in docs/architecture.md and of the package layers, written as SVG.

    python scripts/diagrams.py           writes docs/pictures/flow-*.svg and docs/pictures/layers.svg
    python scripts/diagrams.py --check   exits with 1 if a picture differs from its source

A flow is a heading `### Flow: name` with a numbered list below it, one step a line:

    1. **Web, commit** `path/of/file.py` `Symbol`: what happens.

The first bold word is the process in which the step runs; `commit` marks a step that ends a transaction. The layers are
those of the import-linter contract in pyproject.toml.
"""

import re
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "docs" / "architecture.md"
PICTURES = ROOT / "docs" / "pictures"
LANES = ("Browser", "Web", "Worker", "Outside")
COLOURS = {"Browser": "#e8f0fe", "Web": "#e6f4ea", "Worker": "#fef3e0", "Outside": "#f3e8fd"}
WIDTH, ACROSS, DOWN, MARGIN, LINE, HEAD = 290, 28, 22, 20, 15, 42  # pixels
STEP = re.compile(r"^\d+\. \*\*(\w+)(, commit)?\*\* `([^`]+)` `([^`]+)`: (.+)$")


@dataclass(frozen=True)
class Step:
    """One step of a flow: the process, the file and symbol that do it, and what happens."""

    lane: str
    commits: bool
    path: str
    symbol: str
    lines: list[str]

    @property
    def height(self) -> int:
        """Return the height of the step's box in pixels."""
        return 47 + LINE * len(self.lines)


def flows(text: str) -> dict[str, list[Step]]:
    """Return the steps of each flow of a Markdown text by its name in the heading, in lower case with hyphens.

    Raises ValueError when a numbered line of a flow does not have the form of a step.
    """
    found: dict[str, list[Step]] = {}
    steps: list[Step] | None = None
    for line in text.splitlines():
        if line.startswith("#"):
            name = re.sub(r"\W+", "-", line.partition("Flow: ")[2].strip().lower())
            steps = found.setdefault(name, []) if name else None
        elif steps is not None and re.match(r"\d+\. ", line):
            match = STEP.match(line)
            if match is None or match[1] not in LANES:
                raise ValueError(f"not a step of a flow: {line}")
            plain = re.sub(r"`|\*\*|\[([^\]]+)\]\([^)]+\)", lambda m: m[1] or "", match[5])
            steps.append(
                Step(match[1], bool(match[2]), match[3], match[4], textwrap.wrap(plain[0].upper() + plain[1:], 42))
            )
    return found


def text_at(x: float, y: float, text: str, *, style: str = "") -> str:
    """Return an SVG text element whose baseline starts at (x, y), in pixels."""
    return f'<text x="{x:g}" y="{y:g}"{style and " " + style}>{escape(text)}</text>'


def rectangle(left: int, top: int, width: int, height: int, *, style: str) -> str:
    """Return an SVG rectangle, in pixels; `style` holds its other attributes."""
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" {style}/>'


def box_of(step: Step, number: int, left: int, top: int) -> str:
    """Return the box of a step: number, symbol, file and description; a thick edge if the step commits."""
    edge = 'stroke="#1a7f37" stroke-width="2.5"' if step.commits else 'stroke="#8c959f"'
    parts = [
        rectangle(left, top, WIDTH, step.height, style=f'rx="6" fill="{COLOURS[step.lane]}" {edge}'),
        text_at(left + 10, top + 19, f"{number}  {step.symbol}", style='font-weight="600"'),
        text_at(left + 10, top + 35, step.path, style='font-size="10" fill="#57606a"'),
    ]
    parts += [text_at(left + 10, top + 54 + LINE * i, line) for i, line in enumerate(step.lines)]
    return "".join(parts)


def arrow(step: Step, left: int, top: int, following: tuple[int, int]) -> str:
    """Return the arrow from a step's box at (left, top) to the box of the step that follows."""
    from_x, from_y, to_x, to_y = left + WIDTH // 2, top + step.height, following[0] + WIDTH // 2, following[1]
    bend = f"V{from_y + DOWN // 2}H{to_x}" if from_x != to_x else ""
    return f'<path d="M{from_x} {from_y}{bend}V{to_y - 2}" fill="none" stroke="#57606a" marker-end="url(#tip)"/>'


def frame(width: int, height: int, title: str, content: list[str]) -> str:
    """Return an SVG document of a size in pixels on a white ground, with its title for screen readers."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#1f2328" role="img">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *content,
            "</svg>\n",
        ]
    )


def flow_picture(name: str, steps: list[Step]) -> str:
    """Return the SVG of a flow: a column for each process, a row for each step."""
    lanes = [lane for lane in LANES if any(step.lane == lane for step in steps)]
    lefts = {lane: MARGIN + i * (WIDTH + ACROSS) for i, lane in enumerate(lanes)}
    places: list[tuple[int, int]] = []
    top = MARGIN + HEAD
    for step in steps:
        places.append((lefts[step.lane], top))
        top += step.height + DOWN
    height = top - DOWN + MARGIN + 32
    titles = {"Web": "Web process", "Worker": "Worker process", "Outside": "Other systems"}
    content = []
    for lane in lanes:
        left = lefts[lane]
        content.append(
            f'<rect x="{left - 8}" y="{MARGIN}" width="{WIDTH + 16}" height="{height - 60}" fill="#f6f8fa"/>'
        )
        head = 'font-size="14" font-weight="600" text-anchor="middle"'
        content.append(text_at(left + WIDTH / 2, MARGIN + 26, titles.get(lane, lane), style=head))
    content += [arrow(steps[i], *places[i], places[i + 1]) for i in range(len(steps) - 1)]
    content += [box_of(step, i + 1, *places[i]) for i, step in enumerate(steps)]
    note = "A thick green edge: the step ends with a commit."
    content.append(text_at(MARGIN, height - 16, note, style='font-size="11" fill="#57606a"'))
    width = 2 * MARGIN + len(lanes) * (WIDTH + ACROSS) - ACROSS
    return frame(width, height, f"Flow: {name.replace('-', ' ')}", content)


def layers_picture(layers: list[str]) -> str:
    """Return the SVG of the layers, the highest at the top; each may import those below it."""
    content, width, step = [], 560, 40
    for i, layer in enumerate(layers):
        names = " · ".join(re.split(r"\s*[|:]\s*", layer.replace("platform_app.", "")))
        top = MARGIN + i * step
        edge = 'rx="6" fill="#e6f4ea" stroke="#8c959f"'
        content.append(rectangle(MARGIN, top, width - 2 * MARGIN, 30, style=edge))
        content.append(text_at(width / 2, top + 20, names, style='text-anchor="middle" font-weight="600"'))
        if i + 1 < len(layers):
            x = width / 2
            content.append(f'<path d="M{x:g} {top + 30}v8" stroke="#57606a" marker-end="url(#tip)"/>')
    height = 2 * MARGIN + len(layers) * step - 10
    return frame(width, height, "Layers: each package imports only those below it", content)


def pictures() -> dict[str, str]:
    """Return every picture by its file name in docs/pictures. Raises ValueError when the source is malformed."""
    made = {f"flow-{name}.svg": flow_picture(name, steps) for name, steps in flows(SOURCE.read_text()).items()}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return made | {"layers.svg": layers_picture(layers)}


def main(*arguments: str) -> int:
    """Write the pictures, or with --check only compare them; return the exit status."""
    stale = 0
    for name, svg in pictures().items():
        path = PICTURES / name
        if path.exists() and path.read_text() == svg:
            continue
        stale += 1
        if "--check" not in arguments:
            path.write_text(svg)
        print(f"{'stale' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
