"""Automation: what is decided from facts, without a database or a clock of its own."""
