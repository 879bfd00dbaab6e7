"""Draw docstrings: prints public functions, methods and classes with their docstrings and without their bodies.

Used to check that each can be understood without its code: `scripts/draw_docstrings.py --seed 1 --count 50`.
"""

import argparse
import ast
import random
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
Described = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_nodes(tree: ast.Module) -> Iterator[tuple[str, Described]]:
    """Yield the public functions, classes and methods of a module that have a docstring, with their dotted names."""
    for node in tree.body:
        if not isinstance(node, Described) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node):
            yield node.name, node
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            is_method = isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_")
            if is_method and ast.get_docstring(inner):
                yield f"{node.name}.{inner.name}", inner


def signature(node: Described) -> str:
    """Return the first line of a definition: its kind, parameters and the type that it returns."""
    if isinstance(node, ast.ClassDef):
        return f"class ({', '.join(ast.unparse(base) for base in node.bases)})"
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returned}"


def draw(seed: int, count: int) -> list[str]:
    """Return `count` definitions as text, drawn from platform_app and worker; the same seed draws the same."""
    found = [
        f"{path.relative_to(ROOT)}::{name} {signature(node)}\n    {ast.get_docstring(node)}"
        for folder in ("platform_app", "worker")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations/versions" not in path.as_posix()
        for name, node in public_nodes(ast.parse(path.read_text()))
    ]
    return random.Random(seed).sample(found, min(count, len(found)))  # noqa: S311  # not a secret


def main() -> None:
    """Print the docstrings that were drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=50)
    given = parser.parse_args()
    print("\n\n".join(draw(given.seed, given.count)))


if __name__ == "__main__":
    main()
