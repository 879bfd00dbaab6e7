"""Providers: model providers that others wrote, each in an environment of its own, for the tests."""
