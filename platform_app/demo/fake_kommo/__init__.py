"""Fake Kommo: a CRM on this machine that behaves as Kommo and amoCRM are documented, for tests and for trying out."""
