"""Automation: pure functions of facts, without database or clock."""
