"""Migrations: Alembic."""
