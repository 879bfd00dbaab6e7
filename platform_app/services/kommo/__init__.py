"""Kommo: access to accounts of Kommo that is stored, and conversations that are held there."""
