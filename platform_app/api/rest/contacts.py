"""Contacts: list, read, create, change and delete them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlmodel import col

from platform_app.api.rest.fields import Email, Line, ListQuery, Name, Page, Phone, Search, Tag, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.crm import Contact
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import contacts, search_text

READ, WRITE = Scope.CONTACTS_READ, Scope.CONTACTS_WRITE
CustomValues = Annotated[
    dict[Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")], Line],
    Field(max_length=50, description="Values of your own fields, by their keys; an empty text removes one."),
]
Language = Annotated[str, Field(pattern="^(ru|en)?$")]
TimeZone = Annotated[str, Field(max_length=64, pattern="^[A-Za-z0-9_+/-]*$", examples=["Europe/Moscow"])]


class ContactView(View):
    """A person to whom agents talk."""

    id: str
    created_at: datetime
    updated_at: datetime
    name: str
    emails: list[str]
    phones: list[str]
    language: str
    time_zone: str
    tags: list[str]
    fields: dict[str, Any]
    opted_out_at: datetime | None


class ContactQuery(ListQuery):
    """What a list of contacts shows."""

    search: Search | None = None


class ContactChanges(Input):
    """Values of a contact; those that are left out stay as they are."""

    name: Name | None = None
    emails: Annotated[list[Email], Field(max_length=10)] | None = None
    phones: Annotated[list[Phone], Field(max_length=10)] | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    tags: Annotated[list[Tag], Field(max_length=30)] | None = None
    fields: CustomValues | None = None


class NewContact(ContactChanges):
    """A new contact."""

    name: Name


def changed_values(body: Any) -> dict[str, Any]:
    """Return the values of a body that are set, by the names that services use; null counts as left out."""
    values = {name: getattr(body, name) for name in body.model_fields_set}
    own = values.pop("fields", None) or {}
    return {name: value for name, value in values.items() if value is not None} | {
        f"field.{key}": value for key, value in own.items()
    }


@operation("GET", "/contacts", READ, query=ContactQuery, answer=Page[ContactView])
def list_contacts(call: Call) -> Page[ContactView]:
    """List contacts, the newest first."""
    query = owned(Contact, call.who.tenant_id).where(col(Contact.deleted_at).is_(None))
    query = search_text.filter_rows(query, Contact.search_text, call.query.search or "")
    return page(call.session, query, call.query, model=Contact, view=ContactView)


@operation("POST", "/contacts", WRITE, body=NewContact, answer=ContactView, status=201)
def create_contact(call: Call) -> ContactView:
    """Create a contact."""
    return ContactView.model_validate(contacts.create(call.session, call.who, **changed_values(call.body)))


@operation("GET", "/contacts/{contact_id}", READ, answer=ContactView)
def get_contact(call: Call) -> ContactView:
    """Read a contact; of a merged one, the contact that it was merged into."""
    return ContactView.model_validate(contacts.get(call.session, call.who, call.ids["contact_id"]))


@operation("PATCH", "/contacts/{contact_id}", WRITE, body=ContactChanges, answer=ContactView)
def change_contact(call: Call) -> ContactView:
    """Change some values of a contact."""
    values = changed_values(call.body)
    return ContactView.model_validate(contacts.save(call.session, call.who, call.ids["contact_id"], values))


@operation("DELETE", "/contacts/{contact_id}", WRITE, status=204)
def delete_contact(call: Call) -> None:
    """Move a contact to the bin."""
    contacts.delete(call.session, call.who, call.ids["contact_id"])
