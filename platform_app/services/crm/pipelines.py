"""Pipelines: a tenant's sales funnels with their stages in order."""

from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, LimitReached, NotFound
from platform_app.i18n import translate
from platform_app.models.crm import Lead, Pipeline, Stage, StageKind
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.crm import crm_values
from platform_app.services.feed import activity

MAX_PIPELINES = 20  # pipelines of a tenant
MAX_STAGES = 40  # of a pipeline
DEFAULT_NAME = "Sales"
DEFAULT_STAGES = (
    ("New leads", StageKind.OPEN),
    ("Negotiation", StageKind.OPEN),
    ("Offer sent", StageKind.OPEN),
    ("Deal won", StageKind.WON),
    ("Deal lost", StageKind.LOST),
)


def list_pipelines(session: Transaction, who: Identity) -> list[tuple[Pipeline, list[Stage]]]:
    """Return the tenant's pipelines, each with its stages, in order."""
    rows = session.exec(owned(Pipeline, who.tenant_id).order_by(Pipeline.position, Pipeline.id)).all()
    stages = session.exec(owned(Stage, who.tenant_id).order_by(Stage.position, Stage.id)).all()
    return [(row, [stage for stage in stages if stage.pipeline_id == row.id]) for row in rows]


def get_stage(session: Transaction, who: Identity, stage_id: str) -> Stage:
    """Return a stage of the tenant. Raises NotFound if there is none."""
    row: Stage | None = session.exec(owned(Stage, who.tenant_id).where(Stage.id == stage_id)).first()
    if row is None:
        raise NotFound("Stage not found.")
    return row


def get_pipeline(session: Transaction, who: Identity, pipeline_id: str) -> Pipeline:
    """Return a pipeline of the tenant. Raises NotFound if there is none."""
    row: Pipeline | None = session.exec(owned(Pipeline, who.tenant_id).where(Pipeline.id == pipeline_id)).first()
    if row is None:
        raise NotFound("Pipeline not found.")
    return row


def create_default(session: Transaction, tenant_id: str, language: str) -> Pipeline:
    """Create the first pipeline of a new tenant, with names in `language` ("ru" or "en")."""
    row = Pipeline(tenant_id=tenant_id, name=translate(language, DEFAULT_NAME))
    session.add(row)
    session.flush()
    for position, (name, kind) in enumerate(default_stages(language)):
        session.add(Stage(tenant_id=tenant_id, pipeline_id=row.id, name=name, kind=kind, position=position))
    session.flush()
    return row


def default_stages(language: str) -> list[tuple[str, StageKind]]:
    """Return the names and kinds of the stages of a new pipeline, with names in `language`."""
    return [(translate(language, name), kind) for name, kind in DEFAULT_STAGES]


def create(session: Transaction, who: Identity, name: str, stages: list[tuple[str, StageKind]]) -> Pipeline:
    """Create a pipeline with stages at the end. Raises LimitReached at the maximum, Invalid for a wrong name."""
    held = list_pipelines(session, who)
    if len(held) >= MAX_PIPELINES:
        raise LimitReached("You can add up to {count} pipelines.", count=MAX_PIPELINES)
    name = crm_values.clean_line(name, "name", max_length=120, required=True)
    row = Pipeline(tenant_id=who.tenant_id, name=name, position=len(held))
    session.add(row)
    session.flush()
    for stage_name, kind in stages:
        _add_stage(session, who, row, stage_name, kind=kind)
    _record(session, who, row, "Pipeline “{name}” created")
    return row


def rename(session: Transaction, who: Identity, pipeline_id: str, name: str) -> Pipeline:
    """Rename a pipeline. Raises NotFound if there is none, Invalid for a wrong name."""
    row = get_pipeline(session, who, pipeline_id)
    row.name = crm_values.clean_line(name, "name", max_length=120, required=True)
    if session.is_modified(row):
        _record(session, who, row, "Pipeline “{name}” renamed")
    return row


def delete(session: Transaction, who: Identity, pipeline_id: str) -> Pipeline:
    """Delete a pipeline with its stages. Raises NotFound if there is none, Conflict if a stage has leads."""
    row = get_pipeline(session, who, pipeline_id)
    for stage in _list_stages(session, who, row.id):
        _delete_stage(session, who, stage)
    session.delete(row)
    _record(session, who, row, "Pipeline “{name}” deleted")
    return row


def _record(session: Transaction, who: Identity, row: Pipeline, sentence: str) -> None:
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link="/settings/crm", name=row.name)


def _record_stages_changed(session: Transaction, who: Identity, pipeline_id: str) -> None:
    _record(session, who, get_pipeline(session, who, pipeline_id), "Stages of “{name}” changed")


def _list_stages(session: Transaction, who: Identity, pipeline_id: str) -> list[Stage]:
    query = owned(Stage, who.tenant_id).where(Stage.pipeline_id == pipeline_id)
    return list(session.exec(query.order_by(Stage.position, Stage.id)).all())


def add_stage(
    session: Transaction, who: Identity, pipeline_id: str, name: str, *, kind: StageKind = StageKind.OPEN
) -> Stage:
    """Add a stage at the end of a pipeline.

    Raises NotFound if there is no such pipeline, LimitReached at the maximum, and Invalid for a wrong name.
    """
    row = _add_stage(session, who, get_pipeline(session, who, pipeline_id), name, kind=kind)
    _record_stages_changed(session, who, pipeline_id)
    return row


def _add_stage(session: Transaction, who: Identity, into: Pipeline, name: str, *, kind: StageKind) -> Stage:
    held = _list_stages(session, who, into.id)
    if len(held) >= MAX_STAGES:
        raise LimitReached("You can add up to {count} stages.", count=MAX_STAGES)
    name = crm_values.clean_line(name, "name", max_length=120, required=True)
    position = max((other.position for other in held), default=-1) + 1
    row = Stage(tenant_id=who.tenant_id, pipeline_id=into.id, name=name, kind=kind, position=position)
    session.add(row)
    session.flush()
    return row


def update_stage(session: Transaction, who: Identity, stage_id: str, *, name: str, kind: StageKind) -> Stage:
    """Set the name and kind of a stage. Raises NotFound if there is none, Invalid for a wrong name."""
    row = get_stage(session, who, stage_id)
    row.name, row.kind = crm_values.clean_line(name, "name", max_length=120, required=True), kind
    if session.is_modified(row):
        _record_stages_changed(session, who, row.pipeline_id)
    return row


def move_stage(session: Transaction, who: Identity, stage_id: str, *, up: bool) -> None:
    """Swap a stage with the one before it, or after it. Raises NotFound if there is none."""
    row = get_stage(session, who, stage_id)
    order = _list_stages(session, who, row.pipeline_id)
    place = [stage.id for stage in order].index(row.id)
    other = place - 1 if up else place + 1
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
    for position, stage in enumerate(order):
        stage.position = position
    _record_stages_changed(session, who, row.pipeline_id)


def delete_stage(session: Transaction, who: Identity, stage_id: str) -> Stage:
    """Delete a stage. Raises NotFound if there is none, Conflict if it has leads."""
    row = get_stage(session, who, stage_id)
    _delete_stage(session, who, row)
    _record_stages_changed(session, who, row.pipeline_id)
    return row


def _delete_stage(session: Transaction, who: Identity, row: Stage) -> None:
    standing: Lead | None = session.exec(owned(Lead, who.tenant_id).where(Lead.stage_id == row.id).limit(1)).first()
    if standing is not None:
        raise Conflict("Stage “{name}” has leads. Move them first.", name=row.name)
    session.delete(row)
    session.flush()
