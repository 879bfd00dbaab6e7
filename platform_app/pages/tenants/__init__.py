"""Tenants: the page with the company's data."""
