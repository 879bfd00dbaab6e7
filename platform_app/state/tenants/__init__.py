"""Tenants: state of the page with the company's data."""
