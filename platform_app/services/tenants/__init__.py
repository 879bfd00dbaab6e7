"""Tenants: the export and the deletion of all data of a tenant."""
