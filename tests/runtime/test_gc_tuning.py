"""GC tuning: objects that exist after start-up are frozen, and new rows have default values of their own."""

import subprocess
import sys

from platform_app.models.base import factory
from platform_app.models.event import Event, EventKind
from platform_app.runtime import gc_tuning

SETTLED = """
import gc
from platform_app.runtime import gc_tuning
before = len(gc.get_objects())
gc_tuning.settle()
print(before, gc.get_freeze_count(), len(gc.get_objects()), gc.get_threshold()[0])
"""


def test_what_is_loaded_is_searched_no_more() -> None:
    run = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True)
    before, frozen, left, young = (int(word) for word in run.stdout.split())
    assert frozen > before / 2
    assert left < 100
    assert young == 5_000  # as the package sets it before its modules are loaded


def test_the_console_settles_when_it_is_up() -> None:
    from platform_app.platform_app import app

    assert gc_tuning.settle in app.get_lifespan_tasks()


def test_rows_do_not_share_their_defaults() -> None:
    one, two = (Event(tenant_id="t", kind=EventKind.MANUAL) for _ in range(2))
    one.after["text"] = "mine"
    assert (two.after, one.id == two.id) == ({}, False)
    assert factory(list)() is not factory(list)()
