"""Automation: decisions computed from facts, without database or clock."""
