"""Fixtures: a fake Kommo that the platform calls."""

from tests.fakes.kommo import kommo, unpaced

__all__ = ["kommo", "unpaced"]
