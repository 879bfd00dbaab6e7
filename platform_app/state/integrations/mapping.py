"""Mapping: what pipelines, stages, colleagues and fields of a CRM are on the platform, as its page shows it."""

from dataclasses import dataclass, field

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.crm import Pipeline, Stage
from platform_app.models.integration import CrmConnection, CrmLink, RecordKind
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.crm import pipelines
from platform_app.services.integrations import definitions
from platform_app.state.console.option_lists import Option

KIND_WORDS = {
    RecordKind.PIPELINE: "Pipeline",
    RecordKind.STAGE: "Stage",
    RecordKind.USER: "Member",
    RecordKind.CONTACT_FIELD: "Field",
    RecordKind.LEAD_FIELD: "Field",
    RecordKind.CONTACT: "Contact",
    RecordKind.LEAD: "Lead",
    RecordKind.TASK: "Task",
    RecordKind.NOTE: "Note",
}
NOTHING, CREATE = "Don’t synchronize", "Create it here"


@dataclass
class MappingLine:
    """A pipeline, stage, colleague or field of the CRM, and its counterpart: an id, "new" or ""."""

    id: str
    name: str
    note: str
    value: str


@dataclass
class MappingGroup:
    """Lines with the same choices."""

    id: str
    title: str
    options: list[Option] = field(default_factory=list)
    lines: list[MappingLine] = field(default_factory=list)


def mapping_groups(session: Transaction, who: Identity, connection: CrmConnection) -> list[MappingGroup]:
    """Return the definitions of a CRM in groups: pipelines, the stages of each, colleagues, fields."""
    links = definitions.list_links(session, connection)
    shown = pipelines.list_pipelines(session, who)
    nothing, create = (Option("", translate(who.language, NOTHING)), Option("new", translate(who.language, CREATE)))
    nobody = Option("", translate(who.language, "Unassigned"))
    people = [Option(user.id, user.name) for user, _ in members.list_members(session, who)]
    groups = [
        _group(who, links, RecordKind.PIPELINE, [nothing, create, *(Option(row.id, row.name) for row, _ in shown)]),
        *_stage_groups(who, links, shown, [nothing, create]),
        _group(who, links, RecordKind.USER, [nobody, *people]),
    ]
    for kind, holder in definitions.HOLDERS.items():
        own = custom_fields.list_custom_fields(session, who.tenant_id, holder)
        groups.append(_group(who, links, kind, [nothing, create, *(Option(row.id, row.name) for row in own)]))
    return [group for group in groups if group.lines]


GROUP_TITLES = {
    RecordKind.PIPELINE: "Pipelines",
    RecordKind.USER: "Members",
    RecordKind.CONTACT_FIELD: "Fields of contacts",
    RecordKind.LEAD_FIELD: "Fields of leads",
}


def _group(who: Identity, links: list[CrmLink], kind: RecordKind, options: list[Option]) -> MappingGroup:
    lines = [_line(link, options) for link in links if link.kind == kind]
    return MappingGroup(kind.value, translate(who.language, GROUP_TITLES[kind]), options, lines)


def _stage_groups(
    who: Identity, links: list[CrmLink], shown: list[tuple[Pipeline, list[Stage]]], choices: list[Option]
) -> list[MappingGroup]:
    groups = []
    stages = {row.id: held for row, held in shown}
    for pipeline in links:
        if pipeline.kind != RecordKind.PIPELINE or not pipeline.is_chosen:
            continue
        options = [*choices, *(Option(stage.id, stage.name) for stage in stages.get(pipeline.row_id or "", []))]
        mine = [link for link in links if link.definition.get("parent") == pipeline.external_id]
        title = translate(who.language, "Stages of “{name}”", name=str(pipeline.definition.get("name", "")))
        groups.append(MappingGroup(pipeline.id, title, options, [_line(link, options) for link in mine]))
    return groups


def _line(link: CrmLink, options: list[Option]) -> MappingLine:
    value = link.row_id or ("new" if link.is_chosen and link.kind != RecordKind.USER else "")
    known = {option.id for option in options}
    definition = link.definition
    return MappingLine(
        id=link.id,
        name=str(definition.get("name", "")),
        note=str(definition.get("email", "")),
        value=value if value in known else "",
    )
