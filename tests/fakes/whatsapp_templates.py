"""Fake templates: templates as the Cloud API lists them."""

from typing import Any


def template(
    name: str, body: str, *, status: str = "APPROVED", language: str = "en_US", **parts: Any
) -> dict[str, Any]:
    """Return a template with further components by type: HEADER={"format": "IMAGE"}."""
    components = [{"type": kind, **part} for kind, part in parts.items()] + [{"type": "BODY", "text": body}]
    about = {"name": name, "language": "en_US", "category": "UTILITY", "status": status}
    return about | {"components": components}
