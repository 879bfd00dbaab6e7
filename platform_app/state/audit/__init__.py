"""Audit: state of the audit log."""
