"""Channel poller: threads of a worker in which messages of channel accounts come in, one account each."""

from threading import Event, Lock, Thread

import structlog

from platform_app.services.channels import receivers
from platform_app.services.channels.receivers import Lease
from worker.schedule import INTERVAL_SECONDS, PeriodicThread

log = structlog.get_logger()
MAX_ACCOUNTS = 50  # at once in one worker; with more, each has its turn


class ChannelPoller:
    """Leases accounts that are due, and works on each in a thread until there is nothing more to do."""

    def __init__(self, worker_id: str, pause: float = INTERVAL_SECONDS) -> None:
        self.worker_id = worker_id
        self._lock = Lock()
        self._open: set[str] = set()
        self._stop = Event()
        self._duty = PeriodicThread(self._claim, pause)

    def start(self) -> None:
        """Start the thread that leases accounts."""
        self._duty.start(self._stop)

    def stop(self) -> None:
        """Stop; a request for messages that is under way is not waited for."""
        self._stop.set()
        self._duty.join(5)

    def stuck(self) -> str:
        """Return a sentence if accounts are not leased any more, or ""."""
        return self._duty.stuck()

    def _claim(self) -> None:
        with self._lock:
            free = MAX_ACCOUNTS - len(self._open)
        for lease in receivers.claim_due(self.worker_id, free):
            with self._lock:
                if lease.account_id in self._open:
                    continue
                self._open.add(lease.account_id)
            Thread(target=self._work, args=(lease,), name=f"channel {lease.account_id}", daemon=True).start()

    def _is_full(self) -> bool:
        with self._lock:
            return len(self._open) >= MAX_ACCOUNTS

    def _work(self, lease: Lease) -> None:
        try:
            while receivers.work_once(lease):
                if self._stop.is_set() or self._is_full():
                    receivers.release(lease)
                    return
        except Exception:  # the lease runs out, and the account is leased again
            log.exception("an account of a channel was given up", account_id=lease.account_id)
        finally:
            with self._lock:
                self._open.discard(lease.account_id)
