"""Completions: agents for clients of OpenAI, below /v1."""
