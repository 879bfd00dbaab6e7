"""Definitions: pipelines, stages, users and custom fields of a CRM, and what they are on the platform.

A counterpart is suggested by its name or e-mail address and corrected by hand; what has none is created.
"""

from collections.abc import Iterable
from typing import Any

from sqlmodel import col

from platform_app import custom_fields
from platform_app.automation.values import fold
from platform_app.db import Transaction, owned, unscoped
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.i18n import translate
from platform_app.models.crm import CustomField, FieldKind, Holder, Stage, StageKind
from platform_app.models.integration import CrmConnection, CrmLink, RecordKind
from platform_app.models.person import Identity, Member, Tenant, User
from platform_app.services.crm import custom_field_definitions, pipelines
from platform_app.services.integrations import connections
from platform_app.services.integrations.connections import Definitions

KINDS = (
    RecordKind.PIPELINE,
    RecordKind.STAGE,
    RecordKind.USER,
    RecordKind.CONTACT_FIELD,
    RecordKind.LEAD_FIELD,
)
HOLDERS = {RecordKind.CONTACT_FIELD: Holder.CONTACT, RecordKind.LEAD_FIELD: Holder.LEAD}
CREATE = "new"  # the value of a mapping: to be created here


def list_links(session: Transaction, connection: CrmConnection, *kinds: RecordKind) -> list[CrmLink]:
    """Return the links of definitions of some kinds, in the CRM's order."""
    query = owned(CrmLink, connection.tenant_id).where(
        CrmLink.connection_id == connection.id, col(CrmLink.kind).in_(kinds or KINDS)
    )
    return sorted(session.exec(query).all(), key=lambda link: (link.definition.get("position", 0), link.id))


def store(session: Transaction, who: Identity, connection: CrmConnection, found: Definitions) -> None:
    """Store the definitions of an account as they are now, and suggest counterparts for new ones."""
    held = {(link.kind, link.external_id): link for link in list_links(session, connection)}
    for position, (kind, external_id, definition) in enumerate(_entries(found, _language(session, connection))):
        link = held.pop((kind, external_id), None)
        if link is None:
            link = CrmLink(tenant_id=connection.tenant_id, connection_id=connection.id, kind=kind)
            link.external_id, link.is_chosen = external_id, kind in (RecordKind.PIPELINE, RecordKind.STAGE)
            session.add(link)
        link.definition = definition | {"position": position}
    for gone in held.values():
        session.delete(gone)
    session.flush()
    suggest(session, who, connection)
    connections.publish_change(session, connection)


def _language(session: Transaction, connection: CrmConnection) -> str:
    tenant = session.get(Tenant, connection.tenant_id)
    return tenant.language if tenant is not None else "en"


def _entries(found: Definitions, language: str) -> Iterable[tuple[RecordKind, str, dict[str, Any]]]:
    for pipeline in found.pipelines:
        yield RecordKind.PIPELINE, pipeline.external_id, {"name": pipeline.name[:120]}
        for stage in pipeline.stages:
            shown = {"name": stage.name[:120], "kind": stage.kind.value, "parent": pipeline.external_id}
            yield RecordKind.STAGE, stage.external_id, shown
    for user in found.users:
        yield RecordKind.USER, user.external_id, {"name": user.name[:120], "email": user.email[:254]}
    for field in found.fields:
        kind = RecordKind.CONTACT_FIELD if field.holder == Holder.CONTACT else RecordKind.LEAD_FIELD
        name = translate(language, field.name) if field.is_read_only else field.name  # one that the CRM does not have
        definition = {"name": name[:80], "kind": field.kind.value, "options": list(field.options[:100])}
        yield kind, field.external_id, definition | {"read_only": field.is_read_only}


def suggest(session: Transaction, who: Identity, connection: CrmConnection) -> None:
    """Give definitions without a counterpart the one of the same name, if it is free."""
    links = list_links(session, connection)
    taken = {(link.kind, link.row_id) for link in links if link.row_id}
    known = _candidates(session, who)
    for link in links:
        if link.row_id is not None or link.definition.get("decided"):
            continue
        for row_id in _same_name(link, links, known):
            if (link.kind, row_id) not in taken:
                taken.add((link.kind, row_id))
                link.row_id, link.is_chosen = row_id, True
                break


def _candidates(session: Transaction, who: Identity) -> dict[RecordKind, list[tuple[str, str, str]]]:
    """Return what there is here by kind, as id, folded name, and what else has to fit."""
    shown = pipelines.list_pipelines(session, who)
    people = _people(session, who)
    fields = custom_fields.list_custom_fields(session, who.tenant_id)
    return {
        RecordKind.PIPELINE: [(row.id, fold(row.name), "") for row, _ in shown],
        RecordKind.STAGE: [(stage.id, fold(stage.name), row.id) for row, stages in shown for stage in stages],
        RecordKind.USER: [(user.id, fold(user.name), fold(user.email)) for user in people],
        RecordKind.CONTACT_FIELD: [(f.id, fold(f.name), f.kind.value) for f in fields if f.holder == Holder.CONTACT],
        RecordKind.LEAD_FIELD: [(f.id, fold(f.name), f.kind.value) for f in fields if f.holder == Holder.LEAD],
    }


def _people(session: Transaction, who: Identity) -> list[User]:
    members = owned(Member, who.tenant_id).where(col(Member.disabled_at).is_(None))
    ids = session.exec(members.with_only_columns(Member.user_id)).all()
    return list(session.exec(unscoped(User).where(col(User.id).in_(ids)).order_by(User.id)).all())


def _same_name(
    link: CrmLink, links: list[CrmLink], known: dict[RecordKind, list[tuple[str, str, str]]]
) -> Iterable[str]:
    """Yield the ids of what a definition may be, the likeliest first."""
    definition, name = link.definition, fold(str(link.definition.get("name", "")))
    if link.kind == RecordKind.USER:
        email = fold(str(definition.get("email", "")))
        yield from (row_id for row_id, _, own_email in known[link.kind] if email and own_email == email)
    for row_id, own_name, more in known[link.kind]:
        if own_name != name:
            continue
        if link.kind == RecordKind.STAGE and more != _row_of(links, RecordKind.PIPELINE, definition.get("parent")):
            continue
        if link.kind in HOLDERS and more not in (definition.get("kind"), FieldKind.TEXT.value):
            continue
        yield row_id


def _row_of(links: list[CrmLink], kind: RecordKind, external_id: Any) -> str | None:
    return next((link.row_id for link in links if link.kind == kind and link.external_id == external_id), None)


def set_counterpart(session: Transaction, who: Identity, connection_id: str, *, link_id: str, value: str) -> CrmLink:
    """Say what a definition is here: the id of a row, CREATE, or "" for nothing.

    Raises NotFound if there is no such definition or row, Conflict if the row is the counterpart of another one, and
    Invalid if this kind cannot be created here.
    """
    connection = connections.get(session, who, connection_id, lock=True)
    links = list_links(session, connection)
    link = next((link for link in links if link.id == link_id), None)
    if link is None:
        raise NotFound("Field not found.")
    if value == CREATE and link.kind == RecordKind.USER:
        raise Invalid("Invite teammates in Settings, Members.", field=link.id)
    row_id = value if value not in ("", CREATE) else None
    if row_id is not None:
        _check_counterpart(_candidates(session, who)[link.kind], link, links, row_id)
    link.row_id, link.is_chosen = row_id, value != ""
    link.definition = link.definition | {"decided": True}
    if link.kind == RecordKind.PIPELINE:
        _release_stages(link, links)
        session.flush()
        suggest(session, who, connection)
    connections.publish_change(session, connection)
    return link


def _check_counterpart(
    candidates: list[tuple[str, str, str]], link: CrmLink, links: list[CrmLink], row_id: str
) -> None:
    """Raise NotFound or Conflict if a row cannot be the counterpart of a definition."""
    fitting = {own_id: more for own_id, _, more in candidates}
    if row_id not in fitting:
        raise NotFound("Field not found.")
    parent = _row_of(links, RecordKind.PIPELINE, link.definition.get("parent"))
    if link.kind == RecordKind.STAGE and fitting[row_id] != parent:
        raise Conflict("This stage belongs to another pipeline.", field=link.id)
    other = next((other for other in links if other.kind == link.kind and other.row_id == row_id), None)
    if other is not None and other.id != link.id:
        name = str(other.definition.get("name", ""))
        raise Conflict("“{name}” already uses it. Choose another one or free it there.", field=link.id, name=name)


def _release_stages(pipeline: CrmLink, links: list[CrmLink]) -> None:
    """Free the counterparts of a pipeline's stages, which belonged to another pipeline."""
    for link in links:
        if link.kind == RecordKind.STAGE and link.definition.get("parent") == pipeline.external_id:
            link.row_id, link.is_chosen = None, True


def create_missing(session: Transaction, who: Identity, connection: CrmConnection) -> None:
    """Create here what is chosen and has no counterpart. Raises LimitReached if there are too many."""
    links = list_links(session, connection)
    _forget_deleted(session, who, links)
    for link in links:
        if link.kind == RecordKind.PIPELINE and link.is_chosen:
            _create_pipeline(session, who, link, links)
        elif link.kind in HOLDERS and link.is_chosen and link.row_id is None:
            link.row_id = _create_field(session, who, link).id
    session.flush()


def _forget_deleted(session: Transaction, who: Identity, links: list[CrmLink]) -> None:
    """Free links to rows that were deleted here."""
    known = {kind: {row_id for row_id, _, _ in rows} for kind, rows in _candidates(session, who).items()}
    for link in links:
        if link.row_id is not None and link.row_id not in known[link.kind]:
            link.row_id = None


def _create_pipeline(session: Transaction, who: Identity, pipeline: CrmLink, links: list[CrmLink]) -> None:
    if pipeline.row_id is None:
        pipeline.row_id = pipelines.create(session, who, str(pipeline.definition["name"]), []).id
    for link in links:
        is_mine = link.kind == RecordKind.STAGE and link.definition.get("parent") == pipeline.external_id
        if is_mine and link.is_chosen and link.row_id is None:
            kind = StageKind(str(link.definition.get("kind", StageKind.OPEN)))
            row: Stage = pipelines.add_stage(session, who, pipeline.row_id, _stage_name(link), kind=kind)
            link.row_id = row.id


def _stage_name(link: CrmLink) -> str:
    return str(link.definition.get("name", "")).strip() or "—"


def _create_field(session: Transaction, who: Identity, link: CrmLink) -> CustomField:
    """Create a custom field; one whose name is taken by another kind gets the name of the CRM behind it."""
    definition, holder = link.definition, HOLDERS[link.kind]
    kind, options = FieldKind(definition["kind"]), "\n".join(definition.get("options", []))
    if kind == FieldKind.CHOICE and not options.strip():
        kind = FieldKind.TEXT
    name = str(definition["name"]).strip() or "—"
    taken = {fold(row.name) for row in custom_fields.list_custom_fields(session, who.tenant_id, holder)}
    if fold(name) in taken:
        name = f"{name[:60]} ({who.name})"
    return custom_field_definitions.create(session, who, holder, name=name, kind=kind, options=options)
