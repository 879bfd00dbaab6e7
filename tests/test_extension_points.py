"""Extension points: a new action, operator or step is found by itself, and what it lacks is named."""

import ast
from pathlib import Path

from platform_app.engine.actions.actions import ACTIONS

ENGINE = Path(__file__).parents[1] / "platform_app" / "engine"


def test_every_action_class_is_found() -> None:
    written = {
        node.name
        for path in ENGINE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).split(".")[-1] == "Action" for base in node.bases)
    }
    assert written == {one.__name__ for one in ACTIONS.values()}, "an action stands in a file named *_actions.py"
