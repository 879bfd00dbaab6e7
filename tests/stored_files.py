"""Stored files: which files of tenants are stored, wherever that is."""

from platform_app.files import tenant_files


def stored_keys() -> list[str]:
    """Return the keys of all stored files, sorted."""
    return sorted(info.key for info in tenant_files.open_store().list())
