"""Docstring rules: what a docstring has to say, read from the syntax tree."""

import ast
import re
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def raised(function: Function) -> set[str]:
    """Return what a function raises itself: no re-raises, nothing from functions and classes within it."""
    found: set[str] = set()
    nodes: list[ast.AST] = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            found.add(ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc))
        nodes.extend(ast.iter_child_nodes(node))
    return found


def public_functions(tree: ast.Module) -> Iterator[tuple[Function, str]]:
    """Yield each public function and method with the docstrings that describe it: its own and that of its class."""
    for node in tree.body:
        is_public = isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
        if is_public and isinstance(node, ast.ClassDef):
            about = ast.get_docstring(node) or ""
            for method in node.body:
                if isinstance(method, FUNCTIONS) and not method.name.startswith("_"):
                    yield method, f"{ast.get_docstring(method) or ''}\n{about}"
        elif is_public and isinstance(node, FUNCTIONS):
            yield node, ast.get_docstring(node) or ""


def empty_words(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions whose docstring says no more than that they return the page."""
    for function, docstring in public_functions(tree):
        if re.fullmatch(r"(Return|Show) the ([\w-]+ )?page\.", docstring.strip()):
            yield f"{function.name} in line {function.lineno} does not say what the page shows, and to whom"


def unsaid_raises(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions that raise something and whose docstring does not say "Raises"."""
    for function, docstring in public_functions(tree):
        if (errors := raised(function)) and not re.search(r"\braises?\b", docstring, re.IGNORECASE):
            yield f"{function.name} in line {function.lineno} raises {', '.join(sorted(errors))} and does not say so"
