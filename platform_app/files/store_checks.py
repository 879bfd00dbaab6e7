"""Store checks: whether the file storage takes files, checked at most every CHECK_SECONDS, however often it is asked.

Files in the data folder need no check of their own: whether its disk is full is checked anyway.
"""

import time
from threading import Lock, Thread

from platform_app.config import settings
from platform_app.errors import PlatformError
from platform_app.files import tenant_files
from platform_app.files.object_storage import SILENT

CHECK_SECONDS, RETRY_SECONDS = 30.0, 5.0  # after a check that went well, and after one that did not
WAIT_SECONDS = 0.8  # that the first who asks waits for a check; others are told of the one before


class StoreCheck:
    """The last check of the file storage; it runs in a thread, of which there is one at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: Thread | None = None
        self._url, self._checked_at = "", float("-inf")
        self._problem = ""

    def problem(self) -> str:
        """Return a sentence about what is wrong with the file storage, "" if nothing is or there is none."""
        url = settings().files_url.get_secret_value()
        if not url:
            return ""
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            pause = RETRY_SECONDS if self._problem else CHECK_SECONDS
            is_recent = url == self._url and time.monotonic() - self._checked_at <= pause
            if is_running or is_recent:
                return self._problem
            self._url, self._checked_at = url, time.monotonic()
            self._thread = thread = Thread(target=self._check, name="file storage check", daemon=True)
            thread.start()
        thread.join(WAIT_SECONDS)
        if thread.is_alive():
            self._problem = SILENT
        return self._problem

    def _check(self) -> None:
        try:
            tenant_files.open_store().check()
        except PlatformError as error:
            self._problem = str(error)
        except Exception as error:  # reported, whatever it is
            self._problem = f"The file storage cannot be checked: {type(error).__name__}."
        else:
            self._problem = ""


_CHECK = StoreCheck()
problem = _CHECK.problem
