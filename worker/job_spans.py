"""Job spans: the span of an attempt to run a job, within the trace in which the job was queued."""

from collections.abc import Iterator
from contextlib import contextmanager

from platform_app.jobs import RunningJob
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind, Span


@contextmanager
def job_span(job: RunningJob) -> Iterator[Span]:
    """Make the span of an attempt the current one; each attempt has one, also after a crash or a restart."""
    attributes: spans.Attributes = {
        "messaging.system": "gpt_agents",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.kind,
        "messaging.message.id": job.id,
        "platform.job.attempt": job.attempt,
        "platform.job.wait_seconds": round(job.wait_seconds, 3),
    }
    with spans.span(f"process {job.kind}", Kind.CONSUMER, attributes, traceparent=job.traceparent) as span:
        span.share(spans.TENANT, job.tenant_id)
        yield span
