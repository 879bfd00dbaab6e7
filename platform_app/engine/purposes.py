"""Purposes: by the kind of a job, what is told when the job ends without what it was for, and when it is revived."""

from platform_app.engine import log, outside_steps
from platform_app.jobs import PURPOSES, Purpose
from platform_app.services import importing


def declare() -> None:
    """Make the purposes known to this process: the worker gives jobs up, people cancel and retry them."""
    PURPOSES["import_contacts"] = Purpose(importing.given_up, importing.revived)
    PURPOSES["handle_event"] = Purpose(log.given_up, log.revived)
    PURPOSES["take_step"] = Purpose(outside_steps.given_up, outside_steps.revived)
