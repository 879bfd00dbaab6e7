"""Audit: the log of what was done to accounts, access, secrets and settings, which shows when it was altered."""
