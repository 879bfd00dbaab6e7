"""LLM: the provider client, prompts and the offline model."""
