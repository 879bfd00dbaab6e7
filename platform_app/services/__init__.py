"""Services: what the platform does, one file per noun, in plain synchronous functions.

Importing one of them lets the audit log listen to the sessions of the database.
"""

from platform_app.services.audit import capture

__all__ = ["capture"]
