"""Hook trees: what a hook says of a change, before it is written as a form (amocrm.ru/developers, webhooks-format)."""

from typing import Any, Protocol

Tree = dict[str, Any]
_GROUPS = {"leads": "leads", "contacts": "contacts", "companies": "contacts"}  # companies come among contacts
_SINGULAR = {"leads": "lead", "contacts": "contact", "companies": "company"}


class Account(Protocol):
    """The account that a hook comes from."""

    account_id: int
    subdomain: str


def account_tree(data: Account) -> Tree:
    """Return what every hook says of the account."""
    return {"account": {"id": data.account_id, "subdomain": data.subdomain, "_links": {"self": data.subdomain}}}


def entity_tree(data: Account, kind: str, action: str, held: Tree, **more: Any) -> Tree:
    """Return the tree of a change of an entity."""
    fields = {name: held.get(name) for name in ("id", "name", "responsible_user_id", "group_id")}
    if action != "delete":
        fields |= {"created_user_id": held["created_by"], "modified_user_id": held["updated_by"]}
        fields |= {"date_create": held["created_at"], "last_modified": held["updated_at"]}
        fields |= {"created_at": held["created_at"], "updated_at": held["updated_at"], "account_id": data.account_id}
        fields |= {"custom_fields": [_field(item) for item in held["custom_fields_values"] or []]}
        fields |= {"tags": [{"id": tag["id"], "name": tag["name"]} for tag in held["tags"]]}
    if kind == "leads":
        fields |= {name: held[name] for name in ("status_id", "pipeline_id", "price")}
    else:
        fields |= {"type": _SINGULAR[kind]}
    return {_GROUPS[kind]: {action: [fields | more]}} | account_tree(data)


def _field(item: Tree) -> Tree:
    values = [{"value": value.get("value"), "enum": value.get("enum_id")} for value in item.get("values") or []]
    return {"id": item.get("field_id"), "name": item.get("field_name"), "values": values}


def change_trees(data: Account, kind: str, held: Tree, before: Tree) -> list[tuple[str, Tree]]:
    """Return the hooks of a change, each with the setting that subscribes to it."""
    name, trees = _SINGULAR[kind], []
    if kind == "leads" and {"status_id", "pipeline_id"} & before.keys():
        old = {f"old_{part}": before.get(part, held[part]) for part in ("status_id", "pipeline_id")}
        trees.append(("status_lead", entity_tree(data, kind, "status", held, **old)))
    if "responsible_user_id" in before:
        old = {"old_responsible_user_id": before["responsible_user_id"]}
        trees.append((f"responsible_{name}", entity_tree(data, kind, "responsible", held, **old)))
    trees.append((f"update_{name}", entity_tree(data, kind, "update", held)))
    return trees


def note_tree(data: Account, kind: str, note: Tree) -> Tree:
    """Return the tree of a new note."""
    inner = {"id": note["id"], "element_id": note["entity_id"], "note_type": note["note_type"]}
    inner |= {
        "text": note["params"].get("text", ""),
        "created_by": note["created_by"],
        "date_create": note["created_at"],
    }
    return {_GROUPS[kind]: {"note": [{"note": inner, "type": _SINGULAR[kind]}]}} | account_tree(data)


def task_tree(data: Account, action: str, task: Tree) -> Tree:
    """Return the tree of a change of a task."""
    fields = {name: task[name] for name in ("id", "text", "responsible_user_id", "created_at", "updated_at")}
    fields |= {"element_id": task["entity_id"], "task_type": task["task_type_id"], "status": int(task["is_completed"])}
    fields |= {"element_type": {"leads": 2, "contacts": 1, "companies": 3}.get(task["entity_type"], 2)}
    return {"task": {action: [fields | {"complete_till": task["complete_till"]}]}} | account_tree(data)


def message_tree(data: Account, message: Tree) -> Tree:
    """Return the tree of a message that a customer wrote."""
    return {"message": {"add": [message]}} | account_tree(data)


def talk_tree(data: Account, action: str, talk: Tree) -> Tree:
    """Return the tree of a change of a talk."""
    return {"talk": {action: [{name: value for name, value in talk.items() if name != "id"}]}} | account_tree(data)
