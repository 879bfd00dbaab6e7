"""Worker main: a real worker whose jobs call a sink, for tests that kill it."""

import os
import sys
import time

import httpx

from platform_app.jobs import RunningJob
from platform_app.services.jobs.effects import CallFailed, call_once
from worker.__main__ import run

SINK = os.environ.get("CHAOS_SINK", "")


def call(job: RunningJob) -> None:
    """Make three outward calls, each with its own key."""
    for number in range(3):
        key = f"{job.payload['name']}:{number}"
        call_once(job, key, post, repeatable=job.payload.get("repeatable", True))


def post(key: str) -> dict[str, object]:
    answer = httpx.post(SINK, headers={"Idempotency-Key": key}, timeout=5)
    if answer.status_code >= 300:
        raise CallFailed(str(answer.status_code))
    return {"status": answer.status_code}


def rest(job: RunningJob) -> None:
    """Take some time."""
    time.sleep(job.payload["seconds"])


def die(job: RunningJob) -> None:
    """Take the worker down."""
    os._exit(9)


if __name__ == "__main__":
    sys.exit(run({"call": call, "rest": rest, "die": die}))
