"""Web chat: what visitors of the tenants' sites use."""
