"""Dev proxy: routes of our own are reached on the developers' port, once, and a changed template is noticed."""

import pytest
from reflex_base.compiler.templates import vite_config_template

from platform_app.runtime.dev_proxy import DevProxy


def changed(config: str) -> str:
    """Return a configuration as the plugin leaves it."""
    tasks = []
    DevProxy().pre_compile(add_modify_task=lambda path, task: tasks.append((path, task)))
    ((path, task),) = tasks
    assert path == "vite.config.js"
    return str(task(config))


def test_routes_are_passed_on_once(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PORT", "8765")
    config = vite_config_template("/", True, False, False, False)
    proxied = changed(config)
    assert proxied.count('"/auth": "http://127.0.0.1:8765"') == 1 and '"/api"' in proxied
    assert changed(proxied) == proxied


def test_a_template_without_a_server_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="template has changed"):
        changed("export default {}")
