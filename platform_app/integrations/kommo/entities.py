"""Entities: the shapes of what the API v4 gives: leads, contacts, companies, tasks, notes, pipelines, users, fields.

Unknown members are ignored, and null stands for what is not there.
"""

from typing import Annotated, Any, TypeVar

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

log = structlog.get_logger()
WON_STATUS, LOST_STATUS = 142, 143  # in every pipeline
INCOMING_STATUS_TYPE = 1  # of the stage of unsorted leads

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Number = Annotated[int, BeforeValidator(lambda value: 0 if value in (None, "") else value)]
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
Items = Annotated[list[dict[str, Any]], BeforeValidator(lambda value: [] if value is None else value)]
Tree = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]


class Entity(BaseModel):
    """What all entities share."""

    model_config = ConfigDict(extra="ignore")

    id: int
    updated_at: Number = 0  # Unix seconds, as all times here
    created_at: Number = 0


class CrmEntity(Entity):
    """What leads, contacts and companies share."""

    name: Text = ""
    responsible_user_id: Number = 0  # 0: nobody
    updated_by: Number = 0  # 0: an integration or robot
    is_deleted: Flag = False
    custom_fields_values: Items = Field(default_factory=list)
    embedded: Tree = Field(default_factory=dict, alias="_embedded")

    @property
    def tags(self) -> list[str]:
        """The names of its tags."""
        return [str(tag["name"]) for tag in self._embedded_items("tags") if tag.get("name")]

    def _embedded_items(self, kind: str) -> list[dict[str, Any]]:
        items = self.embedded.get(kind)
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def _embedded_ids(self, kind: str) -> list[int]:
        return [item["id"] for item in self._embedded_items(kind) if isinstance(item.get("id"), int)]


class Lead(CrmEntity):
    """A lead in a stage of a pipeline."""

    price: Number = 0
    status_id: Number = 0
    pipeline_id: Number = 0
    loss_reason_id: Number = 0
    closed_at: Number = 0

    @property
    def contact_ids(self) -> list[int]:
        """The ids of its contacts, the main one first."""
        contacts = sorted(self._embedded_items("contacts"), key=lambda item: not item.get("is_main"))
        return [item["id"] for item in contacts if isinstance(item.get("id"), int)]

    @property
    def company_ids(self) -> list[int]:
        """The ids of its companies."""
        return self._embedded_ids("companies")


class Contact(CrmEntity):
    """A contact."""

    first_name: Text = ""
    last_name: Text = ""

    @property
    def lead_ids(self) -> list[int]:
        """The ids of its leads, where they were asked for."""
        return self._embedded_ids("leads")

    @property
    def company_ids(self) -> list[int]:
        """The ids of its companies."""
        return self._embedded_ids("companies")


class Company(CrmEntity):
    """A company."""


class Task(Entity):
    """A task; `entity_type` is leads, contacts or companies."""

    entity_id: Number = 0
    entity_type: Text = ""
    text: Text = ""
    complete_till: Number = 0
    task_type_id: Number = 1
    responsible_user_id: Number = 0
    is_completed: Flag = False
    result: Tree = Field(default_factory=dict)


class Note(Entity):
    """A note; the text of a common one is `params["text"]`."""

    entity_id: Number = 0
    note_type: Text = ""
    params: Tree = Field(default_factory=dict)
    created_by: Number = 0

    @property
    def text(self) -> str:
        """The text, "" for kinds without."""
        return str(self.params.get("text") or "")


class Status(BaseModel):
    """A stage of a pipeline."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: Text = ""
    sort: Number = 0
    color: Text = ""
    type: Number = 0  # INCOMING_STATUS_TYPE or 0
    pipeline_id: Number = 0


class Pipeline(BaseModel):
    """A pipeline."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: Text = ""
    sort: Number = 0
    is_main: Flag = False
    is_archive: Flag = False
    embedded: Tree = Field(default_factory=dict, alias="_embedded")

    @property
    def statuses(self) -> list[Status]:
        """The stages in their order, won and lost last."""
        return sorted(read_list(Status, self.embedded.get("statuses")), key=lambda status: (status.sort, status.id))


class User(BaseModel):
    """A member of an account."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: Text = ""
    email: Text = ""
    lang: Text = ""
    amojo_id: Text = ""
    rights: Tree = Field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """Whether the member can sign in."""
        return bool(self.rights.get("is_active", True))

    @property
    def is_admin(self) -> bool:
        """Whether the member is an administrator."""
        return bool(self.rights.get("is_admin"))


class FieldOption(BaseModel):
    """A choice of a custom field."""

    model_config = ConfigDict(extra="ignore")

    id: int
    value: Text = ""
    code: Text = ""
    sort: Number = 0


class CustomField(BaseModel):
    """A custom field; `type` is one of `custom_field_values.KINDS` or unknown."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: Text = ""
    code: Text = ""
    type: Text = "text"
    sort: Number = 0
    is_api_only: Flag = False
    currency: Text = ""
    enums: Items = Field(default_factory=list)

    @property
    def options(self) -> list[FieldOption]:
        """The choices of a field that has some."""
        return read_list(FieldOption, self.enums)


class Account(BaseModel):
    """An account."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: Text = ""
    subdomain: Text = ""
    country: Text = ""
    currency: Text = ""
    amojo_id: Text = ""
    embedded: Tree = Field(default_factory=dict, alias="_embedded")

    @property
    def time_zone(self) -> str:
        """The name of its time zone, "" if it is not told."""
        settings = self.embedded.get("datetime_settings")
        return str(settings.get("timezone") or "") if isinstance(settings, dict) else ""


class Event(BaseModel):
    """An entry of the events list; its id is a text."""

    model_config = ConfigDict(extra="ignore")

    id: Text
    type: Text = ""
    entity_id: Number = 0
    entity_type: Text = ""
    created_by: Number = 0
    created_at: Number = 0
    value_after: Items = Field(default_factory=list)
    value_before: Items = Field(default_factory=list)


ModelT = TypeVar("ModelT", bound=BaseModel)


def read_list(model: type[ModelT], items: Any) -> list[ModelT]:
    """Return the items that can be read; others are logged by their id and left out."""
    read: list[ModelT] = []
    for item in items if isinstance(items, list) else []:
        try:
            read.append(model.model_validate(item))
        except ValidationError as error:
            places = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
            outside_id = item.get("id") if isinstance(item, dict) else None
            log.warning("an entity cannot be read", kind=model.__name__, outside_id=outside_id, fields=places)
    return read
